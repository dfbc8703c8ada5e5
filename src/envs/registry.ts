// The environments as data: the command line, the benchmarks, the tests and the documentation list these.

import { unknownName } from '../errors.ts';
import { Acrobot } from './acrobot.ts';
import { BimodalBandit } from './bimodal-bandit.ts';
import { CartPole } from './cartpole.ts';
import type { Environment } from './environment.ts';
import { LinearQuadratic } from './linear-quadratic.ts';
import { MountainCar } from './mountain-car.ts';
import { MountainCarContinuous } from './mountain-car-continuous.ts';
import { mujocoTasks } from './mujoco/tasks.ts';
import { Pendulum } from './pendulum.ts';

/** An environment of the registry. */
export interface EnvironmentEntry {
  /** As `makeEnvironment` and `--env` take it. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Identifier in Gymnasium 1.4.0, whose trajectories it reproduces; absent where Gymnasium has no such task. */
  readonly gymnasiumId?: string;
  /**
   * Undiscounted returns between which scores of different tasks are compared: of uniformly random actions, and a good one.
   * Random ones are means of 100 to 400 episodes; good ones are Gymnasium's reward thresholds where it has one, and
   * otherwise what the entry says.
   */
  readonly returns: { readonly random: number; readonly good: number };
  /** Loads what `make` needs; must end before it is called. Absent when nothing is needed. */
  readonly prepare?: () => Promise<void>;
  /** A new environment, not yet reset. */
  make(): Environment;
}

/** Every named environment, in the order in which they are listed. */
export const environments: readonly EnvironmentEntry[] = [
  {
    name: 'pendulum',
    title: 'Pendulum swing-up',
    gymnasiumId: 'Pendulum-v1',
    // What Stable-Baselines3's trained agents reach.
    returns: { random: -1219, good: -150 },
    make: () => new Pendulum(),
  },
  {
    name: 'mountain-car-continuous',
    title: 'Mountain car, continuous force',
    gymnasiumId: 'MountainCarContinuous-v0',
    returns: { random: -33.3, good: 90 },
    make: () => new MountainCarContinuous(),
  },
  {
    name: 'cartpole',
    title: 'Cart-pole balancing',
    gymnasiumId: 'CartPole-v1',
    returns: { random: 21.6, good: 475 },
    make: () => new CartPole(),
  },
  {
    name: 'acrobot',
    title: 'Acrobot swing-up',
    gymnasiumId: 'Acrobot-v1',
    returns: { random: -499, good: -100 },
    make: () => new Acrobot(),
  },
  {
    name: 'mountain-car',
    title: 'Mountain car, three choices of force',
    gymnasiumId: 'MountainCar-v0',
    returns: { random: -200, good: -110 },
    make: () => new MountainCar(),
  },
  {
    name: 'linear-quadratic',
    title: 'Linear-quadratic regulator, soft optimum known',
    // The closed-form policy's mean action.
    returns: { random: -120.7, good: -0.8 },
    make: () => new LinearQuadratic(),
  },
  {
    name: 'bimodal-bandit',
    title: 'One-step bandit with two modes',
    // The higher mode's peak.
    returns: { random: -3.24, good: 1.03 },
    make: () => new BimodalBandit(),
  },
  ...mujocoTasks,
];

/**
 * Loads what the environment needs before it can be made: the physics engine of a MuJoCo task, nothing for the others.
 *
 * @throws UsageError for an unknown name, BackendError when what is needed cannot be loaded
 */
export async function prepareEnvironment(name: string): Promise<void> {
  await entryOf(name).prepare?.();
}

/**
 * A new environment by name, not yet reset.
 *
 * @throws UsageError for an unknown name: lists the known ones, and suggests one when the name is close to it; or for
 * one that must be prepared first
 */
export function makeEnvironment(name: string): Environment {
  return entryOf(name).make();
}

function entryOf(name: string): EnvironmentEntry {
  const entry = environments.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    throw unknownName(
      'environment',
      name,
      environments.map((candidate) => candidate.name),
    );
  }
  return entry;
}
