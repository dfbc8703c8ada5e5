// Every label against measurement: what the mean gradient of an estimator is, at several numbers of samples, beside
// integrals by quadrature and sums by enumeration.
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { type EstimatorChoice, missingNeeds, ratioBias } from '../../src/divergences/estimator.ts';
import { forwardReferenceKl, reverseReferenceKl } from '../../src/divergences/objective.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { exactGradient, norm } from '../../src/quality/exact.ts';
import { compileGradient, prepare, release, replicate } from '../../src/quality/measure.ts';
import { evaluateNodes } from '../../src/quality/nodes.ts';
import { type Heads, headsFor, type QualityTarget, targetsFor } from '../../src/quality/problem.ts';
import { type Reference, referenceFor } from '../../src/quality/reference.ts';
import { gradientStatistics } from '../../src/quality/statistics.ts';
import { exactDevice } from '../helpers/devices.ts';

/** A mean gradient with the standard error of each of its parts. */
export interface Mean {
  readonly mean: readonly number[];
  readonly error: readonly number[];
}

/** One family on one target, with what is known of both. */
export class Problem {
  readonly device: Device = exactDevice();
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
    return (await this.reference).gradient(choice, this.temperature)?.gradient;
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
const within = 4.5;

/** The largest distance of a part from what it should be, in standard errors. */
export const deviations = ({ mean, error }: Mean, exact: readonly number[]): number =>
  Math.max(...mean.map((value, j) => Math.abs(value - exact[j]) / (error[j] + 1e-12 * norm(exact) + 1e-12)));

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
    assert.ok(
      off < within,
      `${problem.family.name}, K = ${samples}: ${off} standard errors from ${exact}, at ${found.mean}`,
    );
    const size = norm(exact);
    assert.ok(norm(found.error) < 0.3 * Math.max(size, 0.3), `too few to tell: ${found.error} of ${exact}`);
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
  const kinked = choice.name.startsWith('total-variation/') && problem.family.capabilities.discrete;
  const allowed =
    (kinked ? 6 : 1.8) * (distance(start, exact) / 16) + within * (norm(end.error) + norm(start.error) / 16);
  const left = distance(end, exact);
  assert.ok(
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
  assert.ok(fitting.length > 0, `${choice.name} was tried nowhere`);
  const biased = choice.bias !== undefined;
  assert.ok(biased ? choice.quality !== 'unbiased' : choice.quality !== 'consistent', 'a bias has an order');
  const shows: boolean[] = [];
  for (const problem of fitting) {
    // Weights over a simplex, whose corners a relaxed choice crowds, have no variance, and errors fall more slowly.
    if (biased && problem.family.name === 'relaxed-categorical') continue;
    if (biased) shows.push(await assertFalling(problem, choice, scale));
    else await assertUnbiased(problem, choice, scale);
  }
  // In these problems all states are one, and a bias in the batch alone does not fall with K.
  if (choice.bias === ratioBias) assert.ok(shows.includes(true), 'no bias to see: it is unbiased');
  if (choice.quality !== 'own-objective') return;
  const none: boolean[] = [];
  for (const problem of fitting) none.push(await followsNone(problem, choice, scale));
  assert.ok(none.includes(true), 'it follows one of the divergences');
}

/** The same estimator asked without the check of its samples. */
const unchecked = (choice: EstimatorChoice): EstimatorChoice => ({
  ...choice,
  loss: (input) => choice.estimator.loss(input, choice.variant),
});

const vanishes = (found: Mean): boolean =>
  deviations(
    found,
    found.mean.map(() => 0),
  ) < within;
const differ = (a: Mean, b: Mean): boolean =>
  deviations({ mean: a.mean, error: a.error.map((value, j) => Math.hypot(value, b.error[j])) }, b.mean) >
  within;

/**
 * That the least number of samples is the least from which something can be learnt: there the mean gradient is not 0 and
 * depends on the target; with one sample less it is 0 or not a number, or knows nothing of the target, or climbs the
 * reverse KL.
 */
export async function checkLeastSamples(
  problem: Problem,
  choice: EstimatorChoice,
  asked: number,
): Promise<void> {
  const least = choice.minimumSamples;
  const [penalty, awr] = ['kl-penalty/', 'forward-kl/awr'].map((start) => choice.name.startsWith(start));
  // Penalties are small and cheap; one sample's value inside an exponential makes noise, less where it is hot.
  const replications = penalty || awr ? 8 * asked : asked;
  const temperature = awr ? 10 * problem.temperature : problem.temperature;
  const other = 10 * temperature;
  const found = await problem.sampled(choice, least, replications, temperature);
  if (choice.follows.name === 'nothing') return assert.ok(vanishes(found), `${found.mean}`);
  assert.not.ok(vanishes(found), `with ${least} samples nothing is learnt: ${found.mean} ± ${found.error}`);
  // What a penalty pulls to is no target; without entropy, the temperature counts for nothing.
  if (penalty || choice.name.startsWith('dpg/')) return;
  const hotter = await problem.sampled(choice, least, replications, other);
  assert.ok(differ(found, hotter), `with ${least} samples the target counts for nothing: ${found.mean}`);
  if (least === 1) return;
  const free = unchecked(choice);
  const fewer = async (at: number) =>
    problem.sampled(free, least - 1, replications, at).catch(() => undefined);
  const [below, belowHotter] = [await fewer(temperature), await fewer(other)];
  if (!below || !belowHotter || vanishes(below) || !differ(below, belowHotter)) return;
  const reverse = (await problem.exact(chooseEstimator('reverse-kl/score:none'))) ?? [];
  const along = below.mean.reduce((sum, value, j) => sum + value * reverse[j], 0);
  assert.ok(along < 0, `one sample less would do: ${below.mean} ± ${below.error}, of ${reverse}`);
}
