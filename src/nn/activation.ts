import { type Activation, activations } from '../kernels/index.ts';
import {
  add,
  elu,
  exp,
  geluTanh,
  greater,
  mul,
  neg,
  relu,
  sigmoid,
  silu,
  softplus,
  square,
  sub,
  type Tensor,
  tanh,
  where,
} from '../tape/index.ts';

export type { Activation };
export { activations };

/** The number by which kernels know an activation. */
export const activationIndex = (activation: Activation): number => activations.indexOf(activation);

/** Whether the derivative needs the activation's input; otherwise its output suffices and is what is kept. */
export const keepsInput = (activation: Activation): boolean => activation === 'silu' || activation === 'gelu';

/** The activation, elementwise: any shape, and the same again. */
export function activate(activation: Activation, x: Tensor): Tensor {
  switch (activation) {
    case 'identity':
      return x;
    case 'relu':
      return relu(x);
    case 'tanh':
      return tanh(x);
    case 'silu':
      return silu(x);
    case 'elu':
      return elu(x);
    case 'softplus':
      return softplus(x);
    case 'gelu':
      return geluTanh(x);
    default:
      return activation satisfies never;
  }
}

/** The derivative at a kept value: the output, or the input where {@link keepsInput}. */
export function activationDerivative(activation: Activation, kept: Tensor): Tensor | 1 {
  switch (activation) {
    case 'identity':
      return 1;
    case 'relu':
      return greater(kept, 0);
    case 'tanh':
      return sub(1, square(kept));
    case 'silu': {
      const s = sigmoid(kept);
      return mul(s, add(1, mul(kept, sub(1, s))));
    }
    case 'elu':
      return where(greater(kept, 0), 1, add(kept, 1));
    case 'softplus':
      // y = log(1 + e^x), so σ(x) = 1 − e^−y.
      return sub(1, exp(neg(kept)));
    case 'gelu': {
      const c = Math.sqrt(2 / Math.PI);
      const t = tanh(mul(c, add(kept, mul(0.044715, mul(kept, square(kept))))));
      const slope = mul(c, add(1, mul(3 * 0.044715, square(kept))));
      return add(mul(0.5, add(1, t)), mul(mul(0.5, kept), mul(sub(1, square(t)), slope)));
    }
    default:
      return activation satisfies never;
  }
}
