import { type Activation, activations, savesInput } from '../../kernels/index.ts';
import { sigmoid, softplus } from '../../math/special.ts';

export { savesInput };

/** The activation a kernel's parameter numbers. @throws Error when there is none */
export function activationOf(index: number): Activation {
  const name = activations[index];
  if (name === undefined) throw new Error(`no activation has number ${index}`);
  return name;
}

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** x ← activation(x) for elements `from` to `to`. NaN stays NaN. */
export function activate(kind: Activation, x: Float64Array, from: number, to: number): void {
  switch (kind) {
    case 'identity':
      return;
    case 'relu':
      for (let i = from; i < to; i++) if (x[i] < 0) x[i] = 0;
      return;
    case 'tanh':
      for (let i = from; i < to; i++) x[i] = Math.tanh(x[i]);
      return;
    case 'silu':
      for (let i = from; i < to; i++) x[i] *= sigmoid(x[i]);
      return;
    case 'elu':
      for (let i = from; i < to; i++) if (!(x[i] > 0)) x[i] = Math.expm1(x[i]);
      return;
    case 'softplus':
      for (let i = from; i < to; i++) x[i] = softplus(x[i]);
      return;
    case 'gelu':
      for (let i = from; i < to; i++) {
        const v = x[i];
        x[i] = 0.5 * v * (1 + Math.tanh(GELU_SCALE * (v + GELU_CUBIC * v * v * v)));
      }
      return;
    default:
      kind satisfies never;
  }
}

/**
 * g ← g·activation′ for elements `from` to `to` of g, from what the forward kernel saved: element `i` belongs
 * to `saved[savedFrom + i − from]`. The derivative of relu at 0 is 0.
 */
export function differentiate(
  kind: Activation,
  g: Float64Array,
  from: number,
  to: number,
  saved: ArrayLike<number>,
  savedFrom: number,
): void {
  const shift = savedFrom - from;
  switch (kind) {
    case 'identity':
      return;
    case 'relu':
      for (let i = from; i < to; i++) if (!(saved[i + shift] > 0)) g[i] = 0;
      return;
    case 'tanh':
      for (let i = from; i < to; i++) g[i] *= 1 - saved[i + shift] * saved[i + shift];
      return;
    case 'silu':
      for (let i = from; i < to; i++) {
        const x = saved[i + shift];
        const s = sigmoid(x);
        g[i] *= s * (1 + x * (1 - s));
      }
      return;
    case 'elu':
      for (let i = from; i < to; i++) if (!(saved[i + shift] > 0)) g[i] *= saved[i + shift] + 1;
      return;
    case 'softplus':
      // y = log(1 + e^x), so σ(x) = 1 − e^−y.
      for (let i = from; i < to; i++) g[i] *= -Math.expm1(-saved[i + shift]);
      return;
    case 'gelu':
      for (let i = from; i < to; i++) {
        const x = saved[i + shift];
        const t = Math.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
        g[i] *= 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);
      }
      return;
    default:
      kind satisfies never;
  }
}
