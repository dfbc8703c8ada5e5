// What makes the MuJoCo tasks, loaded when one is prepared.
export { Ant } from './ant.ts';
export { loadMujoco } from './engine.ts';
export { HalfCheetah } from './half-cheetah.ts';
export { Hopper } from './hopper.ts';
export { Humanoid } from './humanoid.ts';
export { InvertedDoublePendulum } from './inverted-double-pendulum.ts';
export { InvertedPendulum } from './inverted-pendulum.ts';
export { Reacher } from './reacher.ts';
export { Swimmer } from './swimmer.ts';
export { Walker2d } from './walker2d.ts';
