import {
  abs,
  add,
  argMax,
  broadcastTo,
  clamp,
  concat,
  constant,
  div,
  exp,
  greater,
  greaterEqual,
  logSoftmax,
  logSumExp,
  max,
  maximum,
  minimum,
  mul,
  neg,
  randomNormal,
  reshape,
  sliceAxis,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../tape/index.ts';
import { gumbel, oneHot } from './categorical.ts';
import { insideBox, noiseOf, requireEvents } from './checks.ts';
import type {
  BoxDensity,
  Distribution,
  DistributionFamily,
  FamilyOptions,
  Sample,
  SampleOptions,
} from './distribution.ts';
import { defaultLogStd, normalEntropy, scaledRange } from './entropy-range.ts';
import { inverseTanh, squash } from './gaussian.ts';
import { maskedLogits } from './mask.ts';

/** How many nodes of quadrature a bend between two components shall have, relative to a component's centre. */
const bendWeight = 0.4;
/** Components of the family. */
const components = 4;

/**
 * Mixture of diagonal Gaussians, optionally squashed by tanh. Head: logits, means, log-stds,
 * [batch, components·(1 + 2·actions)]. Noise: Gumbel for the component beside standard normals,
 * [samples, batch, components + actions].
 *
 * It has no pathwise samples: the choice of a component is discrete, so no gradient passes through it. Its
 * entropy has no closed form and is estimated from samples wherever it is needed.
 */
export class GaussianMixture implements Distribution {
  readonly family: string;
  readonly bounded: boolean;
  readonly batch: number;
  readonly actions: number;
  private readonly components: number;
  private readonly logStd: Tensor;
  private readonly squashed: boolean;

  /** [batch, components], finite where masked */
  readonly logits: Tensor;

  /**
   * @param logits [batch, components]; one of −∞ masks its component
   * @param mean [batch, components, actions]
   * @param rawLogStd as mean
   */
  constructor(
    logits: Tensor,
    readonly mean: Tensor,
    rawLogStd: Tensor,
    private readonly options: FamilyOptions & { readonly squashed: boolean },
  ) {
    const { squashed } = options;
    this.squashed = squashed;
    this.logits = maskedLogits(logits);
    this.bounded = squashed;
    this.family = squashed ? 'tanh-gaussian-mixture' : 'gaussian-mixture';
    [this.batch, this.components, this.actions] = mean.shape;
    const [low, high] = options.logStd ?? defaultLogStd;
    this.logStd = clamp(rawLogStd, low, high);
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const { batch, actions, components: count } = this;
    const fresh = () =>
      concat([gumbel([samples, batch, count]), randomNormal([samples, batch, actions])], -1);
    const given = noiseOf({ family: this.family, batch, actions: count + actions }, samples, options, fresh);
    const choice = reshape(
      oneHot(argMax(add(this.logits, sliceAxis(given, -1, 0, count)), -1, true), count),
      [samples, batch, count, 1],
    );
    const pick = (x: Tensor) => sum(mul(choice, x), 2);
    const spread = mul(exp(pick(this.logStd)), sliceAxis(given, -1, count, count + actions));
    const latent = stopGradient(add(pick(this.mean), spread));
    return { actions: this.squashed ? tanh(latent) : latent, latent, logProb: this.logProbLatent(latent) };
  }

  logProb(actions: Tensor): Tensor {
    return this.logProbLatent(this.squashed ? inverseTanh(insideBox(actions)) : actions);
  }

  logProbLatent(latent: Tensor): Tensor {
    const density = logSumExp(this.joint(latent), -1);
    if (!this.squashed) return density;
    return sub(density, squash(latent).logVolume);
  }

  /** Posterior of the component at latents: [samples, batch, components]. */
  responsibilities(latent: Tensor): Tensor {
    return exp(logSoftmax(this.joint(latent), -1));
  }

  /** The mean of the likeliest component, squashed where the family is. */
  mode(): Tensor {
    const choice = reshape(oneHot(argMax(this.logits, -1, true), this.components), [
      this.batch,
      this.components,
      1,
    ]);
    const mean = sum(mul(choice, this.mean), 1);
    return this.squashed ? tanh(mean) : mean;
  }

  get transform(): ((latent: Tensor) => { actions: Tensor; logVolume: Tensor }) | undefined {
    return this.squashed ? squash : undefined;
  }

  get boxDensity(): (() => BoxDensity) | undefined {
    if (!this.squashed) return undefined;
    const byComponent = (x: Tensor) => stopGradient(transpose(x, [1, 0, 2]));
    return () => ({
      centre: byComponent(this.mean),
      scale: byComponent(exp(this.logStd)),
      parameters: [this.logits, this.mean, this.logStd],
      ...(this.actions === 1 ? { bends: this.bends() } : {}),
      steepness: [
        broadcastTo(constant(0.5), this.logits.shape),
        stopGradient(exp(neg(this.logStd))),
        broadcastTo(constant(Math.SQRT2), this.logStd.shape),
      ],
      logDensity: (latent) => logSumExp(this.joint(latent), -1),
    });
  }

  /**
   * Where the density passes from one component to another, in one coordinate: log w_i N_i − log w_j N_j is a parabola
   * ax² + bx + c in x = u − μ_i, and each of its roots counts where no third component is above. Its slope there says within
   * which width the one gives way to the other.
   */
  private bends(): NonNullable<BoxDensity['bends']> {
    const { batch, components: count } = this;
    const column = (x: Tensor, m: number) => stopGradient(reshape(sliceAxis(x, 1, m, m + 1), [1, batch, 1]));
    const parts = Array.from({ length: count }, (_, m) => ({
      logWeight: column(this.logits, m),
      mean: column(this.mean, m),
      logStd: column(this.logStd, m),
    }));
    const pairs = parts.flatMap((i, at) => parts.slice(at + 1).map((j) => [i, j] as const));
    const roots = pairs.flatMap(([i, j]) => {
      // All in units of the narrower one's precision, which float32 might not hold when squared.
      const least = minimum(i.logStd, j.logStd);
      const [p, q] = [i, j].map(({ logStd }) => exp(mul(2, sub(least, logStd))));
      const unit = exp(mul(2, least));
      const gap = sub(j.mean, i.mean);
      const heights = add(sub(i.logWeight, j.logWeight), sub(j.logStd, i.logStd));
      const a = mul(0.5, sub(q, p));
      const b = neg(mul(gap, q));
      const c = add(mul(0.5, mul(square(gap), q)), mul(unit, heights));
      const slope = sqrt(maximum(sub(square(b), mul(4, mul(a, c))), 0));
      // Of the two forms of each root the one that does not cancel.
      const stable = mul(-0.5, add(b, where(greaterEqual(b, 0), slope, neg(slope))));
      return [
        [c, stable],
        [stable, a],
      ].map(([top, bottom]) => {
        const some = mul(greater(abs(bottom), 1e-12), greater(slope, 1e-6));
        const x = clamp(div(top, where(some, bottom, 1)), -1e3, 1e3);
        return { centre: add(i.mean, mul(some, x)), scale: div(unit, where(some, slope, 1)), some };
      });
    });
    const all = (pick: (root: (typeof roots)[number]) => Tensor) => concat(roots.map(pick), 0);
    const centre = stopGradient(all(({ centre }) => centre));
    const highest = max(this.responsibilities(centre), -1, true);
    const weight = mul(
      bendWeight,
      mul(
        all(({ some }) => some),
        greater(0.75, highest),
      ),
    );
    return {
      centre,
      scale: clamp(
        all(({ scale }) => scale),
        1e-6,
        1,
      ),
      weight: stopGradient(weight),
    };
  }

  detach(): GaussianMixture {
    const parts = [this.logits, this.mean, this.logStd].map(stopGradient) as [Tensor, Tensor, Tensor];
    return new GaussianMixture(...parts, this.options);
  }

  /** log w_m + log N_m at latents [samples, batch, actions]: [samples, batch, components]. */
  private joint(latent: Tensor): Tensor {
    const [samples] = requireEvents(this, latent).shape;
    const at = reshape(latent, [samples, this.batch, 1, this.actions]);
    const z = mul(sub(at, this.mean), exp(neg(this.logStd)));
    const each = sub(sub(mul(-0.5, square(z)), this.logStd), 0.5 * Math.log(2 * Math.PI));
    return add(logSoftmax(this.logits, -1), sum(each, -1));
  }
}

function family(squashed: boolean): DistributionFamily {
  return {
    name: squashed ? 'tanh-gaussian-mixture' : 'gaussian-mixture',
    title: `Mixture of ${components} Gaussians${squashed ? ' squashed by tanh' : ''}`,
    capabilities: {
      reparameterisable: false,
      discrete: false,
      density: true,
      bounded: squashed,
      actionKind: 'box',
      differentiableActions: true,
      diagonalGaussian: false,
      closedKl: false,
    },
    parameters: (actions) => components * (1 + 2 * actions),
    // One component has least; apart from each other, they add the entropy of the choice. Squashed, they come within
    // 0.01 of uniform in each coordinate.
    entropyRange: (actions, options) => {
      if (squashed) return [Number.NEGATIVE_INFINITY, actions * Math.LN2];
      const [low, high] = scaledRange(normalEntropy, actions, options);
      return [low, high + Math.log(components)];
    },
    make: (head, actions, options) => {
      const [batch] = head.shape;
      const part = (from: number) =>
        reshape(sliceAxis(head, 1, from, from + components * actions), [batch, components, actions]);
      return new GaussianMixture(
        sliceAxis(head, 1, 0, components),
        part(components),
        part(components * (1 + actions)),
        { ...options, squashed },
      );
    },
  };
}

export const gaussianMixture = family(false);
export const tanhGaussianMixture = family(true);
