import type { Device } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { forwardReferenceKl, reverseReferenceKl } from '../divergences/objective.ts';
import { estimatorChoices } from '../divergences/registry.ts';
import { exactGradient, norm } from './exact.ts';
import { compileGradient, prepare, release, replicate } from './measure.ts';
import { evaluateNodes } from './nodes.ts';
import { type Heads, qualityTarget } from './problem.ts';
import { cosineOfMean, type Figure, gradientStatistics } from './statistics.ts';

/** Which gradient one KL penalty follows when it is used as a loss; plain JSON. */
export interface PenaltyRow {
  readonly estimator: string;
  readonly distribution: string;
  readonly replications: number;
  /** Norm of the mean gradient over that of ∇KL(π ‖ π_ref), with the interval of a ball: low 0 where it may vanish. */
  readonly normRatio: Figure;
  /** Cosine of the mean gradient to ∇KL(π ‖ π_ref); null where the mean is not told from 0. */
  readonly cosineReverse: Figure | null;
  /** To ∇KL(π_ref ‖ π). */
  readonly cosineForward: Figure | null;
  /** In words. */
  readonly finding: string;
}

/** What is shown: one family of boxes, one of choices, where the two KLs pull in clearly different directions. */
const shown: readonly { readonly family: string; readonly target: string; readonly heads: Heads }[] = [
  {
    family: 'gaussian',
    target: 'quadratic',
    heads: { policy: [0.8, 0], behaviour: [0.3, 0.1], reference: [0, 0] },
  },
  {
    family: 'categorical',
    target: 'choices',
    heads: {
      policy: [1.5, 0, 0, 0, -1.5, 0],
      behaviour: [1, 0.3, 0, -0.3, -0.8, 0],
      reference: [-0.8, 0.4, 0, 0, 1, 0],
    },
  },
];
/** Actions for each state, and replications: the penalties are cheap. */
const [samples, replications] = [16, 8192];
/** Cosine from which, and relative difference of norms below which, a gradient counts as a divergence's own. */
const [parallel, sameLength] = [0.99, 0.1];

/**
 * Measures which gradient each KL penalty follows: samples of the policy, samples of another policy unweighted, and
 * weighted by importance. The references are quadrature and enumeration.
 *
 * @param exact a float64 device
 */
export async function measurePenalties(
  device: Device,
  exact: Device,
  { seed }: { readonly seed: number },
): Promise<PenaltyRow[]> {
  const choices = estimatorChoices().filter(({ estimator }) => estimator.penalty);
  const rows: PenaltyRow[] = [];
  for (const { family: familyName, target: targetName, heads } of shown) {
    const [family, target] = [distributionFamily(familyName), qualityTarget(targetName)];
    const nodes = await evaluateNodes(exact, family, target, heads);
    const [reverse, forward] = [reverseReferenceKl, forwardReferenceKl].map(
      ({ coefficient }) => exactGradient(nodes, coefficient, 1)?.gradient ?? [],
    );
    for (const choice of choices) {
      const program = await compileGradient(device, choice, {
        ...{ family, actions: target.actions, samples, replications, seed },
        purpose: 'qualityPenalties',
      });
      try {
        prepare(device, program, { family, target, temperature: 1, heads });
        const [{ gradients }] = await replicate(device, [program]);
        const named = { estimator: choice.name, distribution: familyName };
        rows.push({ ...named, ...penaltyOf(gradients, reverse, forward) });
      } finally {
        release(device, program);
      }
    }
  }
  return rows;
}

/** @param reverse gradient of that KL divergence, as `forward` */
function penaltyOf(
  gradients: Float64Array,
  reverse: readonly number[],
  forward: readonly number[],
): Omit<PenaltyRow, 'estimator' | 'distribution'> {
  const nothing = { gradient: reverse.map(() => 0), error: 0 };
  const { bias: size, replications: n } = gradientStatistics(gradients, reverse.length, nothing);
  const unit = norm(reverse);
  const { value, low, high } = size ?? { value: 0, low: 0, high: 0 };
  const normRatio = { value: value / unit, low: low / unit, high: high / unit };
  const vanishing = low === 0;
  const cosineReverse = vanishing ? null : cosineOfMean(gradients, reverse);
  const cosineForward = vanishing ? null : cosineOfMean(gradients, forward);
  const followsOne = (cosine: Figure | null, length: number) =>
    cosine !== null && cosine.value > parallel && Math.abs(value / length - 1) < sameLength;
  const follows = [
    ...(followsOne(cosineReverse, unit) ? [reverseReferenceKl.name] : []),
    ...(followsOne(cosineForward, norm(forward)) ? [forwardReferenceKl.name] : []),
  ];
  const finding = vanishing ? 'mean 0' : follows.length > 0 ? follows.join(' and ') : 'neither';
  return { replications: n, normRatio, cosineReverse, cosineForward, finding };
}
