// The MuJoCo tasks as the registry lists them.

import type { Environment } from '../environment.ts';
import { notLoaded } from './not-loaded.ts';

type Made = typeof import('./made.ts');
let made: Made | undefined;

/** Loads the engine and what is made in it. @throws BackendError when the engine cannot be loaded */
async function prepare(): Promise<void> {
  const loaded = await import('./made.ts');
  await loaded.loadMujoco();
  made = loaded;
}

const entry = (
  name: string,
  title: string,
  gymnasiumId: string,
  [random, good]: readonly [random: number, good: number],
  makeOf: (made: Made) => Environment,
) => ({
  name,
  title,
  gymnasiumId,
  returns: { random, good },
  prepare,
  /** @throws UsageError before it has been prepared */
  make: (): Environment => {
    if (made === undefined) throw notLoaded();
    return makeOf(made);
  },
});

// Walker2d and Humanoid have no threshold: what SAC reaches after a million steps (Weng et al. 2022, Tianshou).
export const mujocoTasks = [
  entry(
    'inverted-pendulum',
    'Inverted pendulum',
    'InvertedPendulum-v5',
    [4.2, 950],
    ({ InvertedPendulum }) => new InvertedPendulum(),
  ),
  entry(
    'inverted-double-pendulum',
    'Inverted double pendulum',
    'InvertedDoublePendulum-v5',
    [47.3, 9100],
    ({ InvertedDoublePendulum }) => new InvertedDoublePendulum(),
  ),
  entry(
    'reacher',
    'Reacher, an arm with two links',
    'Reacher-v5',
    [-42.9, -3.75],
    ({ Reacher }) => new Reacher(),
  ),
  entry(
    'swimmer',
    'Swimmer, three rods in a fluid',
    'Swimmer-v5',
    [1.7, 360],
    ({ Swimmer }) => new Swimmer(),
  ),
  entry('hopper', 'Hopper, one leg', 'Hopper-v5', [14.8, 3800], ({ Hopper }) => new Hopper()),
  entry(
    'half-cheetah',
    'Half-cheetah, two legs',
    'HalfCheetah-v5',
    [-278, 4800],
    ({ HalfCheetah }) => new HalfCheetah(),
  ),
  entry(
    'walker2d',
    'Walker, two legs in a plane',
    'Walker2d-v5',
    [0.1, 5007],
    ({ Walker2d }) => new Walker2d(),
  ),
  entry('ant', 'Ant, four legs', 'Ant-v5', [-48.5, 6000], ({ Ant }) => new Ant()),
  entry('humanoid', 'Humanoid', 'Humanoid-v5', [114, 5489], ({ Humanoid }) => new Humanoid()),
];
