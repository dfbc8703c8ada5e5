// Episodes of the deterministic policy, from starts of their own.
import { breathe, listOf } from '../breathe.ts';
import type { Device, Update } from '../device.ts';
import { checkedTogether } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import { UsageError } from '../errors.ts';
import { drawnSeed } from '../math/philox.ts';
import { type ActionMap, actionMap } from './actions.ts';
import type { ActorCritic } from './actor-critic.ts';
import { requireFitting } from './train-checks.ts';

/** Evaluates a policy's mode in several episodes at once: one policy call for all of them a step. */
export class Evaluator {
  private constructor(
    private readonly environments: readonly Environment[],
    private readonly map: ActionMap,
    private readonly act: Update,
  ) {}

  /**
   * @throws UsageError when there is no environment, one twice, or the learner was made for others; EnvironmentError when one
   * is wrong, or two differ in their spaces
   */
  static async open(
    device: Device,
    learner: ActorCritic,
    environments: readonly Environment[],
  ): Promise<Evaluator> {
    const { observations } = learner.options;
    const all = checkedTogether(environments);
    requireFitting(learner, all[0]);
    const act = await device.compile(({ input }) => ({
      action: learner.distribution(input('observations', [environments.length, observations])).mode(),
    }));
    return new Evaluator(all, actionMap(all[0].actionSpace), act);
  }

  /**
   * Undiscounted returns of one episode in each environment; undefined when it was stopped.
   * @param seeds [environments] of their resets
   */
  async run(seeds: readonly number[], signal?: AbortSignal): Promise<number[] | undefined> {
    const { environments, map } = this;
    if (seeds.length !== environments.length)
      throw new UsageError(
        `${environments.length} environments are reset with as many seeds; got ${seeds.length}.`,
      );
    const stopped = () => signal?.aborted === true;
    const observations = await listOf(environments.length, (i) => environments[i].reset(seeds[i]), signal);
    if (stopped()) return undefined;
    const returns = environments.map(() => 0);
    const running = environments.map(() => true);
    const size = observations[0].length;
    const batch = new Float32Array(environments.length * size);
    while (running.some(Boolean)) {
      for (const [i, observation] of observations.entries()) batch.set(observation, i * size);
      this.act.write({ observations: batch });
      this.act.run();
      const actions = await this.act.read('action');
      const width = actions.length / environments.length;
      for (const [i, environment] of environments.entries()) {
        const pause = breathe();
        if (pause) await pause;
        if (stopped()) return undefined;
        if (!running[i]) continue;
        const transition = environment.step(map.toEnvironment(actions.subarray(i * width, (i + 1) * width)));
        returns[i] += transition.reward;
        observations[i] = transition.observation;
        running[i] = !transition.terminated && !transition.truncated;
      }
    }
    return returns;
  }

  dispose(): void {
    this.act.dispose();
  }
}

/**
 * Seeds of an evaluation's starts. Every evaluation of every run has starts of its own: with shared ones the luck of a few
 * starts would look like a finding, and averages over seeds would not average it out. They depend on the step, not on
 * how many evaluations came before.
 */
export const evaluationSeeds = (seed: number, step: number, episodes: number): number[] =>
  Array.from({ length: episodes }, (_, i) => drawnSeed(seed, 'evaluationStarts', step, i));
