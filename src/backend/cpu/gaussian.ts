import type * as kernels from '../../kernels/index.ts';
// Diagonal Gaussians over actions, optionally squashed by tanh. A head row is [mean, raw log-std]; the log-std
// is clamped to the bounds, and its gradient passes only inside them (bounds included). With u the action
// before the tanh: log π = Σ −½((u − mean)/σ)² − log σ − ½ log 2π, and with squash minus Σ log(1 − tanh² u),
// written 2(log 2 − u − softplus(−2u)), which loses no digits for large |u|. Its derivative in u is −2 tanh u.
import { softplus } from '../../math/special.ts';
import type { CpuKernel } from './call.ts';

const HALF_LOG_TWO_PI = 0.9189385332046728;

const clamp = (x: number, low: number, high: number): number => (x < low ? low : x > high ? high : x);

/** log(1 − tanh² u) */
const logJacobian = (u: number): number => 2 * (Math.LN2 - u - softplus(-2 * u));

/** 1 − tanh² u, whose digits 1 − tanh·tanh loses for large |u|. */
const tanhSlope = (u: number): number => {
  const e = Math.exp(-2 * Math.abs(u));
  return (4 * e) / ((1 + e) * (1 + e));
};

/** Adds nothing outside the clamp's bounds; NaN passes, so that a broken head shows in its gradient. */
const throughClamp = (g: number, raw: number, low: number, high: number): number =>
  raw < low || raw > high ? 0 : g;

/** u = mean + σ·noise for noise [samples, batch, actions]; action = tanh u or u; log-prob [samples, batch]. */
export const gaussianSample: CpuKernel<typeof kernels.gaussianSample> = (call) => {
  const { batch, samples, actions, squash, storeAction, storePreTanh, storeLogProb } = call.params;
  const { logStdMin, logStdMax, noiseOffset } = call.params;
  const head = call.floats('head');
  const noise = call.floats('noise');
  const action = call.floats('action');
  const preTanh = call.floats('preTanh');
  const logProb = call.floats('logProb');
  return () => {
    for (let item = 0; item < samples * batch; item++) {
      const row = (item % batch) * 2 * actions;
      let total = 0;
      for (let a = 0; a < actions; a++) {
        const at = item * actions + a;
        const logStd = clamp(head[row + actions + a], logStdMin, logStdMax);
        const e = noise[noiseOffset + at];
        const u = head[row + a] + Math.exp(logStd) * e;
        if (storeAction) action[at] = squash ? Math.tanh(u) : u;
        if (storePreTanh) preTanh[at] = u;
        if (storeLogProb) {
          total -= 0.5 * e * e + logStd + HALF_LOG_TWO_PI;
          if (squash) total -= logJacobian(u);
        }
      }
      if (storeLogProb) logProb[item] = total;
    }
  };
};

/** Pathwise gradient: noise is fixed, so −½ noise² is constant and u moves with mean and log-std. */
export const gaussianSampleBackward: CpuKernel<typeof kernels.gaussianSampleBackward> = (call) => {
  const { batch, samples, actions, squash, hasAction, hasPreTanh, hasLogProb, logStdMin, logStdMax } =
    call.params;
  const head = call.floats('head');
  const noise = call.floats('noise');
  const dAction = call.floats('dAction');
  const dPreTanh = call.floats('dPreTanh');
  const dLogProb = call.floats('dLogProb');
  const dHead = call.floats('dHead');
  return () => {
    for (let b = 0; b < batch; b++) {
      for (let a = 0; a < actions; a++) {
        const mean = b * 2 * actions + a;
        const raw = head[mean + actions];
        const std = Math.exp(clamp(raw, logStdMin, logStdMax));
        let toMean = 0;
        let toLogStd = 0;
        for (let s = 0; s < samples; s++) {
          const item = s * batch + b;
          const at = item * actions + a;
          const u = head[mean] + std * noise[at];
          let du = 0;
          if (hasAction) du += dAction[at] * (squash ? tanhSlope(u) : 1);
          if (hasPreTanh) du += dPreTanh[at];
          if (hasLogProb) {
            if (squash) du += 2 * Math.tanh(u) * dLogProb[item];
            toLogStd -= dLogProb[item];
          }
          toMean += du;
          toLogStd += du * std * noise[at];
        }
        dHead[mean] = toMean;
        dHead[mean + actions] = throughClamp(toLogStd, raw, logStdMin, logStdMax);
      }
    }
  };
};

/** Log-prob [samples, batch] of given values [samples, batch, actions] before the tanh. */
export const gaussianLogProb: CpuKernel<typeof kernels.gaussianLogProb> = (call) => {
  const { batch, samples, actions, squash, logStdMin, logStdMax } = call.params;
  const head = call.floats('head');
  const value = call.floats('value');
  const logProb = call.floats('logProb');
  return () => {
    for (let item = 0; item < samples * batch; item++) {
      const row = (item % batch) * 2 * actions;
      let total = 0;
      for (let a = 0; a < actions; a++) {
        const logStd = clamp(head[row + actions + a], logStdMin, logStdMax);
        const u = value[item * actions + a];
        const z = (u - head[row + a]) * Math.exp(-logStd);
        total -= 0.5 * z * z + logStd + HALF_LOG_TWO_PI;
        if (squash) total -= logJacobian(u);
      }
      logProb[item] = total;
    }
  };
};

/** Gradients of the log-prob in the head (summed over samples) and in the value. */
export const gaussianLogProbBackward: CpuKernel<typeof kernels.gaussianLogProbBackward> = (call) => {
  const { batch, samples, actions, squash, storeDHead, storeDValue, logStdMin, logStdMax } = call.params;
  const head = call.floats('head');
  const value = call.floats('value');
  const dLogProb = call.floats('dLogProb');
  const dHead = call.floats('dHead');
  const dValue = call.floats('dValue');
  return () => {
    for (let b = 0; b < batch; b++) {
      for (let a = 0; a < actions; a++) {
        const mean = b * 2 * actions + a;
        const raw = head[mean + actions];
        const precision = Math.exp(-clamp(raw, logStdMin, logStdMax));
        let toMean = 0;
        let toLogStd = 0;
        for (let s = 0; s < samples; s++) {
          const item = s * batch + b;
          const at = item * actions + a;
          const u = value[at];
          const z = (u - head[mean]) * precision;
          const g = dLogProb[item];
          toMean += g * z * precision;
          toLogStd += g * (z * z - 1);
          if (storeDValue) dValue[at] = g * ((squash ? 2 * Math.tanh(u) : 0) - z * precision);
        }
        if (storeDHead) {
          dHead[mean] = toMean;
          dHead[mean + actions] = throughClamp(toLogStd, raw, logStdMin, logStdMax);
        }
      }
    }
  };
};
