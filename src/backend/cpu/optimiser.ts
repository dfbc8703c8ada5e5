import * as kernels from '../../kernels/index.ts';
import type { CpuKernel } from './call.ts';

/**
 * Adam with bias correction at t = clock[2] + 1, optional gradient scale (clipping), decoupled or L2 weight
 * decay, and an optional Polyak step of a target network after the update.
 *
 * @source Kingma, Ba (2015), "Adam: a method for stochastic optimization", algorithm 1; Loshchilov, Hutter
 * (2019), "Decoupled weight decay regularization", algorithm 2
 */
export const adam: CpuKernel<typeof kernels.adam> = (call) => {
  const {
    count,
    hasTarget,
    hasScale,
    decoupled,
    learningRate,
    beta1,
    beta2,
    epsilon,
    weightDecay,
    tau,
    place,
  } = call.params;
  const parameters = call.floats('parameters');
  const moments = call.floats('moments');
  const firstMoment = moments.subarray(0, count);
  const secondMoment = moments.subarray(count, 2 * count);
  const gradient = call.floats('gradient');
  const target = call.floats('target');
  const scale = call.floats('scale');
  const clock = call.words('clock');
  const shrink = decoupled ? 1 - learningRate * weightDecay : 1;
  const addDecay = decoupled ? 0 : weightDecay;
  return () => {
    const t = clock[2] + 1;
    const correction1 = 1 - beta1 ** t;
    const correction2 = 1 - beta2 ** t;
    const factor = hasScale ? scale[0] : 1;
    // 0 while all is finite: x − x is NaN for NaN and infinity.
    let odd = 0;
    for (let i = 0; i < count; i++) {
      const g = gradient[i] * factor + addDecay * parameters[i];
      const m = beta1 * firstMoment[i] + (1 - beta1) * g;
      const v = beta2 * secondMoment[i] + (1 - beta2) * g * g;
      const step = (learningRate * (m / correction1)) / (Math.sqrt(v / correction2) + epsilon);
      const p = parameters[i] * shrink - step;
      firstMoment[i] = m;
      secondMoment[i] = v;
      parameters[i] = p;
      odd += parameters[i] - parameters[i] + (secondMoment[i] - secondMoment[i]);
      if (hasTarget) target[i] += tau * (p - target[i]);
    }
    if (odd !== 0) note(clock, place);
  };
};

/** Notes in the clock where this update has met NaN or infinity, unless it happened before. */
function note(clock: Uint32Array, place: number): void {
  if (clock[4] !== 0) return;
  clock[5] = place;
  clock[4] = clock[2] + 1;
}

/**
 * Entropy of the policy from log-probabilities of its samples, and Adam's step on log α, whose loss
 * log α·(entropy − target) has the gradient entropy − target; then log α is brought within its bounds.
 *
 * @source Haarnoja et al. (2018), "Soft actor-critic algorithms and applications", eq. 18
 */
export const temperatureStep: CpuKernel<typeof kernels.temperatureStep> = (call) => {
  const { samples, targetEntropy, logMin, logMax } = call.params;
  const logTemperature = call.floats('parameters');
  const logProb = call.floats('logProb');
  const entropy = call.floats('entropy');
  const clock = call.words('clock');
  const gradient = call.scratch.take('temperature gradient', 1);
  const bound = [call.floats('parameters'), call.floats('moments')];
  const step = adam(
    call.inner(kernels.adam, { count: 1 }, [...bound, gradient, undefined, undefined, clock]),
  );
  return () => {
    let total = 0;
    for (let i = 0; i < samples; i++) total -= logProb[i];
    entropy[0] = total / samples;
    gradient[0] = total / samples - targetEntropy;
    step();
    logTemperature[0] = Math.min(Math.max(logTemperature[0], logMin), logMax);
  };
};

/** Ends an update: looks at the scalars, then clock[2] += 1. */
export const tick: CpuKernel<typeof kernels.tick> = (call) => {
  const { watched, place } = call.params;
  const clock = call.words('clock');
  const places = ['watched0', 'watched1', 'watched2', 'watched3', 'watched4', 'watched5'] as const;
  const scalars = places.slice(0, watched).map((name) => call.floats(name));
  return () => {
    const wrong = scalars.findIndex((scalar) => !Number.isFinite(scalar[0]));
    if (wrong >= 0) note(clock, place + wrong);
    clock[2]++;
  };
};
