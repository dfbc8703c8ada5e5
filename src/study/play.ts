// A saved policy at work: episodes, their returns, and pictures of the first.
import { breathe, listOf } from '../breathe.ts';
import type { Device } from '../device.ts';
import { checkedTogether } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import type { Scene } from '../envs/scene.ts';
import { DataError } from '../errors.ts';
import { drawnSeed } from '../math/philox.ts';
import { type ActionKind, actionMap } from '../rl/actions.ts';
import type { SavedPolicy } from '../rl/policy-file.ts';
import { clockState, reshape } from '../tape/index.ts';
import { bootstrap, meanOf } from './learning-statistics.ts';

export interface PlayOptions {
  readonly environments: readonly Environment[];
  /** Of sampled actions, and of the starts where `seeds` has none. */
  readonly seed: number;
  /** Of each environment's reset. */
  readonly seeds?: readonly number[];
  /** Samples actions; otherwise each is the policy's mode. */
  readonly stochastic: boolean;
  /** Keeps a scene of each state of the first episode. */
  readonly record: boolean;
  readonly onStep?: (step: number, running: number) => void;
}

export interface Episode {
  /** Of the environment's reset. */
  readonly seed: number;
  /** Undiscounted. */
  readonly return: number;
  readonly steps: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
}

/** Seeds of the starts of episodes: of another seed all are others. */
export const playSeeds = (seed: number, episodes: number): number[] =>
  Array.from({ length: episodes }, (_, i) => drawnSeed(seed, 'playStarts', i));

/**
 * One episode in each environment, with one policy call a step for all of them. The modes are the actions that training
 * evaluates with, so equal seeds of resets give equal returns.
 *
 * @throws DataError when the policy does not fit the environment; UsageError for no environment, or one twice;
 *   EnvironmentError when two differ in their spaces
 */
export async function play(
  device: Device,
  policy: SavedPolicy,
  { seed, stochastic, record, onStep, ...options }: PlayOptions,
): Promise<{ readonly episodes: Episode[]; readonly scenes: Scene[] }> {
  const { file } = policy;
  const environments = checkedTogether(options.environments);
  const { seeds = playSeeds(seed, environments.length) } = options;
  const [first] = environments;
  const map = actionMap(first.actionSpace);
  const observed = first.observationSpace.low.length;
  requireFitting(policy, first, map.kind);
  const count = environments.length;
  const clock = clockState(seed, 'clock', 'playActions');
  const act = await device.compile(
    ({ input }) => {
      const distribution = policy.distribution(input('observations', [count, observed]));
      const sampled = () => reshape(distribution.sample(1).actions, [count, file.actions]);
      return { action: stochastic ? sampled() : distribution.mode() };
    },
    { clock },
  );
  policy.load(device);
  const scenes: Scene[] = [];
  const keep = () => {
    const scene = record ? first.scene?.() : undefined;
    if (scene) scenes.push(scene);
  };
  try {
    const batch = new Float32Array(count * observed);
    await listOf(count, (i) => batch.set(environments[i].reset(seeds[i]), i * observed));
    keep();
    const episodes = seeds.map((each) => ({
      seed: each,
      return: 0,
      steps: 0,
      terminated: false,
      truncated: false,
    }));
    const running = new Set(environments.keys());
    for (let step = 1; running.size > 0; step++) {
      act.write({ observations: batch });
      act.run();
      const actions = await act.read('action');
      for (const i of running) {
        const pause = breathe();
        if (pause) await pause;
        const action = map.toEnvironment(actions.subarray(i * file.actions, (i + 1) * file.actions));
        const { observation, reward, terminated, truncated } = environments[i].step(action);
        batch.set(observation, i * observed);
        const episode = episodes[i];
        Object.assign(episode, { return: episode.return + reward, steps: step, terminated, truncated });
        if (i === 0) keep();
        if (terminated || truncated) running.delete(i);
      }
      onStep?.(step, running.size);
    }
    return { episodes, scenes };
  } finally {
    act.dispose();
    device.free(clock);
  }
}

/** @throws DataError when the policy was trained for other observations or actions */
function requireFitting({ file, family }: SavedPolicy, environment: Environment, actions: ActionKind): void {
  const { name } = environment;
  const observed = environment.observationSpace.low.length;
  if (file.observations !== observed || file.actions !== actions.size)
    throw new DataError(
      `The policy has ${file.observations} observations and ${file.actions} actions, but '${name}' has ${observed} and ${actions.size}.`,
    );
  if (family.capabilities.actionKind !== actions.kind)
    throw new DataError(`The policy's distribution '${family.name}' does not fit the actions of '${name}'.`);
}

/** 95% interval of the mean; undefined for fewer than 2 values. */
export function meanInterval(
  values: readonly number[],
  seed: number,
): readonly [low: number, high: number] | undefined {
  if (values.length < 2) return undefined;
  const { low, high } = bootstrap([[values]], ([[returns]]) => meanOf(returns), { seed });
  return [low, high];
}
