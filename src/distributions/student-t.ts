import { digamma as digammaOf, logGamma as logGammaOf } from '../math/special.ts';
import {
  add,
  constantValue,
  cos,
  digamma,
  div,
  exp,
  log,
  log1p,
  logGamma,
  mul,
  type Operand,
  randomUniform,
  sliceAxis,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../tape/index.ts';
import type { DistributionFamily } from './distribution.ts';
import { scaledRange } from './entropy-range.ts';
import { LocationScale, type Standard } from './location-scale.ts';

/** log f(0) with `df` degrees of freedom. */
const logPeak = (df: number): number =>
  logGammaOf((df + 1) / 2) - logGammaOf(df / 2) - 0.5 * Math.log(df * Math.PI);

/** (ν+1)/2·(ψ((ν+1)/2) − ψ(ν/2)) − log f(0), in nats */
const standardEntropy = (df: number): number =>
  ((df + 1) / 2) * (digammaOf((df + 1) / 2) - digammaOf(df / 2)) - logPeak(df);

/**
 * Student-t with `df` degrees of freedom, a number or a tensor [batch, actions]. Noise: standard t variates; fresh
 * ones are √(ν(u^(−2/ν) − 1))·cos(2πv) of two uniforms.
 *
 * @source Bailey 1994, "Polar generation of random variates with the t-distribution"
 */
export function standardStudentT(df: Operand): Standard {
  const fixed = constantValue(df);
  const half = mul(0.5, df);
  const normaliser =
    fixed !== undefined
      ? logPeak(fixed)
      : sub(sub(logGamma(add(half, 0.5)), logGamma(half)), mul(0.5, log(mul(df, Math.PI))));
  return {
    family: 'student-t',
    noise: (shape) => {
      const uniforms = randomUniform([...shape.slice(0, -1), 2 * shape[shape.length - 1]]);
      const actions = shape[shape.length - 1];
      const [u, v] = [sliceAxis(uniforms, -1, 0, actions), sliceAxis(uniforms, -1, actions, 2 * actions)];
      const radius = sqrt(mul(df, sub(exp(mul(div(-2, df), log(u))), 1)));
      return mul(radius, cos(mul(2 * Math.PI, v)));
    },
    variates: (noise: Tensor) => noise,
    logDensity: (z) => sub(normaliser, mul(add(half, 0.5), log1p(div(square(z), df)))),
    entropy:
      fixed !== undefined
        ? standardEntropy(fixed)
        : sub(mul(add(half, 0.5), sub(digamma(add(half, 0.5)), digamma(half))), normaliser),
  };
}

/** Degrees of freedom of the family: tails heavier than a Gaussian's, with finite variance. */
const degreesOfFreedom = 4;

export const studentT: DistributionFamily = {
  name: 'student-t',
  title: `Student-t, ${degreesOfFreedom} degrees of freedom`,
  capabilities: {
    reparameterisable: true,
    discrete: false,
    density: true,
    bounded: false,
    actionKind: 'box',
    differentiableActions: true,
    diagonalGaussian: false,
    closedKl: false,
  },
  parameters: (actions) => 2 * actions,
  entropyRange: (actions, options) => scaledRange(standardEntropy(degreesOfFreedom), actions, options),
  make: (head, actions, options) =>
    LocationScale.ofHead(standardStudentT(degreesOfFreedom), head, actions, options),
};
