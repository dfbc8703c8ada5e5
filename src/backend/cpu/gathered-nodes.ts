import type * as kernels from '../../kernels/index.ts';
import type { CpuKernel } from './call.ts';

/** A node is found where y is within this part of a step of what is wanted: one more step of Newton's method follows. */
const CLOSE = 1e-8;
const MOST = 24;
/** Less than this part of u is not told apart. */
const ROUNDING = 2 ** -50;

/**
 * nodes u and logLength [count, lanes] with y(u_i) = y(−reach) + i·step, where
 * y(u) = Σ_k weight_k·(sinh⁻¹((u − centre_k)/scale_k) − sinh⁻¹((u − centre_k)/far_k)), all [centres, lanes]. A node as it is
 * stored lies some parts r_i of a step short of that: what the rule would lose by it, to first order, is given to the lengths
 * beside it, whose logarithms are log(step/y′(u_i)) + ½(r_{i−1} − r_{i+1}).
 */
export const gatheredNodes: CpuKernel<typeof kernels.gatheredNodes> = (call) => {
  const { centres, lanes, count } = call.params;
  const names = ['centre', 'scale', 'far', 'weight', 'reach', 'nodes', 'logLength'] as const;
  const [centre, scale, far, weight, reach, nodes, logLength] = names.map((name) => call.floats(name));
  let slope = 0;
  const measure = (lane: number, u: number): number => {
    let y = 0;
    slope = 0;
    for (let at = lane; at < centres * lanes; at += lanes) {
      const distance = u - centre[at];
      const size = Math.abs(distance);
      const near = Math.sqrt(size * size + scale[at] * scale[at]);
      const away = Math.sqrt(size * size + far[at] * far[at]);
      const part = Math.log(((size + near) / (size + away)) * (far[at] / scale[at]));
      y += weight[at] * (distance < 0 ? -part : part);
      slope += weight[at] * (1 / near - 1 / away);
    }
    return y;
  };
  return () => {
    for (let lane = 0; lane < lanes; lane++) {
      const last = reach[lane];
      const high = measure(lane, last);
      const low = measure(lane, -last);
      const step = (high - low) / count;
      let u = -last;
      let length = step / slope;
      let growth = 1;
      nodes[lane] = u;
      logLength[lane] = Math.log(length);
      let [short, before] = [0, 0];
      for (let i = 1; i < count; i++) {
        const wanted = low + i * step;
        let [lower, upper] = [u, last];
        let moved = Number.POSITIVE_INFINITY;
        u = Math.min(u + length * growth, last);
        for (let k = 0; k < MOST; k++) {
          const gap = wanted - measure(lane, u);
          if (gap >= 0) lower = u;
          else upper = u;
          const from = u;
          const newton = u + gap / slope;
          // By halves where Newton's method leaves the bracket or does not slow down.
          const converges = newton >= lower && newton <= upper && Math.abs(newton - u) <= 0.5 * moved;
          u = converges ? newton : 0.5 * (lower + upper);
          moved = Math.abs(u - from);
          if ((converges && Math.abs(gap) <= CLOSE * step) || !(moved > ROUNDING * Math.abs(u))) break;
        }
        growth = Math.sqrt(step / slope / length);
        length = step / slope;
        const at = i * lanes + lane;
        nodes[at] = u;
        const now = (u - nodes[at]) / length;
        logLength[at - lanes] += 0.5 * (before - now);
        [before, short] = [short, now];
        logLength[at] = Math.log(length);
      }
      logLength[(count - 1) * lanes + lane] += 0.5 * before;
    }
  };
};
