import {
  add,
  constantValue,
  cos,
  div,
  expm1,
  log,
  log1p,
  mul,
  type Operand,
  randomUniform,
  sliceAxis,
  sqrt,
  square,
  sub,
  type Tensor,
  toOperand,
} from '../tape/index.ts';
import { halfStep, halfStepAt, halfStepSlope } from './differences.ts';
import type { DistributionFamily } from './distribution.ts';
import { scaledRange } from './entropy-range.ts';
import { LocationScale, type Standard } from './location-scale.ts';

/** log f(0) of the standard normal, which Student's t has in the limit. */
const normalPeak = -0.5 * Math.log(2 * Math.PI);

/** log f(0) and the entropy (ν+1)/2·(ψ((ν+1)/2) − ψ(ν/2)) − log f(0), in nats, with ν = `df` degrees of freedom. */
function standardValues(df: number): { readonly logPeak: number; readonly entropy: number } {
  const { rest, slope } = halfStepAt(df / 2);
  const logPeak = normalPeak + rest;
  return { logPeak, entropy: ((df + 1) / 2) * (1 / df + slope) - logPeak };
}

/** The same of a tensor of degrees of freedom. */
function valuesOf(df: Tensor): { readonly logPeak: Tensor; readonly entropy: Tensor } {
  const half = mul(0.5, df);
  const logPeak = add(normalPeak, halfStep(half));
  return { logPeak, entropy: sub(mul(add(half, 0.5), add(div(1, df), halfStepSlope(half))), logPeak) };
}

/**
 * Student-t with `df` degrees of freedom, a number or a tensor [batch, actions]. Noise: standard t variates; fresh
 * ones are √(ν(u^(−2/ν) − 1))·cos(2πv) of two uniforms.
 *
 * @source Bailey 1994, "Polar generation of random variates with the t-distribution"
 */
export function standardStudentT(df: Operand): Standard {
  const fixed = constantValue(df);
  const { logPeak, entropy } = fixed !== undefined ? standardValues(fixed) : valuesOf(toOperand(df));
  return {
    family: 'student-t',
    noise: (shape) => {
      const uniforms = randomUniform([...shape.slice(0, -1), 2 * shape[shape.length - 1]]);
      const actions = shape[shape.length - 1];
      const [u, v] = [sliceAxis(uniforms, -1, 0, actions), sliceAxis(uniforms, -1, actions, 2 * actions)];
      const radius = sqrt(mul(df, expm1(mul(div(-2, df), log(u)))));
      return mul(radius, cos(mul(2 * Math.PI, v)));
    },
    variates: (noise: Tensor) => noise,
    logDensity: (z) => sub(logPeak, mul(mul(0.5, add(df, 1)), log1p(div(square(z), df)))),
    entropy,
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
  entropyRange: (actions, options) => scaledRange(standardValues(degreesOfFreedom).entropy, actions, options),
  make: (head, actions, options) =>
    LocationScale.ofHead(standardStudentT(degreesOfFreedom), head, actions, options),
};
