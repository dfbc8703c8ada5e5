// Where the nodes of a gathered rule lie, from the definition: equal steps of a sum of inverse hyperbolic sines.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Data, oracle, runKernelOn } from '../helpers/kernel-run.ts';

test('nodes lie at equal steps of y, also past narrow centres that one step would jump over', async () => {
  const data = new Data(3);
  for (const [centres, lanes, count] of [
    [1, 3, 8],
    [4, 500, 320],
    [4, 500, 88],
    [12, 60, 112],
    [3, 2000, 3],
  ]) {
    const size = centres * lanes;
    const isLast = (i: number) => i >= size - lanes;
    const scale = data.normal(size).map((x) => Math.exp(Math.max(-6, Math.min(3, 3 * x - 2))));
    const centre = data.normal(size).map((x) => 5 * x);
    const far = scale.map((x, i) => (isLast(i) ? 1e15 : Math.max(0.7, 8 * x)));
    const weight = scale.map((_, i) => (isLast(i) ? 1 : [1.5, 1, 0][i % 3]));
    const reach = data.normal(lanes).map((x) => 20 + 10 * Math.abs(x));
    const [nodes, logLength] = [count * lanes, count * lanes];
    const bindings = { centre, scale, far, weight, reach, nodes, logLength };
    const found = await runKernelOn(oracle, 'gathered_nodes', { centres, lanes, count }, bindings);
    for (let lane = 0; lane < lanes; lane++) {
      const own = Array.from({ length: centres }, (_, k) => k * lanes + lane);
      const y = (u: number) =>
        own.reduce((sum, k) => {
          const x = u - centre[k];
          return sum + weight[k] * (Math.asinh(x / scale[k]) - Math.asinh(x / far[k]));
        }, 0);
      const slope = (u: number) =>
        own.reduce((sum, k) => {
          const x = u - centre[k];
          return sum + weight[k] * (1 / Math.hypot(x, scale[k]) - 1 / Math.hypot(x, far[k]));
        }, 0);
      const low = y(-reach[lane]);
      const step = (y(reach[lane]) - low) / count;
      for (let i = 0; i < count; i++) {
        const u = found.nodes[i * lanes + lane];
        const off = Math.abs(y(u) - low - i * step) / step;
        assert.ok(off < 1e-8, `${centres} centres, lane ${lane}, node ${i} at ${u}: off by ${off} of a step`);
        const length = step / slope(u);
        const long = Math.exp(found.logLength[i * lanes + lane]) / length - 1;
        assert.ok(Math.abs(long) < 1e-6, `lane ${lane}, node ${i}: its length is off by ${long}`);
      }
    }
  }
});

test.run();
