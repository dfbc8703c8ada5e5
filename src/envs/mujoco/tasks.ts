// The MuJoCo tasks as the registry lists them.

import type { Environment } from '../environment.ts';
import { Ant } from './ant.ts';
import { loadMujoco } from './engine.ts';
import { HalfCheetah } from './half-cheetah.ts';
import { Hopper } from './hopper.ts';
import { Humanoid } from './humanoid.ts';
import { InvertedDoublePendulum } from './inverted-double-pendulum.ts';
import { InvertedPendulum } from './inverted-pendulum.ts';
import { Reacher } from './reacher.ts';
import { Swimmer } from './swimmer.ts';
import { Walker2d } from './walker2d.ts';

const entry = (name: string, title: string, gymnasiumId: string, make: () => Environment) => ({
  name,
  title,
  gymnasiumId,
  prepare: loadMujoco,
  make,
});

export const mujocoTasks = [
  entry('inverted-pendulum', 'Inverted pendulum', 'InvertedPendulum-v5', () => new InvertedPendulum()),
  entry(
    'inverted-double-pendulum',
    'Inverted double pendulum',
    'InvertedDoublePendulum-v5',
    () => new InvertedDoublePendulum(),
  ),
  entry('reacher', 'Reacher, an arm with two links', 'Reacher-v5', () => new Reacher()),
  entry('swimmer', 'Swimmer, three rods in a fluid', 'Swimmer-v5', () => new Swimmer()),
  entry('hopper', 'Hopper, one leg', 'Hopper-v5', () => new Hopper()),
  entry('half-cheetah', 'Half-cheetah, two legs', 'HalfCheetah-v5', () => new HalfCheetah()),
  entry('walker2d', 'Walker, two legs in a plane', 'Walker2d-v5', () => new Walker2d()),
  entry('ant', 'Ant, four legs', 'Ant-v5', () => new Ant()),
  entry('humanoid', 'Humanoid', 'Humanoid-v5', () => new Humanoid()),
];
