import type { Device, Update } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { FUSED_LOSS_LIMIT } from '../divergences/loss-op.ts';
import { NumericsError } from '../errors.ts';
import type { Purpose } from '../math/streams.ts';
import {
  broadcastTo,
  clockState,
  constant,
  grad,
  mul,
  type State,
  stopGradient,
  type Tensor,
} from '../tape/index.ts';
import { type ExactGradient, norm } from './exact.ts';
import { type Heads, headsFor, type QualityTarget, recordTarget, targetInputs } from './problem.ts';
import { gradientStatistics } from './statistics.ts';

/** States that one run evaluates at most; fewer make the mean effective sample size a mean of more runs. */
const statesAtMost = 256;

/** Replications become fewer where one gradient takes more work than this, in floating-point operations… */
const flopsAtEase = 1500;
/** …but no fewer than this fraction of them. */
const leastFraction = 1 / 32;
/** An estimator's own limit: actions for each state, and replications of them. */
const limit = { samples: 128, replications: 128 };

/** An estimator's gradient at replicated states with independent noise, as one program. */
export interface GradientProgram {
  readonly choice: EstimatorChoice;
  /** Actions for each state. */
  readonly samples: number;
  readonly batch: number;
  readonly runs: number;
  readonly update: Update;
  readonly clock: State;
}

/** Samples up to which an estimator is measured whose cost grows with their square. */
const MOST_PAIRED = 64;

export const mostSamples = ({ estimator }: EstimatorChoice): number =>
  estimator.costGrowth === 'square' ? MOST_PAIRED : Number.POSITIVE_INFINITY;

export interface GradientOptions {
  readonly family: DistributionFamily;
  readonly actions: number;
  /** Actions for each state. */
  readonly samples: number;
  /** That are wanted; a costly gradient gets fewer. */
  readonly replications: number;
  readonly seed: number;
  readonly purpose?: Purpose;
}

/** Where a gradient is measured. */
export interface Situation {
  readonly family: DistributionFamily;
  readonly target: QualityTarget;
  readonly temperature: number;
  /** The ideal baseline; 0 when absent. */
  readonly value?: number;
  readonly heads?: Heads | undefined;
}

/**
 * Compiles the gradient of an estimator with respect to the head, of `batch` states that differ by their noise alone.
 * The companions are at hand as in training: other policies of the family near the policy, replayed actions drawn
 * from one of them, the ideal baseline; dual variables stand at η = temperature and 1.
 */
export async function compileGradient(
  device: Device,
  choice: EstimatorChoice,
  options: GradientOptions,
): Promise<GradientProgram> {
  const { family, actions, samples, replications: asked, seed, purpose = 'quality' } = options;
  const parameters = family.parameters(actions);
  const pairs = mostSamples(choice) < Number.POSITIVE_INFINITY;
  const per = pairs ? samples ** 2 : samples;
  // What is exact is the same at every state, and pays for all its nodes at each.
  const once = choice.quality === 'exact';
  const batch = once ? 1 : Math.max(1, Math.min(statesAtMost, Math.floor(FUSED_LOSS_LIMIT / per)));
  const needs = (need: EstimatorChoice['needs'][number]) => choice.needs.includes(need);
  const clock = clockState(seed, 'clock', purpose);
  const update = await device.compile(
    (recorder) => {
      const policyAt = (name: string) => family.make(recorder.input(name, [batch, parameters]), actions);
      const head = recorder.input('policy', [batch, parameters]);
      const target = recordTarget(recorder, actions);
      const draws = needs('behaviour') || needs('replayedActions');
      const behaviour = draws ? policyAt('behaviour') : undefined;
      const duals = Object.keys(choice.estimator.duals ?? {}).map((name): [string, Tensor] => [
        name,
        name === 'eta' ? target.temperature : constant(1),
      ]);
      const { loss, diagnostics } = choice.loss({
        policy: family.make(head, actions),
        target,
        samples,
        duals: Object.fromEntries(duals),
        ...(behaviour ? { behaviour } : {}),
        ...(needs('replayedActions') && behaviour
          ? { replayedActions: stopGradient(behaviour.sample(1).actions) }
          : {}),
        ...(needs('reference') ? { reference: policyAt('reference') } : {}),
        ...(needs('value') ? { value: broadcastTo(recorder.input('value', []), [batch]) } : {}),
      });
      const { effectiveSampleSize } = diagnostics;
      return {
        // A loss is a mean over the states.
        gradient: mul(batch, grad(loss, [head])[0]),
        ...(effectiveSampleSize ? { effectiveSampleSize } : {}),
      };
    },
    { clock },
  );
  // Counted, not timed: the same seed must give the same numbers on any machine.
  const affordable = (asked * flopsAtEase * batch) / Math.max(1, update.program.flops);
  const wanted = Math.min(asked, Math.max(asked * leastFraction, affordable));
  const replications = once ? 1 : wanted;
  return { choice, samples, batch, runs: Math.ceil(replications / batch), update, clock };
}

/** Writes a program's inputs and starts its noise anew, so that a cell's numbers depend on nothing measured before. */
export function prepare(
  device: Device,
  { update, batch, clock }: GradientProgram,
  { family, target, temperature, value = 0, heads }: Situation,
): void {
  const { policy, behaviour, reference } = heads ?? headsFor(family, target.actions);
  const repeated = (head: readonly number[]) =>
    Array.from({ length: batch * head.length }, (_, i) => head[i % head.length]);
  const values: Record<string, ArrayLike<number>> = {
    ...targetInputs(target, temperature),
    policy: repeated(policy),
    behaviour: repeated(behaviour),
    reference: repeated(reference),
    value: [value],
  };
  for (const name of update.program.inputs.keys()) update.write({ [name]: values[name] });
  device.write(clock, clock.initial as Uint32Array);
}

/** What the runs of one program gave. */
export interface Replications {
  /** [replications, parameters] */
  readonly gradients: Float64Array;
  /** Mean over the states of each run; empty where the estimator has no weights. */
  readonly effectiveSampleSizes: readonly number[];
  /** Milliseconds of each run, for all its states. */
  readonly ms: readonly number[];
}

/**
 * Runs prepared programs in turn, A B C A B C …, so that a busy machine slows all alike.
 *
 * @throws NumericsError where a gradient is not finite
 */
export async function replicate(
  device: Device,
  programs: readonly GradientProgram[],
): Promise<Replications[]> {
  const results = programs.map(({ update, batch, runs }) => {
    const [rows, columns] = update.program.outputs.get('gradient')?.shape ?? [batch, 0];
    return {
      gradients: new Float64Array(Math.max(0, runs) * rows * columns),
      effectiveSampleSizes: [] as number[],
      ms: [] as number[],
    };
  });
  const rounds = Math.max(0, ...programs.map(({ runs }) => runs));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { choice, update, runs, samples }] of programs.entries()) {
      if (round >= runs) continue;
      const start = performance.now();
      update.run();
      await device.backend.synchronize();
      results[i].ms.push(performance.now() - start);
      const gradient = await update.read('gradient');
      if (!gradient.every(Number.isFinite)) {
        throw new NumericsError(`${choice.name} with ${samples} samples gave a gradient that is not finite.`);
      }
      results[i].gradients.set(gradient, round * gradient.length);
      if (update.program.outputs.has('effectiveSampleSize'))
        results[i].effectiveSampleSizes.push(await update.readScalar('effectiveSampleSize'));
    }
  }
  return results;
}

/**
 * The mean gradient of an estimator at many samples, which stands in for an exact one where theory gives none; its
 * error is the standard error of the mean.
 */
export async function ownLimitOf(
  device: Device,
  choice: EstimatorChoice,
  situation: Situation,
  seed: number,
): Promise<ExactGradient> {
  const { family, target } = situation;
  const { actions } = target;
  // Noise of its own: the estimator is compared with it.
  const program = await compileGradient(device, choice, {
    ...{ family, actions, samples: limit.samples, seed, purpose: 'qualityLimit' },
    replications: limit.replications / leastFraction,
  });
  try {
    prepare(device, program, { ...situation, value: 0 });
    const [{ gradients }] = await replicate(device, [program]);
    const { mean, standardError } = gradientStatistics(gradients, family.parameters(actions));
    return { method: 'own limit', gradient: mean, error: norm(standardError) };
  } finally {
    release(device, program);
  }
}

/** Ends a program. */
export function release(device: Device, { update, clock }: GradientProgram): void {
  update.dispose();
  device.free(clock);
}
