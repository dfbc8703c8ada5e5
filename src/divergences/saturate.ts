import { minimum, stopGradient, sub, type Tensor } from '../tape/index.ts';

/**
 * min(x, limit) with the gradient of x: what is built on it stays finite in float32 where x is beyond all measure,
 * and still pulls the right way.
 */
export function saturated(x: Tensor, limit: number): Tensor {
  return sub(x, stopGradient(sub(x, minimum(x, limit))));
}
