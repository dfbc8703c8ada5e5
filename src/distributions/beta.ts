import { gaussLegendre } from '../math/quadrature.ts';
import {
  abs,
  add,
  clamp,
  div,
  exp,
  greater,
  literal,
  log,
  log1p,
  minimum,
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
  tanh,
  where,
} from '../tape/index.ts';
import { insideBox, noiseOf, requireAlike, requireEvents } from './checks.ts';
import {
  digammaRest,
  expm1Series,
  log1pSeries,
  logRatioMinus,
  nearOne,
  stirlingRest,
  withValue,
} from './differences.ts';
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
    return { actions, latent: actions, logProb: this.density(actions) };
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    const drawn = this.draw(samples, options);
    const { dAlpha, dBeta } = this.implicitGradient(drawn);
    const through = (slope: Tensor, parameter: Tensor) => mul(slope, sub(parameter, stopGradient(parameter)));
    const actions = add(drawn, add(through(dAlpha, this.alpha), through(dBeta, this.beta)));
    return { actions, latent: actions, logProb: this.density(actions) };
  }

  logProb(actions: Tensor): Tensor {
    return this.density(insideBox(requireEvents(this, actions)));
  }

  /** (α − 1) log x + (β − 1) log(1 − x) − log B(α, β) − log 2 with x = (a + 1)/2: [samples, batch] in nats. */
  private density(actions: Tensor): Tensor {
    const inside = clamp(requireEvents(this, actions), -largestAction, largestAction);
    // log x and log(1 − x) of x = (a + 1)/2, exact at both ends.
    const [logX, log1mX] = [sub(log1p(inside), Math.LN2), sub(log1p(neg(inside)), Math.LN2)];
    return sum(sub(this.ofLogit(inside, logX, log1mX), add(add(logX, log1mX), Math.LN2)), -1);
  }

  logProbLatent(latent: Tensor): Tensor {
    return this.density(latent);
  }

  /** log B − (α − 1)ψ(α) − (β − 1)ψ(β) + (α + β − 2)ψ(α + β) + log 2, with the logarithms that cancel left out. */
  entropy(): Tensor {
    const { alpha, beta } = this;
    const total = add(alpha, beta);
    const logs = sub(mul(0.5, add(log(alpha), log(beta))), mul(1.5, log(total)));
    const inverses = sub(div(1, total), mul(0.5, add(div(1, alpha), div(1, beta))));
    const slopes = sub(
      add(mul(sub(alpha, 1), digammaRest(alpha)), mul(sub(beta, 1), digammaRest(beta))),
      mul(sub(total, 2), digammaRest(total)),
    );
    const constant = 0.5 * Math.log(2 * Math.PI) + 0.5 + Math.LN2;
    return sum(add(add(add(logs, inverses), add(slopes, this.rest(stirlingRest))), constant), -1);
  }

  /** The mean action, 2α/(α + β) − 1: inside the box for any shape. */
  mode(): Tensor {
    return sub(div(mul(2, this.alpha), add(this.alpha, this.beta)), 1);
  }

  /**
   * log B(α′, β′) − log B(α, β) + (α − α′)ψ(α) + (β − β′)ψ(β) − (α + β − α′ − β′)ψ(α + β), as a sum of parts that vanish where
   * the distributions are equal: by their means, by their concentrations, and by what Stirling's formula leaves.
   */
  kl(second: Distribution): Tensor {
    const other = requireAlike<Beta>(this, second);
    const [total, otherTotal] = [this, other].map(({ alpha, beta }) => add(alpha, beta));
    const [da, db] = [sub(this.alpha, other.alpha), sub(this.beta, other.beta)];
    const gap = div(sub(mul(da, other.beta), mul(db, other.alpha)), total);
    const [[logM, log1mM], [otherLogM, otherLog1mM]] = [this.logMeans(), other.logMeans()];
    const means = add(
      mul(other.alpha, logRatioMinus(div(gap, other.alpha), sub(logM, otherLogM))),
      mul(other.beta, logRatioMinus(neg(div(gap, other.beta)), sub(log1mM, otherLog1mM))),
    );
    const parts = [
      [this.alpha, other.alpha, neg(da), 1],
      [this.beta, other.beta, neg(db), 1],
      [total, otherTotal, neg(add(da, db)), -1],
    ] as const;
    const others = parts.map(([x, y, change, sign]) => {
      const spread = mul(-0.5, logRatioMinus(div(change, x), log(div(y, x))));
      const rest = add(sub(stirlingRest(y), stirlingRest(x)), mul(digammaRest(x), change));
      return mul(sign, add(spread, rest));
    });
    return sum(sub(add(add(others[0], others[1]), others[2]), means), -1);
  }

  /** α log x + β log(1 − x) + log 2 − log B(α, β) with x = σ(2u), whose digits the tails keep. */
  boxDensity(): BoxDensity {
    const { alpha, beta } = this;
    const as = (x: Tensor) => stopGradient(reshape(x, [1, this.batch, this.actions]));
    return {
      centre: as(mul(0.5, sub(log(alpha), log(beta)))),
      scale: as(mul(0.5, sqrt(add(div(1, alpha), div(1, beta))))),
      parameters: [alpha, beta],
      // ψ′(α) − ψ′(α + β), with ψ′(x) about 1/x
      steepness: [
        [alpha, beta],
        [beta, alpha],
      ].map(([x, y]) => stopGradient(sqrt(div(y, mul(x, add(x, y)))))),
      logDensity: (latent) => {
        const [logX, log1mX] = [neg(softplus(mul(-2, latent))), neg(softplus(mul(2, latent)))];
        return sum(add(this.ofLogit(tanh(latent), logX, log1mX), Math.LN2), -1);
      },
    };
  }

  detach(): Beta {
    return new Beta(stopGradient(this.alpha), stopGradient(this.beta));
  }

  /**
   * α log x + β log(1 − x) − log B(α, β), the log-density of log(x/(1 − x)), x = (a + 1)/2, about the mean m = α/(α + β): near
   * it both powers are taken relative to those at m, of which the parts that are linear in x − m cancel, so that nothing grows
   * with α + β.
   */
  private ofLogit(actions: Tensor, logX: Tensor, log1mX: Tensor): Tensor {
    const { alpha, beta } = this;
    const total = add(alpha, beta);
    const gap = mul(total, mul(0.5, sub(actions, div(sub(alpha, beta), total))));
    const [logM, log1mM] = this.logMeans();
    const power = (shape: Tensor, ratio: Tensor, log: Tensor, logMean: Tensor) =>
      mul(shape, where(greater(nearOne, abs(ratio)), log1pSeries(ratio), sub(sub(log, logMean), ratio)));
    const kernel = add(
      power(alpha, div(gap, alpha), logX, logM),
      power(beta, neg(div(gap, beta)), log1mX, log1mM),
    );
    const height = sub(mul(0.5, add(add(logM, log1mM), log(total))), this.rest(stirlingRest));
    // The same without the series: its gradient keeps the digits too, and is shorter.
    const plain = add(mul(alpha, sub(logX, logM)), mul(beta, sub(log1mX, log1mM)));
    return add(withValue(plain, kernel), sub(height, 0.5 * Math.log(2 * Math.PI)));
  }

  /** log m and log(1 − m) of the mean m = α/(α + β) on (0, 1): each [batch, actions] */
  private logMeans(): [Tensor, Tensor] {
    const { alpha, beta } = this;
    return [neg(log1p(div(beta, alpha))), neg(log1p(div(alpha, beta)))];
  }

  /** f(α) + f(β) − f(α + β) [batch, actions] */
  private rest(f: (x: Tensor) => Tensor): Tensor {
    return sub(add(f(this.alpha), f(this.beta)), f(add(this.alpha, this.beta)));
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
    const total = add(alpha, beta);
    const spread = sqrt(add(div(1, alpha), div(1, beta)));
    const side = sub(1, mul(2, greater(mul(add(a, 1), total), mul(2, alpha))));
    // t − y of each node
    const step = neg(mul(side, mul(spread, distance)));
    const [x, rest] = [mul(0.5, add(a, 1)), mul(0.5, sub(1, a))];
    const bend = softplusBend(sub(log1p(a), log1p(neg(a))), x, rest, step);
    // total·(x − mean): log p(t)/p(y), and logarithms of x and of their mean, are taken from differences that the
    // concentration does not make small.
    const gap = mul(total, mul(0.5, sub(a, div(sub(alpha, beta), total))));
    const ratio = exp(neg(add(mul(gap, step), mul(total, bend))));
    // The density of y, relative to that of a.
    const mass = mul(mul(ratio, weight), mul(spread, mul(x, rest)));
    const slope = ({ moved, parameter, excess, log: logPart, logMean }: Side): Tensor => {
      const near = greater(nearOne, abs(excess));
      const own = where(near, log1p(where(near, excess, 0)), sub(logPart, logMean));
      const centred = add(sub(moved, bend), add(own, logMeanRest(parameter, total)));
      const tail = sum(mul(mass, centred), 0);
      return stopGradient(mul(-2, mul(reshape(side, [samples, batch, size]), tail)));
    };
    const [logM, log1mM] = this.logMeans();
    return {
      dAlpha: slope({
        moved: mul(rest, step),
        parameter: alpha,
        excess: div(gap, alpha),
        log: log(x),
        logMean: logM,
      }),
      dBeta: slope({
        moved: neg(mul(x, step)),
        parameter: beta,
        excess: neg(div(gap, beta)),
        log: log(rest),
        logMean: log1mM,
      }),
    };
  }
}

/** What the slopes in α and β do not share: β's are α's from the other end. */
interface Side {
  readonly moved: Tensor;
  readonly parameter: Tensor;
  /** exp(log − logMean) − 1 */
  readonly excess: Tensor;
  readonly log: Tensor;
  readonly logMean: Tensor;
}

/** log m − (ψ(α) − ψ(α + β)) of the mean m = α/(α + β), α the parameter: what E log x lies below log m. */
const logMeanRest = (parameter: Tensor, total: Tensor): Tensor =>
  add(sub(div(0.5, parameter), div(0.5, total)), sub(digammaRest(parameter), digammaRest(total)));

/** |step| up to which {@link softplusBend} is taken from series. */
const shortStep = 0.45;

/**
 * log(1 + e^(y + step)) − log(1 + e^y) − x·step with x = σ(y), rest = σ(−y): about ½·x·rest·step², with its digits. It is the
 * same from the other end, where y and step have the other sign: taken from the end that is nearer.
 */
function softplusBend(y: Tensor, x: Tensor, rest: Tensor, step: Tensor): Tensor {
  const turn = sub(1, mul(2, greater(y, 0)));
  const [from, share, by] = [mul(turn, y), minimum(x, rest), mul(turn, step)];
  const isShort = greater(shortStep, abs(by));
  const short = where(isShort, by, 0);
  const grown = expm1Series(short);
  const series = add(log1pSeries(mul(share, add(grown, short))), mul(share, grown));
  return where(isShort, series, sub(sub(softplus(add(from, by)), softplus(from)), mul(share, by)));
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
