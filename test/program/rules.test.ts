// The conditions under which steps are put together, one by one, on steps written by hand: without any one of them the steps
// stay as they are.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { halveHidden } from '../../src/program/half.ts';
import { joinSteps } from '../../src/program/join.ts';
import { kernelSpec, type Params } from '../../src/program/kernels.ts';
import { pairSteps } from '../../src/program/pair.ts';
import { formatCount, type KernelStep, type Step } from '../../src/program/program.ts';
import { joinSegments } from '../../src/program/segments.ts';

/** A step of a kernel; parameters left out are 0, bindings left out unused. */
function step(kernel: string, params: Params, bound: Readonly<Record<string, number>>): KernelStep {
  const spec = kernelSpec(kernel);
  return {
    ...{ kind: 'kernel', kernel, label: kernel, flops: 0, bytes: 0, shapes: '' },
    params: Object.fromEntries(spec.params.map((name) => [name, params[name] ?? 0])),
    buffers: spec.bindings.map(({ name }) => bound[name] ?? -1),
  };
}

const temporaries = (count: number) =>
  Array.from({ length: count }, () => ({ kind: 'temporary', count: 64 }));
const kernels = (steps: readonly Step[]): string[] =>
  steps.map((each) => (each.kind === 'fused' ? 'fused' : each.kernel));

// ---------------------------------------------------------------- joined kernels

/** A draw of 8 normals and the samples made of them; buffers 0 to 6. */
function drawAndSample(
  draw: Params = {},
  sample: Params = {},
  bound: Readonly<Record<string, number>> = {},
): KernelStep[] {
  const noise = bound.noise ?? 1;
  return [
    step('philox', { count: 8, each: 8, kind: 2, ...draw }, { clock: 0, y: noise }),
    step(
      'gaussian_sample',
      { batch: 4, samples: 1, actions: 2, storeAction: 1, storeLogProb: 1, ...sample },
      { head: 2, noise, action: 3, preTanh: 4, logProb: 5, ...bound },
    ),
  ];
}
const joined = (steps: readonly KernelStep[], most = 10, buffers = temporaries(7)): string[] =>
  kernels(joinSteps(steps, buffers, most, false));

test('a draw and its samples become one kernel', () => {
  const [whole] = joinSteps(drawAndSample(), temporaries(7), 10, false);
  assert.ok(whole.kind === 'joined');
  assert.is(whole.kernel, 'philox_gaussian_sample');
  // The noise is nobody else's, so it is not stored.
  assert.is(whole.params.storeNoise, 0);
  assert.equal(whole.bound, [0, -1, 2, 3, 4, 5]);
});

test('what others read is stored', () => {
  const reader = step('assign', { count: 8 }, { x: 1, y: 6 });
  for (const steps of [
    [...drawAndSample(), reader],
    [reader, ...drawAndSample()],
  ]) {
    const whole = joinSteps(steps, temporaries(7), 10, false).find(({ kind }) => kind === 'joined');
    assert.ok(whole && whole.kind === 'joined');
    assert.is(whole.params.storeNoise, 1);
    assert.is(whole.bound[1], 1);
  }
  // What outlives the update may be read later.
  const kept = temporaries(7).map((buffer, i) => (i === 1 ? { ...buffer, kind: 'output' } : buffer));
  const [whole] = joinSteps(drawAndSample(), kept, 10, false);
  assert.ok(whole.kind === 'joined' && whole.params.storeNoise === 1);
});

const apart = ['philox', 'gaussian_sample'];
const against: Readonly<Record<string, () => string[]>> = {
  'too few bindings': () => joined(drawAndSample(), 5),
  'draws that are not normal': () => joined(drawAndSample({ kind: 1 })),
  'noise from the midst of the draw': () => joined(drawAndSample({}, { noiseOffset: 4 })),
  'noise of another draw': () => {
    const [draw, sample] = drawAndSample();
    return joined([draw, { ...sample, buffers: sample.buffers.map((b) => (b === 1 ? 6 : b)) }]);
  },
  'a buffer that is read and written': () => joined(drawAndSample({}, {}, { action: 2 })),
  'a buffer that is written twice': () => joined(drawAndSample({}, {}, { action: 5 })),
};
for (const [name, body] of Object.entries(against)) {
  test(`a draw and its samples stay apart: ${name}`, () => assert.equal(body(), apart));
}

test('kernels that give a parameter two values stay apart', () => {
  const lossAndBack = (nets: number): KernelStep[] => [
    step(
      'loss_reverse_kl',
      { nets: 2, samples: 1, batch: 8, storeLoss: 1, storeDQ: 1 },
      { logProb: 0, q: 1, temperature: 2, loss: 3, dQ: 4 },
    ),
    step(
      'mlp_backward_inputs',
      { nets, rows: 8, layers: 1, storeDx1: 1, x0Width: 2, x1Width: 1, d0: 3, d1: 1 },
      { dy: 4, parameters: 5, dx1: 6 },
    ),
  ];
  assert.equal(joined(lossAndBack(2)), ['loss_reverse_kl_mlp_backward_inputs']);
  assert.equal(joined(lossAndBack(1)), ['loss_reverse_kl', 'mlp_backward_inputs']);
});

// ---------------------------------------------------------------- pairs

test('heads and samples of two batches are one kernel each; of several samples a row those stay two', () => {
  const twice = (samples: number): string[] => {
    const head = { nets: 1, rows: 4, outputs: 4, x0Width: 3, x0Stride: 3, x0Rows: 4, x1Rows: 1 };
    const sample = { batch: 4, samples, actions: 2, storeLogProb: 1 };
    return kernels(
      pairSteps(
        [
          step('mlp_layer_forward', { ...head, x0Offset: 12 }, { x0: 0, parameters: 1, y: 2 }),
          step('gaussian_sample', { ...sample, noiseOffset: 8 }, { head: 2, noise: 6, logProb: 4 }),
          step('mlp_layer_forward', head, { x0: 0, parameters: 1, y: 3 }),
          step('gaussian_sample', sample, { head: 3, noise: 6, logProb: 5 }),
        ],
        temporaries(7),
        () => undefined,
      ),
    );
  };
  assert.equal(twice(1), ['mlp_layer_forward', 'gaussian_sample']);
  const apart = twice(2).filter((kernel) => kernel === 'gaussian_sample');
  assert.is(apart.length, 2);
});

// ---------------------------------------------------------------- hidden layers in float16

test('a step has all of its hidden layers in float16 or none', () => {
  const shape = { nets: 1, rows: 7, layers: 2, d0: 2, d1: 3, d2: 1 };
  const steps = [
    step('mlp_forward', { ...shape, storeSaved: 1 }, { x0: 0, parameters: 1, y: 2, saved: 3 }),
    step('mlp_backward_inputs', { ...shape, storeDz: 1 }, { dy: 2, parameters: 1, saved: 3, dz: 4 }),
  ];
  const halved = (kinds: readonly string[]) => {
    const buffers = kinds.map((kind) => ({ kind, count: 21 }));
    const resized: number[][] = [];
    const after = halveHidden(steps, buffers, (buffer, count) => resized.push([buffer, count]));
    return [after.map((each) => (each.kind === 'kernel' ? (each.params.half ?? 0) : 0)), resized];
  };
  const inner = ['input', 'state', 'output', 'temporary', 'temporary'];
  assert.equal(halved(inner), [
    [1, 1],
    [
      [3, 12],
      [4, 12],
    ],
  ]);
  // One that outlives the update stays, and so does the other of its step, whoever wrote it.
  for (const kept of [3, 4])
    assert.equal(halved(inner.map((kind, i) => (i === kept ? 'output' : kind))), [[0, 0], []]);
});

// ---------------------------------------------------------------- segments of input

test('segments beside each other in the same rows are one; any other two are not', () => {
  const beside: Params = {
    ...{ x0Offset: 3, x0Stride: 9, x0Rows: 8, x0Width: 4 },
    ...{ x1Offset: 7, x1Stride: 9, x1Rows: 8, x1Width: 2 },
  };
  const joinOf = (params: Params, x1 = 0) =>
    joinSegments(step('mlp_forward', { ...beside, ...params }, { x0: 0, x1, parameters: 1, y: 2 }));
  const one = joinOf({});
  assert.equal(
    [one.params.x0Width, one.params.x1Width, one.params.x0Offset, one.params.x1Rows],
    [6, 0, 3, 1],
  );
  assert.equal(one.buffers, [0, -1, 1, 2, -1]);
  for (const [params, x1] of [
    [{}, 3],
    [{ x1Stride: 8 }, 0],
    [{ x1Rows: 4 }, 0],
    [{ x1Offset: 8 }, 0],
    [{ x1Offset: 3 }, 0],
    [{ x1Width: 0 }, 0],
  ] as const) {
    const two = joinOf(params, x1);
    assert.equal(two.params.x0Width, 4, JSON.stringify(params));
    assert.is(two.buffers[1], x1);
  }
});

// ---------------------------------------------------------------- counts

test('counts have three digits and a prefix', () => {
  assert.equal([0, 7, 999, 999.4, 1000, 12_345, 999_400, 999_600, 2.5e9, 7e12, 8e15].map(formatCount), [
    '0 ',
    '7 ',
    '999 ',
    '999 ',
    '1.00 k',
    '12.3 k',
    '999 k',
    '1.00 M',
    '2.50 G',
    '7.00 T',
    '8.00e+3 T',
  ]);
});

test.run();
