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

const entry = (
  name: string,
  title: string,
  gymnasiumId: string,
  [random, good]: readonly [random: number, good: number],
  make: () => Environment,
) => ({
  name,
  title,
  gymnasiumId,
  returns: { random, good },
  prepare: loadMujoco,
  make,
});

// Walker2d and Humanoid have no threshold: what SAC reaches after a million steps (Weng et al. 2022, Tianshou).
export const mujocoTasks = [
  entry(
    'inverted-pendulum',
    'Inverted pendulum',
    'InvertedPendulum-v5',
    [4.2, 950],
    () => new InvertedPendulum(),
  ),
  entry(
    'inverted-double-pendulum',
    'Inverted double pendulum',
    'InvertedDoublePendulum-v5',
    [47.3, 9100],
    () => new InvertedDoublePendulum(),
  ),
  entry('reacher', 'Reacher, an arm with two links', 'Reacher-v5', [-42.9, -3.75], () => new Reacher()),
  entry('swimmer', 'Swimmer, three rods in a fluid', 'Swimmer-v5', [1.7, 360], () => new Swimmer()),
  entry('hopper', 'Hopper, one leg', 'Hopper-v5', [14.8, 3800], () => new Hopper()),
  entry('half-cheetah', 'Half-cheetah, two legs', 'HalfCheetah-v5', [-278, 4800], () => new HalfCheetah()),
  entry('walker2d', 'Walker, two legs in a plane', 'Walker2d-v5', [0.1, 5007], () => new Walker2d()),
  entry('ant', 'Ant, four legs', 'Ant-v5', [-48.5, 6000], () => new Ant()),
  entry('humanoid', 'Humanoid', 'Humanoid-v5', [114, 5489], () => new Humanoid()),
];
