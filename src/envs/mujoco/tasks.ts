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

interface Task {
  readonly name: string;
  readonly title: string;
  readonly gymnasiumId: string;
  readonly returns: { readonly random: number; readonly good: number };
  readonly make: (made: Made) => Environment;
}

// Walker2d and Humanoid have no threshold: what SAC reaches after a million steps (Weng et al. 2022, Tianshou).
export const mujocoTasks = (
  [
    {
      name: 'inverted-pendulum',
      title: 'Inverted pendulum',
      gymnasiumId: 'InvertedPendulum-v5',
      returns: { random: 4.2, good: 950 },
      make: ({ InvertedPendulum }) => new InvertedPendulum(),
    },
    {
      name: 'inverted-double-pendulum',
      title: 'Inverted double pendulum',
      gymnasiumId: 'InvertedDoublePendulum-v5',
      returns: { random: 47.3, good: 9100 },
      make: ({ InvertedDoublePendulum }) => new InvertedDoublePendulum(),
    },
    {
      name: 'reacher',
      title: 'Reacher, an arm with two links',
      gymnasiumId: 'Reacher-v5',
      returns: { random: -42.9, good: -3.75 },
      make: ({ Reacher }) => new Reacher(),
    },
    {
      name: 'swimmer',
      title: 'Swimmer, three rods in a fluid',
      gymnasiumId: 'Swimmer-v5',
      returns: { random: 1.7, good: 360 },
      make: ({ Swimmer }) => new Swimmer(),
    },
    {
      name: 'hopper',
      title: 'Hopper, one leg',
      gymnasiumId: 'Hopper-v5',
      returns: { random: 14.8, good: 3800 },
      make: ({ Hopper }) => new Hopper(),
    },
    {
      name: 'half-cheetah',
      title: 'Half-cheetah, two legs',
      gymnasiumId: 'HalfCheetah-v5',
      returns: { random: -278, good: 4800 },
      make: ({ HalfCheetah }) => new HalfCheetah(),
    },
    {
      name: 'walker2d',
      title: 'Walker, two legs in a plane',
      gymnasiumId: 'Walker2d-v5',
      returns: { random: 0.1, good: 5007 },
      make: ({ Walker2d }) => new Walker2d(),
    },
    {
      name: 'ant',
      title: 'Ant, four legs',
      gymnasiumId: 'Ant-v5',
      returns: { random: -48.5, good: 6000 },
      make: ({ Ant }) => new Ant(),
    },
    {
      name: 'humanoid',
      title: 'Humanoid',
      gymnasiumId: 'Humanoid-v5',
      returns: { random: 114, good: 5489 },
      make: ({ Humanoid }) => new Humanoid(),
    },
  ] satisfies Task[]
).map((task) => ({
  ...task,
  prepare,
  /** @throws UsageError before it has been prepared */
  make: (): Environment => {
    if (made === undefined) throw notLoaded();
    return task.make(made);
  },
}));
