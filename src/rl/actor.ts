// The actions of a run: random ones during its warm-up, then samples of the policy.
import type { Values } from '../backend/backend.ts';
import type { Device, Update } from '../device.ts';
import { PhiloxStream } from '../math/philox.ts';
import { clockState, type State } from '../tape/index.ts';
import type { ActionMap } from './actions.ts';
import type { ActorCritic } from './actor-critic.ts';

/** What is done in each of several environments. */
export interface Choice {
  /** [environments] each [actions], as the policy writes them. */
  readonly actions: readonly Float32Array[];
  /** [environments] each what the replay buffer keeps of the policy that chose; empty where the estimator needs none. */
  readonly behaviour: readonly Float32Array[];
}

export interface ActorOptions {
  readonly learner: ActorCritic;
  readonly map: ActionMap;
  /** Environments that are given an action at once. */
  readonly count: number;
  readonly seed: number;
}

/** Chooses the actions in several environments with one call of the policy. */
export class Actor {
  /** The random actions are drawn from it. */
  readonly random: PhiloxStream;
  private readonly batch: Float32Array;

  private constructor(
    private readonly options: ActorOptions,
    private readonly clock: State,
    private readonly program: Update,
  ) {
    const { seed, count, learner } = options;
    this.random = new PhiloxStream(seed, 'warmup');
    this.batch = new Float32Array(count * learner.options.observations);
  }

  static async open(device: Device, options: ActorOptions): Promise<Actor> {
    const { learner, count, seed } = options;
    const { policyLearner } = learner;
    const clock = clockState(seed, 'clock.act', 'act');
    const program = await device.compile(
      ({ input }) => {
        const head = learner.policy(input('observation', [count, learner.options.observations]));
        const { actions } = policyLearner.distributionOf(head).sample(1);
        return policyLearner.behaviourParameters > 0 ? { action: actions, head } : { action: actions };
      },
      { clock },
    );
    return new Actor(options, clock, program);
  }

  /** What its numbers depend on: the policy's parameters and its own clock. */
  get states(): readonly State[] {
    return this.program.program.states;
  }

  /**
   * @param observations [environments] each [observations]
   * @param warming takes actions at random: uniform on the box, or among the choices
   */
  async choose(observations: readonly Float32Array[], warming: boolean): Promise<Choice> {
    const { kind } = this.options.map;
    const width = this.options.learner.policyLearner.behaviourParameters;
    if (this.runs(warming)) {
      for (const [i, observation] of observations.entries())
        this.batch.set(observation, i * observation.length);
      this.program.write({ observation: this.batch });
      this.program.run();
    }
    const rows = (values: Values, size: number) =>
      observations.map((_, i) => Float32Array.from(values.subarray(i * size, (i + 1) * size)));
    const behaviour = width > 0 ? rows(await this.program.read('head'), width) : [];
    const actions = warming
      ? observations.map(() => this.randomAction())
      : rows(await this.program.read('action'), kind.size);
    return { actions, behaviour };
  }

  /** What the next actions depend on besides the policy, for {@link rewind}. */
  get drawn(): ReturnType<PhiloxStream['getState']> {
    return this.random.getState();
  }

  /** Takes back the last choice, as far as its draws go. @param drawn as it was before */
  async rewind(device: Device, drawn: ReturnType<PhiloxStream['getState']>, warming: boolean): Promise<void> {
    this.random.setState(drawn);
    if (!this.runs(warming)) return;
    const words = await device.read(this.clock);
    words[2]--;
    device.write(this.clock, words);
  }

  /** Whether the policy is asked: for actions, or for what the replay buffer keeps of it. */
  private runs(warming: boolean): boolean {
    return !warming || this.options.learner.policyLearner.behaviourParameters > 0;
  }

  dispose(device: Device): void {
    this.program.dispose();
    device.free(this.clock);
  }

  private randomAction(): Float32Array {
    const { kind, size } = this.options.map.kind;
    const action = new Float32Array(size);
    if (kind === 'discrete') action[this.random.nextInt(size)] = 1;
    else for (let i = 0; i < size; i++) action[i] = this.random.uniformIn(-1, 1);
    return action;
  }
}
