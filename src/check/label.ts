// Every label against measurement: what the mean gradient of an estimator is, at several numbers of samples, beside
// integrals by quadrature and sums by enumeration.

import { createCpuBackend } from '../backend/cpu/backend.ts';
import { Device } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import { type EstimatorChoice, missingNeeds, ratioBias } from '../divergences/estimator.ts';
import { forwardReferenceKl, reverseReferenceKl } from '../divergences/objective.ts';
import { chooseEstimator, estimators } from '../divergences/registry.ts';
import { exactGradient, norm } from '../quality/exact.ts';
import { compileGradient, prepare, release, replicate } from '../quality/measure.ts';
import { evaluateNodes } from '../quality/nodes.ts';
import { type Heads, headsFor, type QualityTarget, targetsFor } from '../quality/problem.ts';
import { type Reference, referenceFor } from '../quality/reference.ts';
import { gradientStatistics } from '../quality/statistics.ts';
import { confirm } from './confirm.ts';

/** A mean gradient with the standard error of each of its parts. */
export interface Mean {
  readonly mean: readonly number[];
  readonly error: readonly number[];
}

/** One family on one target, with what is known of both. */
export class Problem {
  readonly device: Device = new Device(createCpuBackend({ precision: 'f64' }));
  readonly target: QualityTarget;
  /** Companions no narrower than the policy, so that no weight has infinite variance. */
  readonly heads: Heads;
  private readonly known = new Map<string, Promise<Mean>>();
  private reference: Promise<Reference> | undefined;
  private penalties: Promise<readonly (readonly number[])[]> | undefined;

  constructor(
    readonly family: DistributionFamily,
    readonly temperature = 0.4,
  ) {
    [this.target] = targetsFor(family);
    const { policy } = headsFor(family, this.target.actions);
    const near = (even: number, odd: number) => policy.map((value, j) => value + (j % 2 ? odd : even));
    this.heads = { policy, behaviour: near(-0.2, 0.2), reference: near(0.25, 0.1) };
  }

  fits({ needs }: EstimatorChoice): boolean {
    return missingNeeds(needs, this.family, this.target.actions).length === 0;
  }

  /** The integral that the choice follows; undefined where there is none. */
  async exact(choice: EstimatorChoice): Promise<readonly number[] | undefined> {
    this.reference ??= referenceFor(this.device, this.family, this.target, this.heads);
    const known = (await this.reference).gradient(choice, this.temperature)?.gradient;
    return known ?? (choice.follows.coefficient ? undefined : this.ofExact(choice));
  }

  /** Where a divergence has no integral of its own: the gradient of its estimator `exact`, if there is one that fits. */
  private async ofExact({ name, quality }: EstimatorChoice): Promise<readonly number[] | undefined> {
    if (quality === 'own-objective') return undefined;
    const [divergence] = name.split('/');
    const exact = estimators.find((each) => each.name === `${divergence}/exact` && each.name !== name);
    if (!exact || exact.variants.length > 0) return undefined;
    const choice = chooseEstimator(exact.name);
    return this.fits(choice) ? (await this.measure(choice, 1, 1)).mean : undefined;
  }

  /** Gradients of every divergence that a name could promise: both KLs to the target, both to the reference policy. */
  async divergences(): Promise<readonly (readonly number[])[]> {
    this.penalties ??= evaluateNodes(this.device, this.family, this.target, this.heads).then((nodes) =>
      [reverseReferenceKl, forwardReferenceKl].map(
        ({ coefficient }) => exactGradient(nodes, coefficient, this.temperature)?.gradient ?? [],
      ),
    );
    const own = ['reverse-kl/score:none', 'forward-kl/snis:policy'].map((name) =>
      this.exact(chooseEstimator(name)),
    );
    const found = [...(await Promise.all(own)), ...(await this.penalties)];
    return found.filter((gradient): gradient is readonly number[] => (gradient?.length ?? 0) > 0);
  }

  /** Mean over replications of the gradient with K samples; measured once. */
  measure(choice: EstimatorChoice, samples: number, replications: number): Promise<Mean> {
    const key = `${choice.name} ${samples} ${replications}`;
    const found = this.known.get(key) ?? this.sampled(choice, samples, replications);
    this.known.set(key, found);
    return found;
  }

  /** @param temperature of another target */
  async sampled(
    choice: EstimatorChoice,
    samples: number,
    replications: number,
    temperature = this.temperature,
  ): Promise<Mean> {
    const { device, family, target, heads } = this;
    const reference = family.capabilities.density && choice.needs.includes('value') && this.exact(choice);
    await reference;
    const value = this.reference ? (await this.reference).value(temperature) : 0;
    const program = await compileGradient(device, choice, {
      ...{ family, actions: target.actions, samples, replications, seed: 11 },
    });
    try {
      const runs = Math.ceil(replications / program.batch);
      prepare(device, program, { family, target, temperature, value, heads });
      const [{ gradients }] = await replicate(device, [{ ...program, runs }]);
      const { mean, standardError } = gradientStatistics(gradients, family.parameters(target.actions));
      return { mean, error: standardError };
    } finally {
      release(device, program);
    }
  }

  dispose(): Promise<void> {
    return this.device.dispose();
  }
}

/** Standard errors within which a mean counts as the exact one; seeds are fixed, so that a pass remains one. */
export const within = 4.5;

/** The largest distance of a part from what it should be, in standard errors. */
export const deviations = ({ mean, error }: Mean, exact: readonly number[]): number =>
  Math.max(...mean.map((value, j) => Math.abs(value - exact[j]) / (error[j] + 1e-10 * norm(exact) + 1e-12)));

const distance = ({ mean }: Mean, exact: readonly number[]): number =>
  norm(mean.map((value, j) => value - exact[j]));

/** How many gradients to draw with K samples each. */
const replicationsFor = (samples: number, scale: number): number =>
  Math.ceil((scale * 65_536) / Math.sqrt(samples));

/** That the mean is that of the exact gradient with any number of samples. */
export async function assertUnbiased(
  problem: Problem,
  choice: EstimatorChoice,
  scale: number,
): Promise<void> {
  const exact = await problem.exact(choice);
  if (!exact) return;
  const least = choice.minimumSamples;
  for (const samples of [...new Set([least, least + 1, 16])]) {
    const found = await problem.measure(choice, samples, replicationsFor(samples, scale));
    const off = deviations(found, exact);
    confirm(
      off < within,
      `${problem.family.name}, K = ${samples}: ${off} standard errors from ${exact}, at ${found.mean}`,
    );
    const size = norm(exact);
    confirm(norm(found.error) < 0.3 * Math.max(size, 0.3), `too few to tell: ${found.error} of ${exact}`);
  }
}

/** That the distance to the exact gradient falls like 1/K. @returns whether there is a distance with few samples */
export async function assertFalling(
  problem: Problem,
  choice: EstimatorChoice,
  scale: number,
): Promise<boolean> {
  const exact = await problem.exact(choice);
  if (!exact) return false;
  const few = Math.max(4, choice.minimumSamples);
  const [first, last] = [few, 16 * few];
  const [start, end] = [
    await problem.measure(choice, first, replicationsFor(first, scale)),
    await problem.measure(choice, last, replicationsFor(last, scale)),
  ];
  // Among choices a kink at p = π shows until K tells a ratio near 1 from 1.
  const kinked = choice.estimator.kinked === true && problem.family.capabilities.discrete;
  const allowed =
    (kinked ? 6 : 1.8) * (distance(start, exact) / 16) + within * (norm(end.error) + norm(start.error) / 16);
  const left = distance(end, exact);
  confirm(
    left < allowed + 0.003 * norm(exact),
    `${problem.family.name}, K = ${last}: ${left} off, ${distance(start, exact)} at K = ${first}, of ${norm(exact)}`,
  );
  const least = await problem.measure(
    choice,
    choice.minimumSamples,
    replicationsFor(choice.minimumSamples, scale),
  );
  return deviations(least, exact) > within;
}

/** Whether the mean is none of the divergences' gradients, by more than noise and a hundredth. */
export async function followsNone(
  problem: Problem,
  choice: EstimatorChoice,
  scale: number,
): Promise<boolean> {
  const found = await problem.measure(choice, 32, replicationsFor(32, scale));
  const known = await problem.divergences();
  return known.every(
    (gradient) => distance(found, gradient) > within * norm(found.error) + 0.01 * norm(gradient),
  );
}

/** Tries one label on some problems. */
export async function checkLabel(
  choice: EstimatorChoice,
  problems: readonly Problem[],
  scale: number,
): Promise<void> {
  const fitting = problems.filter((problem) => problem.fits(choice));
  confirm(fitting.length > 0, `${choice.name} was tried nowhere`);
  const biased = choice.bias !== undefined;
  confirm(biased ? choice.quality !== 'unbiased' : choice.quality !== 'consistent', 'a bias has an order');
  const shows: boolean[] = [];
  for (const problem of fitting) {
    // Weights over a simplex, whose corners a relaxed choice crowds, have no variance, and errors fall more slowly.
    if (biased && problem.family.name === 'relaxed-categorical') continue;
    if (biased) shows.push(await assertFalling(problem, choice, scale));
    else await assertUnbiased(problem, choice, scale);
  }
  // In these problems all states are one, and a bias in the batch alone does not fall with K.
  if (choice.bias === ratioBias) confirm(shows.includes(true), 'no bias to see: it is unbiased');
  if (choice.quality !== 'own-objective') return;
  const none: boolean[] = [];
  for (const problem of fitting) none.push(await followsNone(problem, choice, scale));
  confirm(none.includes(true), 'it follows one of the divergences');
}
