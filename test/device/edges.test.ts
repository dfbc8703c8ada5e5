// The families at their edges, on every backend: tails, thin covariances, far and nearly equal parts, the faces of the box,
// concentrated Betas. Expected: mpmath with 50 digits (test/distributions/edges.py).
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import {
  grad,
  input,
  literal,
  logSumExp,
  mul,
  reshape,
  sigmoid,
  sum,
  type Tensor,
  tanh,
} from '../../src/tape/index.ts';
import edges from '../distributions/edges.json';
import { evaluate, exactDevice, openDevice, testBackend } from '../helpers/devices.ts';

interface Case {
  readonly family: string;
  readonly what: 'logProb' | 'logProbLatent' | 'entropy' | 'kl' | 'rsample';
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly expect: Readonly<
    Record<string, { readonly values: readonly number[]; readonly moves: readonly number[] }>
  >;
}

/** Cases of one family, one shape and one question are a batch of one program. */
const groups = new Map<string, Case[]>();
for (const one of edges as unknown as Case[]) {
  const key = `${one.family}, ${one.what}, head of ${one.inputs.head.length}`;
  groups.set(key, [...(groups.get(key) ?? []), one]);
}

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

/** Coordinates of the actions of a case. */
const coordinates = ({ family, inputs: { head, action, latent, noise } }: Case): number =>
  (action ?? latent ?? noise)?.length ??
  (family === 'gaussian-full' ? (head.length === 6 ? 2 : 3) : head.length / 2);

/** Each value [batch], and its gradient in every input that it has. */
function asked({ family: name, what, inputs }: Case, batch: number, size: number): Record<string, Tensor> {
  const family = distributionFamily(name);
  const { head } = inputs;
  const at = input('head', [batch, head.length]);
  const policy = family.make(at, size);
  const events = (of: string) => input(of, [1, batch, size]);
  const outputs: Record<string, Tensor> = {};
  const give = (part: string, value: Tensor, wrt: Readonly<Record<string, Tensor>>) => {
    outputs[part] = value;
    const slopes = grad(sum(value), Object.values(wrt));
    Object.keys(wrt).forEach((of, i) => {
      outputs[`d ${of}`] = slopes[i];
    });
  };
  const row = (value: Tensor) => reshape(value, [batch]);
  if (what === 'entropy') give('value', (policy.entropy as () => Tensor)(), { head: at });
  else if (what === 'kl') {
    const other = input('other', [batch, head.length]);
    const divergence = policy.kl as (other: Distribution) => Tensor;
    give('value', divergence.call(policy, family.make(other, size)), { head: at, other });
  } else if (what === 'rsample') {
    const noise = events('noise');
    const sample = policy.rsample?.(1, { noise });
    if (!sample) throw new Error(`${name} has no pathwise samples`);
    const weighted = sum(mul(sample.actions, literal([1, -2, 3].slice(0, size), [size])), -1);
    give('action', row(weighted), { action: at });
    // Betas give their samples as noise.
    if (name !== 'beta') give('logProb', row(sample.logProb), { logProb: at });
  } else {
    const value = events('action' in inputs ? 'action' : 'latent');
    const of = 'action' in inputs ? 'action' : 'latent';
    give('value', row(policy[what](value)), { head: at, [of]: value });
  }
  return outputs;
}

/**
 * What may be off: as the goldens allow, by the size of the value or gradient and by what inputs move it; the functions of
 * WebGPU twice that. Betas that are nearly equal have a KL of 1e-7 at least: their log Γ cancel in float32.
 */
function allowed(
  { family, what }: Case,
  { values, moves }: Case['expect'][string],
  i: number,
  exact: boolean,
): number {
  const largest = Math.max(...values.map(Math.abs));
  if (exact) return 1e-10 * Math.abs(values[i]) + Math.max(2 ** -20 * moves[i], 1e-12 * largest) + 1e-13;
  const more = testBackend() === 'webgpu' ? 4 : 1;
  const floor = family === 'beta' && what === 'kl' && values.length === 1 ? 4e-7 : 1e-37;
  return more * (1e-5 * Math.abs(values[i]) + Math.max(8 * moves[i], 4e-6 * largest) + floor);
}

for (const precision of testBackend() === 'cpu' ? ['float64', 'float32'] : ['float32']) {
  for (const [name, cases] of groups) {
    test(`${precision}: ${name}`, async () => {
      const exact = precision === 'float64';
      const [first] = cases;
      const data = Object.fromEntries(
        Object.keys(first.inputs).map((key) => [key, cases.flatMap(({ inputs }) => inputs[key])]),
      );
      const on = exact ? exactDevice() : device;
      const found = await evaluate(() => asked(first, cases.length, coordinates(first)), data, {
        device: on,
      });
      cases.forEach((one, row) => {
        for (const [part, expected] of Object.entries(one.expect)) {
          const { values } = expected;
          values.forEach((value, i) => {
            const actual = found[part][row * values.length + i];
            if (Math.abs(actual - value) <= allowed(one, expected, i, exact)) return;
            const where = JSON.stringify(one.inputs);
            assert.unreachable(`${part} [${i}] is ${actual}, expected ${value}, at ${where}`);
          });
        }
      });
    });
  }
}

test('derivatives of what saturates keep their digits: tanh, sigmoid, and shares of a large sum', async () => {
  const at = [-20, -12, -9, -3, 0.1, 6, 9.5, 12, 20, 30];
  const large = [1e4, 1e4 + 0.25, 9990, 1e4 - 1];
  const r = await evaluate(
    () => {
      const [x, y] = [input('x', [at.length]), input('y', [large.length])];
      const slope = (of: Tensor, wrt: Tensor) => grad(sum(of), [wrt])[0];
      return { tanh: slope(tanh(x), x), sigmoid: slope(sigmoid(x), x), shares: slope(logSumExp(y), y) };
    },
    { x: at, y: large },
    { device },
  );
  at.forEach((x, i) => {
    const [sech, logistic] = [1 / Math.cosh(x) ** 2, 1 / (2 + Math.exp(x) + Math.exp(-x))];
    assert.ok(Math.abs(r.tanh[i] / sech - 1) < 1e-5, `tanh′(${x}) is ${r.tanh[i]}, expected ${sech}`);
    assert.ok(Math.abs(r.sigmoid[i] / logistic - 1) < 1e-5, `σ′(${x}) is ${r.sigmoid[i]}, not ${logistic}`);
  });
  const weights = large.map((y) => Math.exp(y - 1e4));
  const total = weights.reduce((a, b) => a + b);
  weights.forEach((weight, i) => {
    assert.ok(
      Math.abs((r.shares[i] / weight) * total - 1) < 3e-6,
      `share ${r.shares[i]}, not ${weight / total}`,
    );
  });
});

test.run();
