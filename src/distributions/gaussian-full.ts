import {
  add,
  clamp,
  exp,
  expm1,
  literal,
  mul,
  neg,
  randomNormal,
  reshape,
  sliceAxis,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import { noiseOf, requireAlike, requireEvents } from './checks.ts';
import { expm1Minus } from './differences.ts';
import type {
  Distribution,
  DistributionFamily,
  FamilyOptions,
  Sample,
  SampleOptions,
} from './distribution.ts';
import { defaultLogStd, normalEntropy, scaledRange } from './entropy-range.ts';

/**
 * Gaussian with full covariance LLᵀ; L is lower triangular with e^raw on its diagonal, and what lies above the
 * diagonal of `raw` is ignored. Head: mean beside raw, row by row, [batch, actions + actions²].
 * Noise: standard normal [samples, batch, actions].
 */
export class FullGaussian implements Distribution {
  readonly family = 'gaussian-full';
  readonly bounded = false;
  readonly batch: number;
  readonly actions: number;
  /** [batch, actions] log of L's diagonal, limited to its bounds */
  private readonly logDiagonal: Tensor;

  constructor(
    readonly mean: Tensor,
    readonly raw: Tensor,
    private readonly options: FamilyOptions = {},
  ) {
    [this.batch, this.actions] = mean.shape;
    const [low, high] = options.logStd ?? defaultLogStd;
    this.logDiagonal = clamp(
      sum(
        mul(
          raw,
          this.mask((i, j) => i === j),
        ),
        -1,
      ),
      low,
      high,
    );
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const actions = stopGradient(this.draw(samples, options).actions);
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    const { actions, noise } = this.draw(samples, options);
    return { actions, latent: actions, logProb: this.density(sum(square(noise), -1)) };
  }

  logProb(actions: Tensor): Tensor {
    const solved = this.solve(columns(sub(requireEvents(this, actions), this.mean)));
    return this.density(solved.map(square).reduce((total, term) => add(total, term)));
  }

  logProbLatent(latent: Tensor): Tensor {
    return this.logProb(latent);
  }

  entropy(): Tensor {
    return sum(add(this.logDiagonal, normalEntropy), -1);
  }

  mode(): Tensor {
    return this.mean;
  }

  /**
   * ½(‖M‖² + ‖L₂⁻¹(μ₁ − μ₂)‖² − n) − Σ log diag M with M = L₂⁻¹L₁ = I + L₂⁻¹(L₁ − L₂), whose diagonal is e^(l₁ − l₂): all of it
   * from differences, which keep their digits where the distributions are nearly equal, however thin they are.
   */
  kl(second: Distribution): Tensor {
    const other = requireAlike<FullGaussian>(this, second);
    const shift = other.solve(columns(sub(this.mean, other.mean)));
    const ratio = sub(this.logDiagonal, other.logDiagonal);
    const [stretch, apart] = [columns(expm1(ratio)), sub(this.raw, other.raw)];
    let squares = sum(expm1Minus(mul(2, ratio)), -1);
    for (const value of shift) squares = add(squares, square(value));
    for (let j = 0; j < this.actions; j++) {
      const below = Array.from({ length: this.actions - j - 1 }, (_, i) => entry(apart, j + 1 + i, j));
      for (const value of other.solve(below, [stretch[j]])) squares = add(squares, square(value));
    }
    return mul(0.5, squares);
  }

  detach(): FullGaussian {
    return new FullGaussian(stopGradient(this.mean), stopGradient(this.raw), this.options);
  }

  private draw(samples: number, options: SampleOptions): { actions: Tensor; noise: Tensor } {
    const eps = noiseOf(this, samples, options, randomNormal);
    const spread = sum(mul(this.lower(), reshape(eps, [samples, this.batch, 1, this.actions])), -1);
    return { actions: add(this.mean, spread), noise: eps };
  }

  private density(squares: Tensor): Tensor {
    const constant = -0.5 * this.actions * Math.log(2 * Math.PI);
    return sub(add(mul(-0.5, squares), constant), sum(this.logDiagonal, -1));
  }

  /** L [batch, actions, actions] */
  private lower(): Tensor {
    const diagonal = reshape(exp(this.logDiagonal), [this.batch, this.actions, 1]);
    return where(
      this.mask((i, j) => i === j),
      diagonal,
      mul(
        this.raw,
        this.mask((i, j) => i > j),
      ),
    );
  }

  /**
   * y with Ly = d by forward substitution; d and y are lists of coordinates [..., batch]. The diagonal's reciprocal
   * is e^−l: a quotient's derivative would square the diagonal, which at its lower bound leaves float32.
   *
   * @param d the last coordinates, as many as there are
   * @param known y of the one before them, if any; those before that are 0
   * @returns y of the same coordinates as d
   */
  private solve(d: readonly Tensor[], known: readonly Tensor[] = []): Tensor[] {
    const scale = columns(exp(neg(this.logDiagonal)));
    const y = [...known];
    const first = this.actions - d.length;
    for (const [at, value] of d.entries()) {
      let rest = value;
      for (const [k, each] of y.entries())
        rest = sub(rest, mul(entry(this.raw, first + at, first - known.length + k), each));
      y.push(mul(rest, scale[first + at]));
    }
    return y.slice(known.length);
  }

  private mask(keep: (row: number, column: number) => boolean): Tensor {
    const n = this.actions;
    return literal(
      Array.from({ length: n * n }, (_, at) => Number(keep(Math.floor(at / n), at % n))),
      [n, n],
    );
  }
}

/** Coordinates [..., batch] of vectors [..., batch, actions]. */
function columns(vectors: Tensor): Tensor[] {
  const lead = vectors.shape.slice(0, -1);
  return Array.from({ length: vectors.shape[vectors.shape.length - 1] }, (_, i) =>
    reshape(sliceAxis(vectors, -1, i, i + 1), lead),
  );
}

/** Entry (i, j) of matrices [batch, n, n]: [batch]. */
function entry(matrix: Tensor, i: number, j: number): Tensor {
  return reshape(sliceAxis(sliceAxis(matrix, 1, i, i + 1), 2, j, j + 1), [matrix.shape[0]]);
}

export const gaussianFull: DistributionFamily = {
  name: 'gaussian-full',
  title: 'Gaussian, full covariance',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: true,
  },
  parameters: (actions) => actions + actions * actions,
  // Below the diagonal L does not change its determinant.
  entropyRange: (actions, options) => scaledRange(normalEntropy, actions, options),
  make: (head, actions, options) =>
    new FullGaussian(
      sliceAxis(head, 1, 0, actions),
      reshape(sliceAxis(head, 1, actions, actions + actions * actions), [head.shape[0], actions, actions]),
      options,
    ),
};
