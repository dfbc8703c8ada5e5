import { greater, greaterEqual, max, maximum, type Tensor, where } from '../tape/index.ts';

/**
 * What stands for −∞ as a logit or log-probability of a choice that a mask forbids: e to it is 0, and so is 0 times it, in
 * value and gradient, which −∞ would make NaN. Far below any logit of a choice that is allowed.
 */
export const maskedLog = -1e30;

/**
 * Logits [..., choices] with those of masked choices (−∞, or anything up to {@link maskedLog}) finite and without a gradient.
 * Where all choices are masked there is nothing to choose from, and all are NaN.
 */
export function maskedLogits(logits: Tensor): Tensor {
  const finite = maximum(logits, maskedLog);
  const none = greaterEqual(maskedLog, max(finite, -1, true));
  return where(none, Number.NaN, finite);
}

/** 1 where a logit or log-probability is that of a masked choice, else 0. */
export const isMasked = (logs: Tensor): Tensor => greater(maskedLog / 2, logs);
