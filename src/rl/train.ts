import type { Work } from '../backend/crossover.ts';
import { breathe, listOf } from '../breathe.ts';
import type { Device, Update } from '../device.ts';
import type { Environment } from '../envs/environment.ts';
import { checkedVector, LocalVector, type VectorEnvironment } from '../envs/vector.ts';
import { UsageError } from '../errors.ts';
import { requireHeld } from '../json.ts';
import { PhiloxStream } from '../math/philox.ts';
import { streamVersion } from '../math/streams.ts';
import { MOST_JOINED_BINDINGS } from '../program/join.ts';
import { MLP_WIDTH } from '../program/kernels.ts';
import { lower } from '../program/lower.ts';
import { clockState, type MlpKernels, Recording, recordInto, type State } from '../tape/index.ts';
import { type ActionMap, actionMap } from './actions.ts';
import type { ActorCritic } from './actor-critic.ts';
import { Burst } from './burst.ts';
import {
  type Checkpoint,
  type CheckpointOptions,
  requireEnvironments,
  requireResumable,
  restoreStates,
  runSettings,
  saveStates,
} from './checkpoint.ts';
import { Evaluator, evaluationSeeds } from './evaluator.ts';
import { FaultFinder, finite, notFinite, requireSound } from './numerics.ts';
import { ReplayBuffer } from './replay.ts';
import {
  freshEnvironments,
  requireFitting,
  requireMemory,
  requireParts,
  requireSettings,
} from './train-checks.ts';

export interface TrainOptions {
  /** Fresh environments of the task, one to learn in and the others to evaluate in. */
  readonly makeEnvironment: () => Environment;
  readonly learner: ActorCritic;
  /** Environment steps. */
  readonly steps: number;
  readonly batch?: number;
  readonly capacity?: number;
  /** Steps with uniform random actions, before the first update. */
  readonly warmup?: number;
  readonly updatesPerStep?: number;
  /** Steps between evaluations. */
  readonly evaluateEvery?: number;
  readonly evaluationEpisodes?: number;
  readonly seed?: number;
  readonly onStep?: (step: number) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void | Promise<void>;
  /**
   * Environments to learn in, stepped together with one policy call; one from `makeEnvironment` when absent. A step of
   * all of them counts as that many steps, and is followed by as many times `updatesPerStep` updates.
   */
  readonly environments?: VectorEnvironment | undefined;
  /** Stops the run after the current update, or step of an environment; a checkpoint is saved, and the run goes on from there. */
  readonly signal?: AbortSignal;
  /** Saves the whole run at times, and goes on from one saved. */
  readonly checkpoint?: CheckpointOptions | undefined;
  /** An update, counted from 1, to carry out step by step, in search of the one that gives NaN or infinity. */
  readonly inspect?: number;
}

export const trainDefaults = {
  batch: 64,
  capacity: 100_000,
  warmup: 500,
  updatesPerStep: 1,
  evaluateEvery: 1000,
  evaluationEpisodes: 10,
  seed: 0,
};

/** One evaluation of the deterministic policy. */
export interface Evaluation {
  /** Environment steps taken so far. */
  readonly step: number;
  /** Gradient steps taken so far. */
  readonly updates: number;
  /** Undiscounted return of each evaluation episode. */
  readonly returns: readonly number[];
  readonly meanReturn: number;
  /** Scalars of the last update; empty before the first. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** The recorded update of a learner on batches from its replay buffer. */
export function compileUpdate(
  device: Device,
  learner: ActorCritic,
  replay: ReplayBuffer,
  options: {
    readonly batch: number;
    readonly clock?: State;
    readonly mlp?: MlpKernels;
    readonly halfHidden?: boolean;
  },
): Promise<Update> {
  const { batch, ...compile } = options;
  return device.compile(() => learner.recordUpdate(replay.sample(batch)), compile);
}

/**
 * What one step of training with one update asks of a device, for `open` to choose one: nothing is computed and no
 * device needed. Choosing the action is a network on one state, and one result that is waited for.
 */
export function trainingWork(learner: ActorCritic, batch: number): Work {
  const gpu = { mlp: 'fused', joinedBindings: MOST_JOINED_BINDINGS, fusedWidth: MLP_WIDTH } as const;
  const recording = new Recording(gpu, clockState(0, 'clock', 'update'));
  recordInto(recording, () => {
    for (const [name, tensor] of Object.entries(
      learner.recordUpdate(replayFor(learner, batch).sample(batch)),
    ))
      recording.outputs.set(name, tensor);
    recording.finish();
  });
  const { flops, kernels } = lower(recording);
  return { flops, kernels, readbacks: 1 };
}

/** A replay buffer of the shape a learner needs. */
export function replayFor(learner: ActorCritic, capacity: number): ReplayBuffer {
  const { observations, actions } = learner.options;
  return new ReplayBuffer({
    capacity,
    observations,
    actions: actions.size,
    behaviour: learner.policyLearner.behaviourParameters,
  });
}

/**
 * Trains a learner in an environment: random warm-up, then one policy sample a step and `updatesPerStep` updates
 * on the device. Returns the evaluations, the first at `evaluateEvery` steps; of a resumed run also those before. A
 * resumed run continues bit for bit where the backend computes the same bits every time, as cpu and wasm do.
 *
 * @throws UsageError for settings out of range or a learner that another run trains, NumericsError when a loss stops being finite, CheckpointError when
 *   the checkpoint to resume from is of another run
 */
export async function train(device: Device, options: TrainOptions): Promise<Evaluation[]> {
  const releases: (() => void)[] = [];
  try {
    return await trained(device, options, (release) => void releases.push(release));
  } finally {
    for (const release of releases.reverse()) release();
  }
}

/** Those that a run works on: two at once would have one memory. */
const inTraining = new WeakSet<ActorCritic>();

/** @param atEnd takes what gives back a part of what was opened; the last comes first */
async function trained(
  device: Device,
  options: TrainOptions,
  atEnd: (release: () => void) => void,
): Promise<Evaluation[]> {
  requireParts(options);
  const settings = { ...trainDefaults, ...options };
  const { learner, steps, batch, capacity, warmup, updatesPerStep, evaluateEvery, evaluationEpisodes, seed } =
    settings;
  if (inTraining.has(learner))
    throw new UsageError('This learner is being trained already.', {
      hint: 'Wait for that run to end, or make a learner for each.',
    });
  inTraining.add(learner);
  atEnd(() => inTraining.delete(learner));
  const make = freshEnvironments(settings.makeEnvironment);
  const environment = make();
  const environments = settings.environments
    ? checkedVector(settings.environments, environment)
    : new LocalVector([environment]);
  const { count } = environments;
  requireSettings(settings, count);
  requireFitting(learner, environment);
  const run = runSettings(settings, environment.name);
  const resumed = settings.checkpoint?.resume;
  if (resumed) {
    requireResumable(resumed, run);
    requireEnvironments(resumed, count, learner.options.observations);
  }
  const map = actionMap(environment.actionSpace);
  const replay = replayFor(learner, capacity);
  requireMemory(replay, settings, device.backend);
  const clock = clockState(seed, 'clock', 'update');
  const actClock = clockState(seed, 'clock.act', 'act');
  for (const state of [replay.storage, replay.fill, clock, actClock]) atEnd(() => device.free(state));
  const update = await compileUpdate(device, learner, replay, { batch, clock });
  atEnd(() => update.dispose());
  const behaviour = learner.policyLearner.behaviourParameters;
  const act = await device.compile(
    ({ input }) => {
      const head = learner.policy(input('observation', [count, learner.options.observations]));
      const { actions } = learner.policyLearner.distributionOf(head).sample(1);
      return behaviour > 0 ? { action: actions, head } : { action: actions };
    },
    { clock: actClock },
  );
  atEnd(() => act.dispose());
  const stopped = () => settings.signal?.aborted === true;
  const others = await listOf(evaluationEpisodes, make, settings.signal);
  // Stopped while these were made, it evaluates nothing.
  const evaluator = stopped() ? undefined : await Evaluator.open(device, learner, others);
  atEnd(() => evaluator?.dispose());
  const random = new PhiloxStream(seed, 'warmup');
  const finder = settings.inspect === undefined ? undefined : new FaultFinder(settings.inspect);
  const evaluations: Evaluation[] = [...(resumed?.evaluations ?? [])];
  const burst = new Burst(device, (times, before) =>
    finder ? finder.run(update, before, times) : update.run(times),
  );
  const states = new Set([...update.program.states, ...act.program.states]);
  // The buffer itself knows what of it is filled.
  states.delete(replay.storage);
  states.delete(replay.fill);
  let [step, updates] = [0, 0];
  /** Updates of this step that are still to be made. */
  let owed = 0;
  /** What there is now is in no checkpoint. */
  let fresh = !resumed;
  let pending: Checkpoint['pending'];
  let observations: Float32Array[];
  const batchOfObservations = new Float32Array(count * learner.options.observations);
  const save = async () => {
    await requireSound(update, step);
    await settings.checkpoint?.save({
      streams: streamVersion,
      settings: run,
      step,
      updates,
      evaluations: [...evaluations],
      ...(pending ? { pending } : {}),
      ...(owed > 0 ? { owed } : {}),
      random: random.getState(),
      environments: (await environments.getStates()).map((state, i) => ({
        state,
        observation: observations[i].slice(),
      })),
      states: await saveStates(device, states),
      replay: await replay.save(device),
    });
    fresh = false;
  };
  const evaluate = async (metrics: Readonly<Record<string, number>>) => {
    const returns = await evaluator?.run(evaluationSeeds(seed, step, evaluationEpisodes), settings.signal);
    // It is made up for when the run goes on.
    pending = returns ? undefined : { metrics };
    if (!returns) return;
    const meanReturn = returns.reduce((total, value) => total + value, 0) / returns.length;
    const evaluation = { step, updates, returns, meanReturn, metrics };
    requireHeld(evaluation, `The evaluation at step ${step}`);
    evaluations.push(evaluation);
    fresh = true;
    await settings.onEvaluation?.(evaluation);
  };
  /** Makes the updates that are owed, and what is due after them. A stop leaves the rest of them owed. */
  const learn = async (before: number) => {
    if (owed > 0) {
      fresh = true;
      const made = await burst.run(owed, updates, settings.signal);
      updates += made;
      owed -= made;
      if (owed > 0) return;
    }
    settings.onStep?.(step);
    const pause = breathe();
    if (pause) await pause;
    if (step % evaluateEvery === 0 || step === steps) {
      await evaluate(updates > 0 ? await readMetrics(update, step) : {});
    }
    const { every } = settings.checkpoint ?? { every: Number.POSITIVE_INFINITY };
    if (Math.floor(step / every) > Math.floor(before / every)) await save();
  };
  if (resumed) {
    ({ step, updates, owed = 0 } = resumed);
    random.setState(resumed.random);
    await environments.setStates(resumed.environments.map(({ state }) => state));
    observations = resumed.environments.map(({ observation }) => observation.slice());
    restoreStates(device, states, resumed.states);
    replay.restore(device, resumed.replay);
    if (resumed.pending) await evaluate(resumed.pending.metrics);
    if (owed > 0) await learn(step - count);
  } else {
    observations = await environments.reset(seed);
    // What cannot be saved is said now, not when the first checkpoint is due.
    if (settings.checkpoint) await environments.getStates();
  }
  while (step < steps && !stopped()) {
    const warming = step < warmup;
    const before = step;
    const drawn = random.getState();
    step += count;
    let actions: ArrayLike<number> = [];
    let heads: ArrayLike<number> = [];
    if (!warming || behaviour > 0) {
      observations.forEach((observation, i) => {
        batchOfObservations.set(observation, i * observation.length);
      });
      act.write({ observation: batchOfObservations });
      act.run();
      if (behaviour > 0) heads = await act.read('head');
      if (!warming) actions = await act.read('action');
      if (!finite(actions)) throw await notFinite(update, 'the action', step);
    }
    const part = (values: ArrayLike<number>, i: number, width: number) =>
      Float32Array.from({ length: values.length > 0 ? width : 0 }, (_, k) => values[i * width + k]);
    const chosen = observations.map((_, i) =>
      warming ? randomAction(map, random) : part(actions, i, map.kind.size),
    );
    const transitions = await environments.step(
      chosen.map((action) => Float32Array.from(map.toEnvironment(action))),
      settings.signal,
    );
    if (!transitions) {
      // The run goes on from before this step, and draws the same again.
      step = before;
      random.setState(drawn);
      if (!warming || behaviour > 0) await rewind(device, actClock);
      break;
    }
    fresh = true;
    transitions.forEach(({ observation, reward, terminated }, i) => {
      replay.add(device, {
        observation: observations[i],
        action: map.executed(chosen[i]),
        reward,
        terminated,
        nextObservation: observation,
        behaviour: part(heads, i, behaviour),
      });
    });
    observations = transitions.map(({ next }) => next);
    owed = warming ? 0 : updatesPerStep * count;
    await learn(before);
  }
  if (settings.checkpoint && stopped() && fresh) await save();
  return evaluations;
}

/** Takes the last run of a program back, as far as its draws go. */
async function rewind(device: Device, clock: State): Promise<void> {
  const words = await device.read(clock);
  words[2]--;
  device.write(clock, words);
}

/** Uniform on the box, or among the choices. */
function randomAction(map: ActionMap, random: PhiloxStream): Float32Array {
  const { kind, size } = map.kind;
  const action = new Float32Array(size);
  if (kind === 'discrete') action[random.nextInt(size)] = 1;
  else for (let i = 0; i < size; i++) action[i] = random.uniformIn(-1, 1);
  return action;
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
