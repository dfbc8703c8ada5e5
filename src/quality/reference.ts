import type { Device } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { expectedQObjective, type Objective } from '../divergences/objective.ts';
import { type ExactGradient, exactGradient } from './exact.ts';
import { wholeOf } from './follows.ts';
import { evaluateNodes, type Nodes } from './nodes.ts';
import { type Heads, headsFor, type QualityTarget, recordTarget, targetInputs } from './problem.ts';

/** Step of the central differences, whose error is near 1e-10. */
const difference = 1e-5;

/** Exact gradients of one policy on one target, at any temperature. */
export interface Reference {
  /** What a learned baseline predicts: E_π[log π − Q/temperature], for the ideal one; 0 without a density. */
  value(temperature: number): number;
  /** Undefined where the integral does not exist, or where nothing but the estimator's own limit is known. */
  gradient(choice: EstimatorChoice, temperature: number): ExactGradient | undefined;
}

/**
 * Prepares the exact gradients of a policy on a target.
 *
 * @param device float64
 */
export async function referenceFor(
  device: Device,
  family: DistributionFamily,
  target: QualityTarget,
  heads: Heads = headsFor(family, target.actions),
): Promise<Reference> {
  if (!family.capabilities.density) return certainReference(device, family, target, heads);
  const nodes = await evaluateNodes(device, family, target, heads);
  const halves = family.capabilities.diagonalGaussian
    ? await decoupledNodes(device, family, target, heads)
    : undefined;
  // Several estimators follow one quantity, each with several numbers of samples.
  const known = new Map<string, ExactGradient | undefined>();
  const gradientOf = (part: Nodes, which: number, { name, coefficient }: Objective, temperature: number) => {
    const key = `${which} ${temperature} ${name}`;
    if (coefficient && !known.has(key)) known.set(key, exactGradient(part, coefficient, temperature));
    return known.get(key);
  };
  return {
    value: (temperature) =>
      wholeOf(nodes, temperature).integral(
        ({ logPolicy, q }) => Math.exp(logPolicy) * (logPolicy - q / temperature),
      ),
    gradient: (choice, temperature) => {
      const { follows, estimator } = choice;
      if (!estimator.trustRegions) return gradientOf(nodes, 0, follows, temperature);
      const [mean, spread] =
        estimator.trustRegions === 'decoupled' && halves
          ? halves.map((part, i) => gradientOf(part, i + 1, follows, temperature))
          : [0, 1].map(() => gradientOf(nodes, 0, follows, temperature));
      if (!mean || !spread) return undefined;
      const penalty = trustRegionGradient(heads);
      const gradient = penalty.map((value, j) => value + (j < target.actions ? mean : spread).gradient[j]);
      return { method: mean.method, gradient, error: mean.error + spread.error };
    },
  };
}

/** The policy with the reference's spread, and with its mean: decoupled MPO moves one of them at a time. */
async function decoupledNodes(
  device: Device,
  family: DistributionFamily,
  target: QualityTarget,
  { policy, behaviour, reference }: Heads,
): Promise<readonly [Nodes, Nodes]> {
  const { actions } = target;
  const withPolicy = (head: readonly number[]) =>
    evaluateNodes(device, family, target, { policy: head, behaviour, reference });
  return [
    await withPolicy([...policy.slice(0, actions), ...reference.slice(actions)]),
    await withPolicy([...reference.slice(0, actions), ...policy.slice(actions)]),
  ];
}

/** Of MPO's two KLs from the old policy, with coefficients 1: heads are means beside log-stds. */
function trustRegionGradient({ policy, reference }: Heads): number[] {
  const actions = policy.length / 2;
  return policy.map((value, j) =>
    j < actions
      ? (value - reference[j]) * Math.exp(-2 * reference[j + actions])
      : 1 - Math.exp(2 * (reference[j] - value)),
  );
}

/** A policy without a density follows −Q at its one action: central differences. */
async function certainReference(
  device: Device,
  family: DistributionFamily,
  target: QualityTarget,
  { policy }: Heads,
): Promise<Reference> {
  const parameters = policy.length;
  const moved = policy.flatMap((_, j) =>
    [difference, -difference].flatMap((step) => policy.map((value, k) => value + (k === j ? step : 0))),
  );
  const update = await device.compile((recorder) => {
    const pi = family.make(recorder.input('heads', [2 * parameters, parameters]), target.actions);
    const at = pi.rsample?.(1).actions ?? pi.sample(1).actions;
    return { q: recordTarget(recorder, target.actions).critics(at) };
  });
  update.write({ ...targetInputs(target, 1), heads: moved });
  update.run();
  const q = await update.read('q');
  update.dispose();
  const gradient = policy.map((_, j) => -(q[2 * j] - q[2 * j + 1]) / (2 * difference));
  return {
    value: () => 0,
    gradient: (choice) =>
      choice.follows === expectedQObjective ? { method: 'derivative', gradient, error: 1e-8 } : undefined,
  };
}
