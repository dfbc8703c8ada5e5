import {
  add,
  broadcastTo,
  clamp,
  concat,
  constant,
  exp,
  log1p,
  mul,
  neg,
  randomNormal,
  reshape,
  sliceAxis,
  softplus,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
} from '../tape/index.ts';
import { insideBox, noiseOf, requireAlike } from './checks.ts';
import { expm1Minus } from './differences.ts';
import type {
  BoxDensity,
  Distribution,
  DistributionFamily,
  FamilyOptions,
  Sample,
  SampleOptions,
} from './distribution.ts';
import { defaultLogStd, normalEntropy, scaledRange, tanhNormalRange } from './entropy-range.ts';
import { type GaussianShape, gaussianLogProb, gaussianSample } from './gaussian-op.ts';

/** Largest finite float32, standing for no bound. */
const unbounded = 3.4028234663852886e38;
/** Below 1 by half an ulp of float32 at 1: the largest action whose inverse tanh is finite. */
const largestAction = 1 - 2 ** -24;

/**
 * Diagonal Gaussian, optionally squashed by tanh. Head: mean beside log-std, [batch, 2·actions].
 * Noise: standard normal [samples, batch, actions].
 *
 * log N(u; m, l) = Σ −½((u − m)e^−l)² − l − ½ log 2π, and with tanh minus Σ 2(log 2 − u − softplus(−2u)), which
 * stays finite where 1 − tanh² underflows.
 *
 * @source Haarnoja et al. 2018, in the softplus form
 */
export class Gaussian implements Distribution {
  readonly family: string;
  readonly bounded: boolean;
  readonly batch: number;
  private readonly shape: GaussianShape;

  constructor(
    readonly head: Tensor,
    readonly actions: number,
    squash: boolean,
    readonly options: FamilyOptions = {},
  ) {
    this.family = squash ? 'tanh-gaussian' : 'gaussian';
    this.bounded = squash;
    this.batch = head.shape[0];
    const [low, high] = options.logStd ?? defaultLogStd;
    this.shape = { squash, logStdMin: Math.max(low, -unbounded), logStdMax: Math.min(high, unbounded) };
  }

  /** From separate mean and log-std [batch, actions]. */
  static of(mean: Tensor, logStd: Tensor, squash: boolean, options?: FamilyOptions): Gaussian {
    return new Gaussian(concat([mean, logStd], -1), mean.shape[1], squash, options);
  }

  /** [batch, actions], before the tanh. */
  get mean(): Tensor {
    return sliceAxis(this.head, 1, 0, this.actions);
  }

  /** [batch, actions], limited to its bounds. */
  get logStd(): Tensor {
    return clamp(
      sliceAxis(this.head, 1, this.actions, 2 * this.actions),
      this.shape.logStdMin,
      this.shape.logStdMax,
    );
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const { actions, latent, logProb } = gaussianSample(
      this.shape,
      'score',
      this.head,
      this.noise(samples, options),
    );
    return { actions: stopGradient(actions), latent: stopGradient(latent), logProb };
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    return gaussianSample(this.shape, 'pathwise', this.head, this.noise(samples, options));
  }

  logProb(actions: Tensor): Tensor {
    return this.logProbLatent(this.shape.squash ? inverseTanh(insideBox(actions)) : actions);
  }

  logProbLatent(latent: Tensor): Tensor {
    return gaussianLogProb(this.shape, this.head, latent);
  }

  /** Closed form for the Gaussian only: the squashed one has none. */
  get entropy(): (() => Tensor) | undefined {
    if (this.shape.squash) return undefined;
    return () => sum(add(this.logStd, normalEntropy), -1);
  }

  /** The mean, squashed where the family is. */
  mode(): Tensor {
    return this.shape.squash ? tanh(this.mean) : this.mean;
  }

  /** KL of the Gaussians before the tanh, which squashing leaves unchanged. */
  kl(second: Distribution): Tensor {
    const other = requireAlike<Gaussian>(this, second);
    const ratio = sub(other.logStd, this.logStd);
    const shift = mul(sub(this.mean, other.mean), exp(neg(other.logStd)));
    // ½(e^(−2r) − 1 + 2r) keeps its digits where the deviations are nearly equal.
    return mul(0.5, sum(add(expm1Minus(mul(-2, ratio)), square(shift)), -1));
  }

  get transform(): ((latent: Tensor) => { actions: Tensor; logVolume: Tensor }) | undefined {
    return this.shape.squash ? squash : undefined;
  }

  get boxDensity(): (() => BoxDensity) | undefined {
    if (!this.shape.squash) return undefined;
    return () => {
      const as = (x: Tensor) => stopGradient(reshape(x, [1, this.batch, this.actions]));
      const shape = { ...this.shape, squash: false };
      return {
        centre: as(this.mean),
        scale: as(exp(this.logStd)),
        parameters: [this.head],
        steepness: [
          stopGradient(
            concat([exp(neg(this.logStd)), broadcastTo(constant(Math.SQRT2), this.logStd.shape)], -1),
          ),
        ],
        logDensity: (latent) => gaussianLogProb(shape, this.head, latent),
      };
    };
  }

  detach(): Gaussian {
    return new Gaussian(stopGradient(this.head), this.actions, this.shape.squash, this.options);
  }

  private noise(samples: number, options: SampleOptions): Tensor {
    return noiseOf(this, samples, options, randomNormal);
  }
}

/**
 * The value before the tanh of given actions: ½(log1p(a) − log1p(−a)), after moving actions at ±1 to the nearest
 * float32 inside. Only for actions that come without their latent, as from a replay buffer.
 *
 * An action is stored in float32, so its latent u is known to 2⁻²⁵·1.1/(1 − tanh² u): 5e-7 at |u| = 2, 3e-5 at 4, 2e-3 at 6,
 * 0.1 at 8; past 9.01 it counts as 9.01. A Gaussian's log π there is off by z/σ times that, z its distance in deviations.
 */
export function inverseTanh(actions: Tensor): Tensor {
  const inside = clamp(actions, -largestAction, largestAction);
  return mul(0.5, sub(log1p(inside), log1p(neg(inside))));
}

/** tanh with log(1 − tanh²) summed over coordinates, which stays finite where 1 − tanh² underflows. */
export function squash(latent: Tensor): { actions: Tensor; logVolume: Tensor } {
  const logVolume = sum(mul(2, sub(sub(Math.LN2, latent), softplus(mul(-2, latent)))), -1);
  return { actions: tanh(latent), logVolume };
}

export const gaussian: DistributionFamily = {
  name: 'gaussian',
  title: 'Gaussian, diagonal',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: true,
    closedKl: true,
  },
  parameters: (actions) => 2 * actions,
  entropyRange: (actions, options) => scaledRange(normalEntropy, actions, options),
  make: (head, actions, options) => new Gaussian(head, actions, false, options),
};

export const tanhGaussian: DistributionFamily = {
  name: 'tanh-gaussian',
  title: 'Gaussian squashed by tanh',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: true,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: true,
    closedKl: true,
  },
  parameters: (actions) => 2 * actions,
  entropyRange: tanhNormalRange,
  make: (head, actions, options) => new Gaussian(head, actions, true, options),
};
