// No size of a tensor is too large for a dispatch: what passes the most workgroups along one dimension wraps into another,
// in every kernel. On WebGPU the limit is set to 2 here, so that small programs wrap many times; one real case goes past
// 65,535 on every backend.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebGpuBackend } from '../../src/backend/webgpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { Device } from '../../src/device.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { reverseKlLoss } from '../../src/divergences/loss-op.ts';
import { mlp } from '../../src/nn/index.ts';
import {
  add,
  assign,
  gather,
  grad,
  gradient,
  type MlpKernels,
  matmul,
  mul,
  randomNormal,
  reshape,
  State,
  sliceAxis,
  square,
  sum,
  tanh,
} from '../../src/tape/index.ts';
import { type Body, evaluate, openDevice, testBackend } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

test('70,000 matrices, and rows and columns of a product past every tile', async () => {
  for (const [batch, rows, columns] of [
    [70_000, 2, 3],
    [1, 70_000, 1],
    [1, 1, 70_000],
  ]) {
    const a = Float32Array.from({ length: batch * rows * 2 }, (_, i) => (i % 7) - 3);
    const b = Float32Array.from({ length: batch * 2 * columns }, (_, i) => (i % 5) - 2);
    const { y } = await evaluate(
      ({ input }) => ({ y: matmul(input('a', [batch, rows, 2]), input('b', [batch, 2, columns])) }),
      { a, b },
      { device },
    );
    for (let i = 0; i < y.length; i++) {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const at = 2 * columns * Math.floor(row / rows) + column;
      const expected = a[2 * row] * b[at] + a[2 * row + 1] * b[at + columns];
      if (y[i] !== expected) assert.is(y[i], expected, `[${batch}, ${rows}, ${columns}] at ${i}`);
    }
  }
});

/** The device with so low a limit that most dispatches wrap. */
async function openNarrow(): Promise<Device> {
  const backend = await openWebGpu();
  const { limits } = backend.device;
  const narrow = new Proxy(limits, {
    get: (of, name) =>
      name === 'maxComputeWorkgroupsPerDimension' ? 2 : of[name as keyof GPUSupportedLimits],
  });
  Object.defineProperty(backend.device, 'limits', { value: narrow });
  assert.ok(backend instanceof WebGpuBackend && backend.device.limits.maxComputeWorkgroupsPerDimension === 2);
  return new Device(backend);
}

/** Every kind of kernel, with more than four workgroups where it has any number. */
function everything(states: () => { critics: ReturnType<typeof mlp>; policy: ReturnType<typeof mlp> }): Body {
  return ({ input }) => {
    const { critics, policy } = states();
    const rows = 70;
    const x = input('x', [rows, 5]);
    const head = policy(x);
    const gaussian = new Gaussian(head, 3, true);
    const { actions, logProb, latent } = gaussian.rsample(1, { noise: input('noise', [1, rows, 3]) });
    const q = critics(x, reshape(actions, [rows, 3]));
    const loss = reverseKlLoss(logProb, reshape(q, [2, 1, rows]), input('temperature', []));
    const target = sum(square(add(critics(x, input('actions', [rows, 3])), -0.5)));
    const wide = input('wide', [9, 300]);
    const index = input('index', [9, 40]);
    const picked = gather(wide, index, 1);
    const copy = new State('copy', [9, 300]);
    assign(copy, tanh(wide));
    const outputs = {
      ...{ loss, target, y: tanh(mul(wide, 2)), sums: sum(wide, 1), columns: sum(wide, 0) },
      density: gaussian.logProbLatent(latent),
      dHead: grad(sum(gaussian.logProbLatent(latent)), [head])[0],
      dPolicy: gradient(loss, policy.parameters),
      dCritics: gradient(target, critics.parameters),
      picked,
      dWide: grad(sum(square(picked)), [wide])[0],
      product: matmul(reshape(wide, [9, 100, 3]), reshape(sliceAxis(x, 0, 0, 60), [3, 100])),
      normal: randomNormal([700]),
    };
    return outputs;
  };
}

if (testBackend() === 'webgpu') {
  for (const kind of ['fused', 'tiled'] satisfies MlpKernels[]) {
    test(`every kernel wraps past the limit, networks ${kind}`, async () => {
      const make = () => ({
        critics: mlp({ inputs: 8, hidden: [40, 24], outputs: 1, nets: 2, name: 'critics', seed: 1 }),
        policy: mlp({ inputs: 5, hidden: [40, 24], outputs: 6, name: 'policy', seed: 2 }),
      });
      const data = (count: number, seed: number) => Float64Array.from(normals(count, seed));
      const inputs = {
        ...{ x: data(350, 1), noise: data(210, 2), temperature: [0.3], actions: data(210, 3) },
        ...{ wide: data(2700, 4), index: Array.from({ length: 360 }, (_, i) => (i * 37) % 300) },
      };
      const expected = await evaluate(everything(make), inputs);
      const narrow = await openNarrow();
      const actual = await evaluate(everything(make), inputs, { device: narrow, mlp: kind });
      await narrow.dispose();
      for (const [name, values] of Object.entries(expected)) {
        const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        values.forEach((value, i) => {
          const off = Math.abs(actual[name as keyof typeof actual][i] - value);
          assert.ok(off <= 3e-5 * scale, `${name} [${i}] is off by ${off}, ${kind}`);
        });
      }
    });
  }
}

test.run();
