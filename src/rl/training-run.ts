// A training run, whose methods are what it does: act, step, learn, evaluate, save. The order of them is in train.ts.
import { breathe, listOf } from '../breathe.ts';
import type { Device, Update } from '../device.ts';
import { requireHeld } from '../json.ts';
import { streamVersion } from '../math/streams.ts';
import { clockState, type State } from '../tape/index.ts';
import { Actor, type Choice } from './actor.ts';
import { Burst } from './burst.ts';
import { type Checkpoint, restoreStates, saveStates } from './checkpoint.ts';
import type { Evaluation } from './evaluation.ts';
import { Evaluator, evaluationSeeds } from './evaluator.ts';
import { FaultFinder, finite, notFinite, requireSound } from './numerics.ts';
import { compileUpdate } from './recorded-update.ts';
import type { TrainOptions } from './train-options.ts';
import { claim, type Setup, setUp } from './training-setup.ts';

/** What runs on the device. */
interface Programs {
  readonly update: Update;
  readonly actor: Actor;
  /** Absent where the run was stopped while its environments were made. */
  readonly evaluator: Evaluator | undefined;
}

export class TrainingRun {
  /** Of the deterministic policy, those before a resumed run included. */
  readonly evaluations: Evaluation[];
  /** Updates of the last step that are still to be made. */
  owed = 0;
  /** Environment steps taken. */
  private taken = 0;
  /** Updates made. */
  private updates = 0;
  /** Whether what there is now is in no checkpoint. */
  private fresh: boolean;
  /** An evaluation that was stopped, and is made up for when the run goes on. */
  private pending: Checkpoint['pending'];
  /** [environments] what the next actions answer. */
  private observations: Float32Array[] = [];
  /** What the actor's draws were before the last choice. */
  private drawn: Actor['drawn'];
  private readonly burst: Burst;

  private constructor(
    private readonly device: Device,
    private readonly setup: Setup,
    private readonly programs: Programs,
    private readonly releases: readonly (() => void)[],
  ) {
    const { checkpoint, inspect } = setup.settings;
    this.evaluations = [...(checkpoint?.resume?.evaluations ?? [])];
    this.fresh = !checkpoint?.resume;
    this.drawn = programs.actor.drawn;
    const finder = inspect === undefined ? undefined : new FaultFinder(inspect);
    const { update } = programs;
    this.burst = new Burst(device, (times, before) =>
      finder ? finder.run(update, before, times) : update.run(times),
    );
  }

  /**
   * @throws UsageError for settings out of range or a learner that another run trains, CheckpointError when the checkpoint
   *   to resume from is of another run
   */
  static async open(device: Device, options: TrainOptions): Promise<TrainingRun> {
    const setup = setUp(device, options);
    const { settings, environments, map, make, replay } = setup;
    const { learner, batch, seed, evaluationEpisodes, signal } = settings;
    const releases: (() => void)[] = [claim(learner)];
    try {
      const clock = clockState(seed, 'clock', 'update');
      for (const state of [replay.storage, replay.fill, clock]) releases.push(() => device.free(state));
      const update = await compileUpdate(device, learner, replay, { batch, clock });
      releases.push(() => update.dispose());
      const actor = await Actor.open(device, { learner, map, count: environments.count, seed });
      releases.push(() => actor.dispose(device));
      const others = await listOf(evaluationEpisodes, make, signal);
      const evaluator = signal?.aborted ? undefined : await Evaluator.open(device, learner, others);
      releases.push(() => evaluator?.dispose());
      return new TrainingRun(device, setup, { update, actor, evaluator }, releases);
    } catch (error) {
      releaseAll(releases);
      throw error;
    }
  }

  /** Whether anything is left to do, and nobody asked to stop. */
  get goesOn(): boolean {
    return (this.taken < this.setup.settings.steps || this.owed > 0) && !this.stopped;
  }

  get stopped(): boolean {
    return this.setup.settings.signal?.aborted === true;
  }

  get evaluationDue(): boolean {
    const { steps, evaluateEvery } = this.setup.settings;
    return this.owed === 0 && (this.taken % evaluateEvery === 0 || this.taken === steps);
  }

  get checkpointDue(): boolean {
    const { every } = this.setup.settings.checkpoint ?? { every: Number.POSITIVE_INFINITY };
    const before = this.taken - this.setup.environments.count;
    return this.owed === 0 && Math.floor(this.taken / every) > Math.floor(before / every);
  }

  /** Whether a stop would lose something that a checkpoint keeps. */
  get unsaved(): boolean {
    return this.setup.settings.checkpoint !== undefined && this.fresh;
  }

  /**
   * Begins at the start of an episode in each environment, or where the checkpoint to resume from was made.
   *
   * @returns whether it has; where it was stopped before, there is nothing to save
   */
  async start(): Promise<boolean> {
    const { settings, environments } = this.setup;
    if (settings.checkpoint?.resume) return this.restore(settings.checkpoint.resume);
    const observations = await environments.reset(settings.seed, settings.signal);
    if (!observations) return false;
    this.observations = observations;
    // What cannot be saved is said now, not when the first checkpoint is due.
    if (settings.checkpoint) await environments.getStates();
    return true;
  }

  /** Chooses an action in each environment. @throws NumericsError when one is not finite */
  async act(): Promise<Choice> {
    this.drawn = this.programs.actor.drawn;
    const choice = await this.programs.actor.choose(this.observations, this.warming);
    if (!choice.actions.every(finite))
      throw await notFinite(this.programs.update, 'the action', this.taken + this.setup.environments.count);
    return choice;
  }

  /**
   * Takes the actions, and keeps what came of them.
   *
   * @returns whether it has; where it was stopped all is as before, and when the run goes on the same is chosen again
   */
  async step({ actions, behaviour }: Choice): Promise<boolean> {
    const { settings, environments, map, replay } = this.setup;
    const transitions = await environments.step(
      actions.map((action) => Float32Array.from(map.toEnvironment(action))),
      settings.signal,
    );
    if (!transitions) {
      await this.programs.actor.rewind(this.device, this.drawn, this.warming);
      return false;
    }
    for (const [i, { observation, reward, terminated }] of transitions.entries())
      replay.add(this.device, {
        observation: this.observations[i],
        action: map.executed(actions[i]),
        reward,
        terminated,
        nextObservation: observation,
        behaviour: behaviour[i] ?? [],
      });
    this.observations = transitions.map(({ next }) => next);
    this.owed = this.warming ? 0 : settings.updatesPerStep * environments.count;
    this.taken += environments.count;
    this.fresh = true;
    return true;
  }

  /** Makes the updates that are owed. A stop leaves the rest of them owed. */
  async learn(): Promise<void> {
    const { signal, onStep } = this.setup.settings;
    if (this.owed > 0) {
      this.fresh = true;
      const made = await this.burst.run(this.owed, this.updates, signal);
      this.updates += made;
      this.owed -= made;
      if (this.owed > 0) return;
    }
    onStep?.(this.taken);
    const pause = breathe();
    if (pause) await pause;
  }

  /**
   * Evaluates the deterministic policy, unless that is stopped.
   *
   * @param metrics scalars of the last update
   * @throws NumericsError when one is not finite
   */
  async evaluate(metrics?: Evaluation['metrics']): Promise<void> {
    const { taken: step, updates } = this;
    const { seed, evaluationEpisodes, signal, onEvaluation } = this.setup.settings;
    const read = metrics ?? (updates > 0 ? await readMetrics(this.programs.update, step) : {});
    const starts = evaluationSeeds(seed, step, evaluationEpisodes);
    const returns = await this.programs.evaluator?.run(starts, signal);
    this.pending = returns ? undefined : { metrics: read };
    if (!returns) return;
    const meanReturn = returns.reduce((total, value) => total + value, 0) / returns.length;
    const evaluation = { step, updates, returns, meanReturn, metrics: read };
    requireHeld(evaluation, `The evaluation at step ${step}`);
    this.evaluations.push(evaluation);
    this.fresh = true;
    await onEvaluation?.(evaluation);
  }

  /** Makes a checkpoint. @throws NumericsError when the run has met NaN or infinity */
  async save(): Promise<void> {
    const { device, pending, owed, observations } = this;
    const { settings, identity, environments, replay } = this.setup;
    await requireSound(this.programs.update, this.taken);
    await settings.checkpoint?.save({
      streams: streamVersion,
      settings: identity,
      step: this.taken,
      updates: this.updates,
      evaluations: [...this.evaluations],
      ...(pending ? { pending } : {}),
      ...(owed > 0 ? { owed } : {}),
      random: this.programs.actor.random.getState(),
      environments: (await environments.getStates()).map((state, i) => ({
        state,
        observation: observations[i].slice(),
      })),
      states: await saveStates(device, this.states),
      replay: await replay.save(device),
    });
    this.fresh = false;
  }

  /** Gives back what it holds on the device; the learner's states stay. */
  dispose(): void {
    releaseAll(this.releases);
  }

  private get warming(): boolean {
    return this.taken < this.setup.settings.warmup;
  }

  /** What the device holds of the run, but for the replay buffer, which knows what of it is filled. */
  private get states(): Set<State> {
    const { update, actor } = this.programs;
    const states = new Set([...update.program.states, ...actor.states]);
    states.delete(this.setup.replay.storage);
    states.delete(this.setup.replay.fill);
    return states;
  }

  private async restore(saved: Checkpoint): Promise<boolean> {
    const { environments, replay, settings } = this.setup;
    this.taken = saved.step;
    this.updates = saved.updates;
    this.owed = saved.owed ?? 0;
    this.programs.actor.random.setState(saved.random);
    const states = saved.environments.map(({ state }) => state);
    await environments.setStates(states, settings.signal);
    if (this.stopped) return false;
    this.observations = saved.environments.map(({ observation }) => observation.slice());
    restoreStates(this.device, this.states, saved.states);
    replay.restore(this.device, saved.replay);
    if (saved.pending) await this.evaluate(saved.pending.metrics);
    return true;
  }
}

/** The last first. */
function releaseAll(releases: readonly (() => void)[]): void {
  for (const release of releases.toReversed()) release();
}

async function readMetrics(update: Update, step: number): Promise<Record<string, number>> {
  await requireSound(update, step);
  const metrics: Record<string, number> = {};
  for (const name of update.program.outputs.keys()) {
    metrics[name] = await update.readScalar(name);
    if (!Number.isFinite(metrics[name])) throw await notFinite(update, `the output '${name}'`, step);
  }
  return metrics;
}
