// Activations by their number in the kernels' parameters, and their derivatives from what the forward pass saved.
import { bytes } from './block';
import { expm1, sigmoid, softplus, tanh } from './math';
import {
  add, atLeast, gt, keep, LANES, load, M, madd, mul, neg, select, SIZE, splat, storePart, sub, V,
} from './vec';

export const IDENTITY: i32 = 0;
export const RELU: i32 = 1;
const TANH: i32 = 2;
const SILU: i32 = 3;
const ELU: i32 = 4;
const SOFTPLUS: i32 = 5;
const GELU: i32 = 6;

const GELU_SCALE: f32 = 0.7978845608028654;
const GELU_CUBIC: f32 = 0.044715;

/** Whether the network kernels save the activation's input; of the others they save the output. */
export function savesInput(kind: i32): bool {
  return kind == SILU || kind == GELU;
}

@inline function elu(x: V): V {
  return select(gt(x, splat(0)), x, expm1(x));
}

@inline function geluTanh(x: V): V {
  const cube = mul(mul(x, x), x);
  return tanh(mul(splat(GELU_SCALE), madd(splat(GELU_CUBIC), cube, x)));
}

@inline function gelu(x: V): V {
  return mul(mul(splat(0.5), x), add(splat(1), geluTanh(x)));
}

/** y = activation(x) for n floats; nothing is written past them. y may be x. */
export function activate(kind: i32, x: usize, y: usize, n: i32): void {
  switch (kind) {
    case IDENTITY:
      if (x != y) memory.copy(y, x, bytes(n));
      break;
    case RELU:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) storePart(y, atLeast(load(x), splat(0)), n - i);
      break;
    case TANH:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) storePart(y, tanh(load(x)), n - i);
      break;
    case SILU:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) {
        const v = load(x);
        storePart(y, mul(v, sigmoid(v)), n - i);
      }
      break;
    case ELU:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) storePart(y, elu(load(x)), n - i);
      break;
    case SOFTPLUS:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) storePart(y, softplus(load(x)), n - i);
      break;
    case GELU:
      for (let i: i32 = 0; i < n; i += LANES, x += SIZE, y += SIZE) storePart(y, gelu(load(x)), n - i);
      break;
  }
}

/** The derivative of silu at its input. */
@inline function siluSlope(x: V): V {
  const s = sigmoid(x);
  return mul(s, madd(x, sub(splat(1), s), splat(1)));
}

@inline function geluSlope(x: V): V {
  const t = geluTanh(x);
  const inner = mul(splat(GELU_SCALE), madd(splat(3 * GELU_CUBIC), mul(x, x), splat(1)));
  const outer = mul(mul(splat(0.5), x), sub(splat(1), mul(t, t)));
  return madd(outer, inner, mul(splat(0.5), add(splat(1), t)));
}

@inline function positive(x: V): M {
  return gt(x, splat(0));
}

/** g ← g·activation′ for n floats, from what was saved; nothing is written past them. */
export function differentiate(kind: i32, g: usize, saved: usize, n: i32): void {
  switch (kind) {
    case RELU:
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        storePart(g, keep(positive(load(saved)), load(g)), n - i);
      }
      break;
    case TANH:
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        const y = load(saved);
        storePart(g, mul(load(g), sub(splat(1), mul(y, y))), n - i);
      }
      break;
    case SILU:
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        storePart(g, mul(load(g), siluSlope(load(saved))), n - i);
      }
      break;
    case ELU:
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        const y = load(saved);
        storePart(g, mul(load(g), select(positive(y), splat(1), add(y, splat(1)))), n - i);
      }
      break;
    case SOFTPLUS:
      // y = log(1 + e^x), so σ(x) = 1 − e^−y.
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        storePart(g, mul(load(g), neg(expm1(neg(load(saved))))), n - i);
      }
      break;
    case GELU:
      for (let i: i32 = 0; i < n; i += LANES, g += SIZE, saved += SIZE) {
        storePart(g, mul(load(g), geluSlope(load(saved))), n - i);
      }
      break;
  }
}
