// The golden vectors in test/golden, computed through the public machinery, and that the check can fail.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { compare } from '../../src/verify/compare.ts';
import { readFolder } from '../../src/verify/folder.ts';
import { type Expectation, type GoldenCase, generate } from '../../src/verify/format.ts';
import { failureLine } from '../../src/verify/report.ts';
import { verifyCase, verifyGroup } from '../../src/verify/runner.ts';

const groups = await readFolder('test/golden');
const group = (name: string) => {
  const found = groups.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no group ${name}`);
  return found;
};
const device = new Device(createCpuBackend());

for (const precision of ['f32', 'f64'] as const) {
  for (const golden of groups) {
    test(`${golden.name} on cpu ${precision}`, async () => {
      const own = new Device(createCpuBackend({ precision }));
      const reports = await verifyGroup(golden, own, { precision });
      assert.equal(reports.filter(({ status }) => status === 'failed').map(failureLine), []);
      // Nothing is left out.
      for (const { name, status } of reports) assert.is(status, 'passed', name);
      await own.dispose();
    });
  }
}

test('verifying leaves nothing on the device', async () => {
  // A State that is not freed stays in the device for good, and so would its memory.
  const own = new Device(createCpuBackend());
  await verifyGroup(group('trajectory'), own, { precision: 'f32' });
  const held = own as unknown as { buffers: Map<unknown, unknown>; updates: Set<unknown> };
  assert.is(held.buffers.size, 0);
  assert.is(held.updates.size, 0);
});

// ---- the check can fail -------------------------------------------------------------------------------

/** The case with the last element of these expected results moved by a multiple of its tolerance. */
function perturbed(golden: GoldenCase, keys: readonly string[], factor: number): GoldenCase {
  const moved = keys.map((key): [string, Expectation] => {
    const expected = golden.expect.get(key);
    if (expected?.kind !== 'close') throw new Error(`${key} is not compared by elements`);
    const { rtol, atol } = expected.bounds.f32;
    const values = expected.values.slice();
    const last = values.length - 1;
    values[last] += factor * (atol + rtol * Math.abs(values[last]));
    return [key, { ...expected, values }];
  });
  return { ...golden, expect: new Map([...golden.expect, ...moved]) };
}

const sample: [string, string][] = [
  ['ops_unary', 'unary/exp'],
  ['ops_binary', 'binary/pow/1'],
  ['ops_reduce', 'reduce/softmax/axis=1'],
  ['mlp_small', 'mlp/small/silu/ln=1/B=3'],
  ['mlp_small', 'mlp/small/tanh/ln=0/B=3'],
  ['optim', 'adam/adamw_clip'],
  ['distributions', 'dist/tanh_gaussian/rsample'],
  ['estimators_ab', 'b/reverse_kl/score/loo/tanh'],
  ['distributions', 'dist/mixture'],
  ['estimators_ab', 'a2/reverse_kl/stl/tanh'],
  ['estimators_cd', 'c/forward_kl/snis/uniform/tanh'],
  ['estimators_cd', 'd/renyi/score_centred/2/tanh'],
  ['estimators_cd', 'd/cubo2/pathwise/gaussian'],
  ['estimators_e', 'e/fdiv/jensen_shannon/tanh'],
  ['estimators_f', 'f/discrete/renyi_p_pi/2/mlp'],
  ['estimators_g', 'g/mpo/m_step/decoupled'],
  ['estimators_g', 'g/awr/softmax_batch/tanh'],
  ['estimators_i', 'i/moment_matching/tanh'],
  ['bias_variance', 'bias/closed_form/0'],
  ['estimators_h', 'h/sac/critic'],
  ['trajectory', 'sac/tanh/auto_alpha'],
];
for (const [name, caseName] of sample) {
  test(`${caseName}: any result moved by more than its tolerance fails, all moved by less pass`, async () => {
    const golden = group(name).cases.find((candidate) => candidate.name === caseName) as GoldenCase;
    const keys = [...golden.expect.keys()];
    for (const key of keys) {
      const far = await verifyCase(name, perturbed(golden, [key], 2), device, { precision: 'f32' });
      assert.is(far.status, 'failed', key);
      assert.match(far.detail ?? '', key);
    }
    const near = await verifyCase(name, perturbed(golden, keys, 0.25), device, { precision: 'f32' });
    assert.is(near.status, 'passed', near.detail);
  });
}

test('a result that is missing, or of another shape, fails', async () => {
  const golden = group('ops_unary').cases[0];
  const y = golden.expect.get('y') as Expectation;
  const extra = { ...golden, expect: new Map([...golden.expect, ['z', y]]) };
  assert.match(
    (await verifyCase('g', extra, device, { precision: 'f32' })).detail ?? '',
    'z is not computed',
  );
  const reshaped = { ...golden, expect: new Map([['y', { ...y, shape: [2, 12] }]]) };
  const report = await verifyCase('g', reshaped, device, { precision: 'f32' });
  assert.is(report.status, 'failed');
  assert.match(report.detail ?? '', 'expected [2, 12]');
});

test('an input that is missing fails the case with its name', async () => {
  const golden = group('mlp_small').cases[0];
  const inputs = new Map([...golden.inputs].filter(([name]) => name !== 'b1'));
  const report = await verifyCase('g', { ...golden, inputs }, device, { precision: 'f32' });
  assert.is(report.status, 'failed');
  assert.match(report.detail ?? '', "input 'b1' is missing");
});

test('a case of an unknown kind is not built', async () => {
  const golden = { ...group('ops_unary').cases[0], name: 'unknown/kind' };
  assert.is((await verifyCase('g', golden, device, { precision: 'f32' })).status, 'not built');
});

test('NaN is infinitely far', () => {
  const bound = { rtol: 1, atol: 1 };
  const expected = {
    kind: 'close',
    shape: [1],
    values: Float64Array.of(0),
    bounds: { f32: bound, f64: bound },
  };
  assert.is(compare([Number.NaN], expected as Expectation, 'f32').factor, Number.POSITIVE_INFINITY);
  assert.is(
    compare([Number.POSITIVE_INFINITY], expected as Expectation, 'f32').factor,
    Number.POSITIVE_INFINITY,
  );
  assert.is(compare([0.5], expected as Expectation, 'f32').factor, 0.5);
});

test('a probe sees an element that it does not sample', () => {
  const golden = group('ops_matmul').cases.find(
    ({ name }) => name === 'matmul/big/NN/65x256x33',
  ) as GoldenCase;
  const expected = golden.expect.get('y') as Expectation & { kind: 'probe' };
  // Any array of the expected sums will do: start from zeros with the probe's own numbers replaced.
  const size = expected.shape.reduce((a, b) => a * b);
  const values = new Float64Array(size).fill(0.5);
  const dots = expected.probe.dotSeeds.map((seed) =>
    generate(seed, 1, size).reduce((sum, w) => sum + 0.5 * w, 0),
  );
  const probe = {
    ...expected.probe,
    sum: 0.5 * size,
    sumsq: 0.25 * size,
    dots: Float64Array.from(dots),
    values: new Float64Array(expected.probe.indices.length).fill(0.5),
  };
  assert.ok(compare(values, { ...expected, probe }, 'f32').factor < 1e-3);
  const unsampled = values.findIndex((_, i) => !expected.probe.indices.includes(i));
  values[unsampled] += 0.1;
  assert.ok(compare(values, { ...expected, probe }, 'f32').factor > 1);
});

test('generated inputs have the documented values', () => {
  // First and later element by the formula, worked out with unsigned 64-bit arithmetic.
  const element = (seed: number, i: number, scale: number): number => {
    const mask = 0xffffffffn;
    let x = (BigInt(seed) + BigInt(i) * 0x9e3779b9n) & mask;
    x ^= x >> 16n;
    x = (x * 0x85ebca6bn) & mask;
    x ^= x >> 13n;
    x = (x * 0xc2b2ae35n) & mask;
    x ^= x >> 16n;
    return ((Number(x >> 8n) - 8388608) / 8388608) * scale;
  };
  const values = generate(4000000000, 0.5, 70000);
  for (const i of [0, 1, 2, 63, 1000, 69999]) assert.is(values[i], element(4000000000, i, 0.5));
});

test.run();
