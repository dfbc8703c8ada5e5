import { quoted, UsageError } from '../errors.ts';
import { broadcastShapes, formatShape, type Shape } from '../math/shape.ts';
import {
  digamma as digammaOf,
  erf as erfOf,
  logGamma as logGammaOf,
  logSigmoid as logSigmoidOf,
  sigmoid as sigmoidOf,
  softplus as softplusOf,
  trigamma as trigammaOf,
} from '../math/special.ts';
import { type Op, record, requireTensor, shapeError, Tensor, type VjpContext } from './tensor.ts';

/** A tensor, or a number standing for a constant that broadcasts everywhere. */
export type Operand = Tensor | number;

type ElementwiseVjp = (
  g: Tensor,
  x: readonly Tensor[],
  y: Tensor,
  needs: readonly boolean[],
) => (Tensor | undefined)[];

/** A literal scalar; part of whatever kernel uses it. */
export const constantOp: Op<number> = { name: 'constant', infer: () => [{ shape: [], dtype: 'f32' }] };

/** A number as a tensor of shape [], which broadcasts everywhere. */
export function constant(value: number): Tensor {
  if (typeof value !== 'number')
    throw new UsageError(`constant takes a number; got ${quoted(value)}.`, {
      hint: 'Arrays are literal(values, shape); the value of a state is read(state).',
    });
  return record(constantOp, [], value);
}

export const constantValue = (tensor: Operand): number | undefined =>
  tensor instanceof Tensor && tensor.node.op === constantOp
    ? (tensor.node.attributes as number)
    : typeof tensor === 'number'
      ? tensor
      : undefined;

/** @throws UsageError naming the operation when the operand is neither a tensor nor a number */
const toTensor = (operand: Operand, name: string): Tensor =>
  typeof operand === 'number' ? constant(operand) : requireTensor(name, operand, 'a tensor or a number');

function broadcastAll(name: string, inputs: readonly Tensor[]): Shape {
  let shape: Shape = [];
  for (const input of inputs) {
    const joined = broadcastShapes(shape, input.shape);
    if (!joined)
      throw shapeError(
        name,
        inputs,
        `shape ${formatShape(input.shape)} does not broadcast with ${formatShape(shape)}`,
      );
    shape = joined;
  }
  return shape;
}

/** Defines an elementwise operation: its scalar function in float64 and its derivative. */
function elementwise(
  name: string,
  scalar: (a: number, b: number, c: number) => number,
  vjp?: ElementwiseVjp,
): Op<null> {
  return {
    name,
    infer: (inputs) => [{ shape: broadcastAll(name, inputs), dtype: 'f32' }],
    scalar,
    vjp: ({ cotangents, inputs, outputs, needs }: VjpContext<null>) => {
      if (!vjp) throw new UsageError(`${name} has no derivative here: apply stopGradient to its input`);
      return vjp(cotangents[0] as Tensor, inputs, outputs[0], needs);
    },
  };
}

const zeroGradient: ElementwiseVjp = (_g, x) => x.map(() => undefined);

/**
 * The elementwise operations: what each computes and how a cotangent g passes back through it.
 * Conventions at kinks: relu'(0) = abs'(0) = 0, ties of minimum and maximum split the cotangent evenly,
 * clamp passes it at its bounds. Where a backend's number format cannot hold a result, the scalar function
 * here (float64) says what is meant.
 */
export const elementwiseOps = {
  neg: elementwise(
    'neg',
    (a) => -a,
    (g) => [neg(g)],
  ),
  abs: elementwise('abs', Math.abs, (g, [x]) => [mul(g, sign(x))]),
  sign: elementwise('sign', Math.sign, zeroGradient),
  exp: elementwise('exp', Math.exp, (g, _x, y) => [mul(g, y)]),
  expm1: elementwise('expm1', Math.expm1, (g, [x]) => [mul(g, exp(x))]),
  log: elementwise('log', Math.log, (g, [x]) => [div(g, x)]),
  log1p: elementwise('log1p', Math.log1p, (g, [x]) => [div(g, add(x, 1))]),
  sqrt: elementwise('sqrt', Math.sqrt, (g, _x, y) => [div(g, mul(y, 2))]),
  square: elementwise(
    'square',
    (a) => a * a,
    (g, [x]) => [mul(g, mul(x, 2))],
  ),
  reciprocal: elementwise(
    'reciprocal',
    (a) => 1 / a,
    (g, _x, y) => [neg(mul(g, square(y)))],
  ),
  sin: elementwise('sin', Math.sin, (g, [x]) => [mul(g, cos(x))]),
  cos: elementwise('cos', Math.cos, (g, [x]) => [neg(mul(g, sin(x)))]),
  tanh: elementwise('tanh', Math.tanh, (g, [x]) => [mul(g, sechSquared(x))]),
  sigmoid: elementwise('sigmoid', sigmoidOf, (g, [x], y) => [mul(g, mul(y, sigmoid(neg(x))))]),
  logSigmoid: elementwise('logSigmoid', logSigmoidOf, (g, [x]) => [mul(g, sigmoid(neg(x)))]),
  softplus: elementwise('softplus', softplusOf, (g, [x]) => [mul(g, sigmoid(x))]),
  relu: elementwise(
    'relu',
    (a) => (a > 0 ? a : Number.isNaN(a) ? a : 0),
    (g, [x]) => [mul(g, greater(x, 0))],
  ),
  elu: elementwise(
    'elu',
    (a) => (a > 0 ? a : Math.expm1(a)),
    (g, [x], y) => [mul(g, where(greater(x, 0), 1, add(y, 1)))],
  ),
  erf: elementwise('erf', erfOf, (g, [x]) => [mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(square(x)))))]),
  logGamma: elementwise('logGamma', logGammaOf, (g, [x]) => [mul(g, digamma(x))]),
  digamma: elementwise('digamma', digammaOf, (g, [x]) => [mul(g, trigamma(x))]),
  trigamma: elementwise('trigamma', trigammaOf),
  add: elementwise(
    'add',
    (a, b) => a + b,
    (g) => [g, g],
  ),
  sub: elementwise(
    'sub',
    (a, b) => a - b,
    (g) => [g, neg(g)],
  ),
  mul: elementwise(
    'mul',
    (a, b) => a * b,
    (g, [a, b], _y, needs) => [needs[0] ? mul(g, b) : undefined, needs[1] ? mul(g, a) : undefined],
  ),
  div: elementwise(
    'div',
    (a, b) => a / b,
    (g, [, b], y, needs) => [needs[0] ? div(g, b) : undefined, needs[1] ? neg(div(mul(g, y), b)) : undefined],
  ),
  pow: elementwise(
    'pow',
    (a, b) => a ** b,
    (g, [a, b], y, needs) => [
      needs[0] ? mul(g, mul(b, pow(a, sub(b, 1)))) : undefined,
      needs[1] ? mul(g, mul(y, log(a))) : undefined,
    ],
  ),
  minimum: elementwise(
    'minimum',
    (a, b) => Math.min(a, b),
    (g, [a, b]) => {
      const toA = mul(0.5, add(greaterEqual(b, a), greater(b, a)));
      return [mul(g, toA), mul(g, sub(1, toA))];
    },
  ),
  maximum: elementwise(
    'maximum',
    (a, b) => Math.max(a, b),
    (g, [a, b]) => {
      const toA = mul(0.5, add(greaterEqual(a, b), greater(a, b)));
      return [mul(g, toA), mul(g, sub(1, toA))];
    },
  ),
  greater: elementwise('greater', (a, b) => (a > b ? 1 : 0), zeroGradient),
  greaterEqual: elementwise('greaterEqual', (a, b) => (a >= b ? 1 : 0), zeroGradient),
  equal: elementwise('equal', (a, b) => (a === b ? 1 : 0), zeroGradient),
  where: elementwise(
    'where',
    (c, a, b) => (c !== 0 ? a : b),
    (g, [c]) => [undefined, where(c, g, 0), where(c, 0, g)],
  ),
  clamp: elementwise(
    'clamp',
    (x, lo, hi) => (x < lo ? lo : x > hi ? hi : x),
    (g, [x, lo, hi]) => [mul(g, mul(greaterEqual(x, lo), greaterEqual(hi, x))), undefined, undefined],
  ),
} as const satisfies Record<string, Op<null>>;

export type ElementwiseName = keyof typeof elementwiseOps;

/** An operation on one tensor, element by element: the result has its shape. */
export type Unary = (x: Operand) => Tensor;
/** An operation on two tensors, element by element: their shapes broadcast as NumPy has it, or a ShapeError names both. */
export type Binary = (a: Operand, b: Operand) => Tensor;
const unary =
  (name: ElementwiseName): Unary =>
  (x) =>
    record(elementwiseOps[name], [toTensor(x, name)], null);
const binary =
  (name: ElementwiseName): Binary =>
  (a, b) =>
    record(elementwiseOps[name], [toTensor(a, name), toTensor(b, name)], null);

/** −x */
export const neg: Unary = unary('neg');
/** |x|, with derivative 0 at 0 */
export const abs: Unary = unary('abs');
/** −1, 0 or 1; derivative 0 */
export const sign: Unary = unary('sign');
/** e^x */
export const exp: Unary = unary('exp');
/** e^x − 1, exact near 0 */
export const expm1: Unary = unary('expm1');
/** natural logarithm */
export const log: Unary = unary('log');
/** log(1 + x), exact near 0 */
export const log1p: Unary = unary('log1p');
/** √x for x ≥ 0; its derivative is infinite at 0 */
export const sqrt: Unary = unary('sqrt');
/** x² */
export const square: Unary = unary('square');
/** 1/x */
export const reciprocal: Unary = unary('reciprocal');
/** sine of x in radians */
export const sin: Unary = unary('sin');
/** cosine of x in radians */
export const cos: Unary = unary('cos');
/** hyperbolic tangent */
export const tanh: Unary = unary('tanh');
/** 1/(1 + e^−x) */
export const sigmoid: Unary = unary('sigmoid');
/** log sigmoid(x), finite for any finite x */
export const logSigmoid: Unary = unary('logSigmoid');
/** log(1 + e^x), finite for any finite x */
export const softplus: Unary = unary('softplus');
/** max(x, 0), with derivative 0 at 0 */
export const relu: Unary = unary('relu');
/** x for x > 0, e^x − 1 below */
export const elu: Unary = unary('elu');
/** Gauss error function */
export const erf: Unary = unary('erf');
/** log Γ(x) for x > 0; its derivative is {@link digamma} */
export const logGamma: Unary = unary('logGamma');
/** ψ′(x) for x > 0; has no derivative here */
export const trigamma: Unary = unary('trigamma');
/** ψ(x) for x > 0 */
export const digamma: Unary = unary('digamma');

/** a + b, broadcast */
export function add(a: Operand, b: Operand): Tensor {
  if (constantValue(a) === 0) return toTensor(b, 'add');
  if (constantValue(b) === 0) return toTensor(a, 'add');
  return binary('add')(a, b);
}

/** a − b, broadcast */
export function sub(a: Operand, b: Operand): Tensor {
  if (constantValue(b) === 0) return toTensor(a, 'sub');
  return binary('sub')(a, b);
}

/** a·b, broadcast. Constants fold, so that the cotangent 1 of a loss costs nothing. */
export function mul(a: Operand, b: Operand): Tensor {
  const left = constantValue(a);
  const right = constantValue(b);
  if (left !== undefined && right !== undefined) return constant(left * right);
  if (left === 1) return toTensor(b, 'mul');
  if (right === 1) return toTensor(a, 'mul');
  return binary('mul')(a, b);
}

/** a/b, broadcast */
export function div(a: Operand, b: Operand): Tensor {
  const right = constantValue(b);
  if (right === 1) return toTensor(a, 'div');
  return binary('div')(a, b);
}

/** a^b for a > 0; a constant whole exponent from −1 to 4, or one half, also takes any a in the function's domain. */
export function pow(a: Operand, b: Operand): Tensor {
  switch (constantValue(b)) {
    case 0.5:
      return sqrt(a);
    case -1:
      return reciprocal(a);
    case 0:
      return where(1, 1, a);
    case 1:
      return toTensor(a, 'pow');
    case 2:
      return square(a);
    case 3:
      return mul(a, square(a));
    case 4:
      return square(square(a));
    default:
      return binary('pow')(a, b);
  }
}

/** Smaller of two, NaN if either is; −0 is below 0. A tie splits the cotangent evenly. */
export const minimum: Binary = binary('minimum');
/** Larger of two, NaN if either is; 0 is above −0. A tie splits the cotangent evenly. */
export const maximum: Binary = binary('maximum');
/** 1 where a > b, else 0, as with NaN */
export const greater: Binary = binary('greater');
/** 1 where a ≥ b, else 0, as with NaN */
export const greaterEqual: Binary = binary('greaterEqual');
/** 1 where a = b, else 0, as with NaN */
export const equal: Binary = binary('equal');

/** a where the condition is not 0, else b; broadcast. A condition that is NaN is not 0, so it chooses a. */
export function where(condition: Operand, a: Operand, b: Operand): Tensor {
  return record(
    elementwiseOps.where,
    [toTensor(condition, 'where'), toTensor(a, 'where'), toTensor(b, 'where')],
    null,
  );
}

/** x limited to [low, high]; the cotangent passes at the bounds. Either bound may be infinite. */
export function clamp(x: Operand, low: number, high: number): Tensor {
  if (!(low <= high)) throw new UsageError(`clamp: low ${low} is not below high ${high}`);
  if (low === -Infinity && high === Infinity) return toTensor(x, 'clamp');
  // Infinities have no literal in WGSL; the largest float32 limits nothing finite.
  const largest = 3.4028234663852886e38;
  return record(
    elementwiseOps.clamp,
    [toTensor(x, 'clamp'), constant(Math.max(low, -largest)), constant(Math.min(high, largest))],
    null,
  );
}

/** 1 − tanh² x, whose digits 1 − tanh·tanh loses for large |x|. */
function sechSquared(x: Tensor): Tensor {
  const e = exp(mul(-2, abs(x)));
  return div(mul(4, e), square(add(1, e)));
}

/** x·sigmoid(x) */
export function silu(x: Operand): Tensor {
  const tensor = toTensor(x, 'silu');
  return mul(tensor, sigmoid(tensor));
}

/** x/2·(1 + tanh(√(2/π)(x + 0.044715x³))) */
export function geluTanh(x: Operand): Tensor {
  const tensor = toTensor(x, 'geluTanh');
  const inner = mul(Math.sqrt(2 / Math.PI), add(tensor, mul(0.044715, pow(tensor, 3))));
  return mul(mul(0.5, tensor), add(1, tanh(inner)));
}

/** x/2·(1 + erf(x/√2)) */
export function geluErf(x: Operand): Tensor {
  const tensor = toTensor(x, 'geluErf');
  return mul(mul(0.5, tensor), add(1, erf(mul(tensor, Math.SQRT1_2))));
}
