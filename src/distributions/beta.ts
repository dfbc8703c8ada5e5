import { gaussLegendre } from '../math/quadrature.ts';
import {
  add,
  clamp,
  digamma,
  div,
  exp,
  greater,
  literal,
  log,
  log1p,
  logGamma,
  mul,
  neg,
  pow,
  randomNormal,
  randomUniform,
  reshape,
  sliceAxis,
  softplus,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import { noiseOf, requireAlike, requireEvents } from './checks.ts';
import type { BoxDensity, Distribution, DistributionFamily, Sample, SampleOptions } from './distribution.ts';

/** Largest action with a finite log-density: one float32 below 1. */
const largestAction = 1 - 2 ** -24;
/** Tries of the rejection sampler; all fail with probability below 1e-8 for shapes from 1. */
const tries = 6;
/**
 * Nodes of the quadrature for the implicit gradient, its reach in standard deviations of logit(x), and how strongly
 * the nodes gather near x. Error below 1e-14 for shapes from 0.8 to 16.
 */
const nodes = 64;
const reach = 40;
const gathering = 4;

/**
 * Beta on the box: (a + 1)/2 ~ Beta(α, β) for each coordinate; α and β [batch, actions]. Samples are reparameterised
 * implicitly: da/dα = −(∂F/∂α)/(∂F/∂a) with F the distribution function. Noise: the actions themselves,
 * [samples, batch, actions], for references; fresh ones come from two gamma variates.
 *
 * @source Figurnov, Mohamed & Mnih 2018 (implicit reparameterisation); Marsaglia & Tsang 2000 (gamma variates)
 */
export class Beta implements Distribution {
  readonly family = 'beta';
  readonly bounded = true;
  readonly batch: number;
  readonly actions: number;

  constructor(
    readonly alpha: Tensor,
    readonly beta: Tensor,
  ) {
    [this.batch, this.actions] = alpha.shape;
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const actions = this.draw(samples, options);
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    const drawn = this.draw(samples, options);
    const { dAlpha, dBeta } = this.implicitGradient(drawn);
    const through = (slope: Tensor, parameter: Tensor) => mul(slope, sub(parameter, stopGradient(parameter)));
    const actions = add(drawn, add(through(dAlpha, this.alpha), through(dBeta, this.beta)));
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  logProb(actions: Tensor): Tensor {
    requireEvents(this, actions);
    const inside = clamp(actions, -largestAction, largestAction);
    // log x and log(1 − x) of x = (a + 1)/2, exact at both ends.
    const logX = sub(log1p(inside), Math.LN2);
    const log1mX = sub(log1p(neg(inside)), Math.LN2);
    const kernel = add(mul(sub(this.alpha, 1), logX), mul(sub(this.beta, 1), log1mX));
    return sum(sub(sub(kernel, this.logNormaliser()), Math.LN2), -1);
  }

  logProbLatent(latent: Tensor): Tensor {
    return this.logProb(latent);
  }

  entropy(): Tensor {
    const { alpha, beta } = this;
    const total = add(alpha, beta);
    const parts = add(mul(sub(alpha, 1), digamma(alpha)), mul(sub(beta, 1), digamma(beta)));
    return sum(add(sub(add(this.logNormaliser(), mul(sub(total, 2), digamma(total))), parts), Math.LN2), -1);
  }

  /** The mean action, 2α/(α + β) − 1: inside the box for any shape. */
  mode(): Tensor {
    return sub(div(mul(2, this.alpha), add(this.alpha, this.beta)), 1);
  }

  kl(second: Distribution): Tensor {
    const other = requireAlike<Beta>(this, second);
    const total = add(this.alpha, this.beta);
    const [da, db] = [sub(this.alpha, other.alpha), sub(this.beta, other.beta)];
    const moments = sub(
      add(mul(da, digamma(this.alpha)), mul(db, digamma(this.beta))),
      mul(add(da, db), digamma(total)),
    );
    return sum(add(sub(other.logNormaliser(), this.logNormaliser()), moments), -1);
  }

  /** α log x + β log(1 − x) + log 2 − log B(α, β) with x = σ(2u), whose digits the tails keep. */
  boxDensity(): BoxDensity {
    const { alpha, beta } = this;
    const as = (x: Tensor) => stopGradient(reshape(x, [1, this.batch, this.actions]));
    return {
      centre: as(mul(0.5, sub(log(alpha), log(beta)))),
      scale: as(mul(0.5, sqrt(add(div(1, alpha), div(1, beta))))),
      parameters: [alpha, beta],
      logDensity: (latent) => {
        const [logX, log1mX] = [neg(softplus(mul(-2, latent))), neg(softplus(mul(2, latent)))];
        const kernel = add(mul(alpha, logX), mul(beta, log1mX));
        return sum(add(sub(kernel, this.logNormaliser()), Math.LN2), -1);
      },
    };
  }

  detach(): Beta {
    return new Beta(stopGradient(this.alpha), stopGradient(this.beta));
  }

  /** log B(α, β) [batch, actions] */
  private logNormaliser(): Tensor {
    return sub(add(logGamma(this.alpha), logGamma(this.beta)), logGamma(add(this.alpha, this.beta)));
  }

  private draw(samples: number, options: SampleOptions): Tensor {
    const fresh = (shape: readonly number[]) => {
      const [a, b] = [this.alpha, this.beta].map((each) => gammaVariates(stopGradient(each), shape));
      return clamp(div(sub(a, b), add(a, b)), -largestAction, largestAction);
    };
    return stopGradient(noiseOf(this, samples, options, fresh));
  }

  /**
   * da/dα and da/dβ of the implicit reparameterisation at actions, as constants. With y = logit(x), whose density
   * is log-concave, ∂F/∂α = ∫ p(t)(log t − E log t) dt is taken over the tail on x's side of the mean, away from
   * the bulk, as Gauss–Legendre quadrature in y; the other tail is its negative.
   */
  private implicitGradient(actions: Tensor): { dAlpha: Tensor; dBeta: Tensor } {
    const [alpha, beta] = [stopGradient(this.alpha), stopGradient(this.beta)];
    const [samples, batch, size] = actions.shape;
    const rule = gaussLegendre(nodes, 0, 1);
    // Nodes gather near x: r = reach·sinh(gathering·v)/sinh(gathering).
    const unit = reach / Math.sinh(gathering);
    const shape = [nodes, 1, 1, 1];
    const distance = literal(
      rule.nodes.map((v) => unit * Math.sinh(gathering * v)),
      shape,
    );
    const weight = literal(
      rule.nodes.map((v, i) => unit * gathering * Math.cosh(gathering * v) * rule.weights[i]),
      shape,
    );
    const a = reshape(actions, [1, samples, batch, size]);
    const logX = sub(log1p(a), Math.LN2);
    const log1mX = sub(log1p(neg(a)), Math.LN2);
    const y = sub(logX, log1mX);
    const spread = sqrt(add(div(1, alpha), div(1, beta)));
    const side = sub(1, mul(2, greater(mul(add(a, 1), add(alpha, beta)), mul(2, alpha))));
    const t = sub(y, mul(side, mul(spread, distance)));
    const [logT, log1mT] = [neg(softplus(neg(t))), neg(softplus(t))];
    // p(t)·t(1 − t) over p(x): the density of y, relative to that of a.
    const ratio = exp(
      add(add(mul(alpha, sub(logT, logX)), mul(beta, sub(log1mT, log1mX))), add(logX, log1mX)),
    );
    const mass = mul(mul(ratio, weight), spread);
    const total = digamma(add(alpha, beta));
    const slope = (logs: Tensor, parameter: Tensor): Tensor => {
      const centred = sub(logs, sub(digamma(parameter), total));
      const tail = sum(mul(mass, centred), 0);
      return stopGradient(mul(-2, mul(reshape(side, [samples, batch, size]), tail)));
    };
    return { dAlpha: slope(logT, alpha), dBeta: slope(log1mT, beta) };
  }
}

/**
 * Gamma(shape, 1) variates for shapes from 1, by rejection with a fixed number of tries: d(1 + cz)³ accepted when
 * log u < ½z² + d − dv + d log v. The mode stands in if every try fails.
 *
 * @source Marsaglia & Tsang 2000
 */
function gammaVariates(shape: Tensor, size: readonly number[]): Tensor {
  const d = sub(shape, 1 / 3);
  const c = div(1, sqrt(mul(9, d)));
  const z = randomNormal([tries, ...size]);
  const u = randomUniform([tries, ...size]);
  const cube = pow(add(1, mul(c, z)), 3);
  const v = clamp(cube, 1e-30, Number.POSITIVE_INFINITY);
  const bound = add(mul(0.5, square(z)), add(d, mul(d, sub(log(v), v))));
  const accepted = mul(greater(bound, log(u)), greater(cube, 0));
  let result: Tensor = d;
  for (let i = tries - 1; i >= 0; i--) {
    const at = (x: Tensor) => reshape(sliceAxis(x, 0, i, i + 1), size);
    result = where(at(accepted), mul(d, at(v)), result);
  }
  return result;
}

export const beta: DistributionFamily = {
  name: 'beta',
  title: 'Beta on the box',
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: true,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: true,
  },
  parameters: (actions) => 2 * actions,
  // Shapes (1, 1) are uniform on the box.
  entropyRange: (actions) => [Number.NEGATIVE_INFINITY, actions * Math.LN2],
  // Shapes from 1: a single mode, and a density that stays finite at the box's faces.
  make: (head, actions) => {
    const positive = (from: number) => add(1, softplus(sliceAxis(head, 1, from, from + actions)));
    return new Beta(positive(0), positive(actions));
  },
};
