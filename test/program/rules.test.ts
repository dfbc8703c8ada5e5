// Each pass by itself, on drafts written by hand: what it changes, and the conditions without any one of which the steps stay
// as they are.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec, type Params } from '../../src/kernels/index.ts';
import { applyView, contiguousView, type View } from '../../src/math/view.ts';
import type { Draft, DraftBuffer } from '../../src/program/draft.ts';
import { MAX_BINDINGS } from '../../src/program/generate.ts';
import { halveHidden } from '../../src/program/passes/half.ts';
import { joinKernels } from '../../src/program/passes/join.ts';
import { dropUnread, mergeNeighbours } from '../../src/program/passes/merge.ts';
import { joinSegments } from '../../src/program/passes/segments.ts';
import {
  formatCount,
  type GeneratedStep,
  type JoinedStep,
  type KernelStep,
  type Step,
} from '../../src/program/program.ts';
import type { ElementwiseName } from '../../src/tape/index.ts';

/** A step of a kernel; parameters left out are 0, bindings left out unused. */
function step(kernel: string, params: Params, bound: Readonly<Record<string, number>>): KernelStep {
  const spec = kernelSpec(kernel);
  return {
    ...{ kind: 'kernel', kernel, label: kernel, shapes: '' },
    params: Object.fromEntries(spec.params.map((name) => [name, params[name] ?? 0])),
    buffers: spec.bindings.map(({ name }) => bound[name] ?? -1),
  };
}

type Kind = 'temporary' | 'output' | 'input';

/** A draft over buffers of these kinds, `count` elements each. */
const draftOf = (steps: readonly Step[], kinds: readonly Kind[], count = 64): Draft => ({
  steps,
  buffers: kinds.map((kind, i): DraftBuffer => ({ kind, name: `%${i}`, count, dtype: 'f32' })),
});
const temporaries = (count: number): Kind[] => Array<Kind>(count).fill('temporary');
const kernels = (steps: readonly Step[]): string[] =>
  steps.map((each) => (each.kind === 'generated' ? 'generated' : each.kernel));

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
const join = (steps: readonly KernelStep[], joinedBindings = 10, kinds = temporaries(7)): readonly Step[] =>
  joinKernels(draftOf(steps, kinds), { mlp: 'fused', joinedBindings }).steps;
const joined = (steps: readonly KernelStep[], most?: number): string[] => kernels(join(steps, most));
const onlyJoined = (steps: readonly Step[]): JoinedStep => {
  const found = steps.filter((each): each is JoinedStep => each.kind === 'joined');
  assert.is(found.length, 1);
  return found[0];
};

test('a draw and its samples become one kernel', () => {
  const whole = onlyJoined(join(drawAndSample()));
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
    const whole = onlyJoined(join(steps));
    assert.is(whole.params.storeNoise, 1);
    assert.is(whole.bound[1], 1);
  }
  // What outlives the update may be read later.
  const kept = temporaries(7).map((kind, i): Kind => (i === 1 ? 'output' : kind));
  assert.is(onlyJoined(join(drawAndSample(), 10, kept)).params.storeNoise, 1);
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

test('a part that uses a buffer which the joined kernel does not bind stays apart', () => {
  const network = { nets: 1, rows: 4, layers: 1, d0: 3, d1: 4, x0Width: 3, x0Rows: 4, x0Stride: 3 };
  const drawn = (x1: number): string[] => {
    const [draw, sample] = drawAndSample({}, {}, { head: 2 });
    const forward = step(
      'mlp_forward',
      { ...network, x1Width: Number(x1 >= 0) },
      { x0: 6, x1, parameters: 7, y: 2 },
    );
    return kernels(join([forward, draw, sample], 10, temporaries(9)));
  };
  assert.equal(drawn(-1), ['mlp_forward_gaussian_sample']);
  assert.equal(drawn(8), ['mlp_forward', 'philox_gaussian_sample'], 'its second segment of inputs');
});

// ---------------------------------------------------------------- hidden layers in float16

test('a step has all of its hidden layers in float16 or none', () => {
  const shape = { nets: 1, rows: 7, layers: 2, d0: 2, d1: 3, d2: 1 };
  const steps = [
    step('mlp_forward', { ...shape, storeSaved: 1 }, { x0: 0, parameters: 1, y: 2, saved: 3 }),
    step('mlp_backward_inputs', { ...shape, storeDz: 1 }, { dy: 2, parameters: 1, saved: 3, dz: 4 }),
  ];
  const halved = (kinds: readonly Kind[]) => {
    const after = halveHidden(draftOf(steps, kinds, 21));
    return [
      after.steps.map((each) => (each.kind === 'kernel' ? (each.params.half ?? 0) : 0)),
      after.buffers.map(({ count }) => count),
    ];
  };
  const inner: Kind[] = ['input', 'input', 'output', 'temporary', 'temporary'];
  assert.equal(halved(inner), [
    [1, 1],
    [21, 21, 21, 12, 12],
  ]);
  // One that outlives the update stays, and so does the other of its step, whoever wrote it.
  for (const kept of [3, 4])
    assert.equal(halved(inner.map((kind, i) => (i === kept ? 'output' : kind))), [
      [0, 0],
      [21, 21, 21, 21, 21],
    ]);
});

// ---------------------------------------------------------------- segments of input

test('segments beside each other in the same rows are one; any other two are not', () => {
  const beside: Params = {
    ...{ x0Offset: 3, x0Stride: 9, x0Rows: 8, x0Width: 4 },
    ...{ x1Offset: 7, x1Stride: 9, x1Rows: 8, x1Width: 2 },
  };
  const joinOf = (params: Params, x1 = 0) =>
    joinSegments(
      draftOf(
        [step('mlp_forward', { ...beside, ...params }, { x0: 0, x1, parameters: 1, y: 2 })],
        temporaries(4),
      ),
    ).steps[0] as KernelStep;
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

test('segments of other kernels are none', () => {
  const draft = draftOf([step('assign', { count: 8 }, { x: 0, y: 1 })], temporaries(2));
  assert.equal(joinSegments(draft), draft);
});

// ---------------------------------------------------------------- generated kernels

/** y = op(x): element by element over `shape`. */
function elementwise(
  op: ElementwiseName,
  [x, y]: readonly [number, number],
  { shape = [4, 2], view = contiguousView(shape) }: { shape?: number[]; view?: View } = {},
): GeneratedStep {
  const element = [
    { kind: 'load', input: 0 },
    { kind: 'operation', op, arguments: [0] },
  ] as const;
  return {
    ...{ kind: 'generated', label: op, buffers: [x, y], shapes: '' },
    generated: { shape, reducedAxes: 0, inputs: [view], element, reductions: [], result: [], outputs: [1] },
  };
}

/** y = Σ x over the last axis. */
const summed = ([x, y]: readonly [number, number], shape = [4, 2]): GeneratedStep => ({
  ...{ kind: 'generated', label: 'sum', buffers: [x, y], shapes: '' },
  generated: {
    ...{ shape, reducedAxes: 1, inputs: [contiguousView(shape)] },
    element: [{ kind: 'load', input: 0 }],
    reductions: [{ kind: 'sum', value: 0 }],
    result: [{ kind: 'reduced', index: 0 }],
    outputs: [0],
  },
});
const merged = (...steps: Step[]): GeneratedStep[] =>
  mergeNeighbours(draftOf(steps, temporaries(6))).steps as GeneratedStep[];

test('neighbours over the same points are one kernel that loads what both read once', () => {
  const [one, ...none] = merged(elementwise('exp', [0, 1]), elementwise('tanh', [0, 2]));
  assert.is(none.length, 0);
  assert.equal(one.buffers, [0, 1, 2]);
  assert.equal(
    one.generated.element.filter(({ kind }) => kind === 'load'),
    [{ kind: 'load', input: 0 }],
  );
  assert.is(one.generated.outputs.length, 2);
  assert.is(one.label, 'exp + tanh');
});

test('the second takes what the first made without loading it', () => {
  const [one, ...none] = merged(elementwise('exp', [0, 1]), elementwise('tanh', [1, 2]));
  assert.is(none.length, 0);
  assert.equal(one.buffers, [0, 1, 2]);
  assert.equal(one.generated.element, [
    { kind: 'load', input: 0 },
    { kind: 'operation', op: 'exp', arguments: [0] },
    { kind: 'operation', op: 'tanh', arguments: [1] },
  ]);
  assert.equal(one.generated.outputs, [1, 2]);
});

test('two reductions over the same points are one, each with its own result; an elementwise one goes on in it', () => {
  const [two, ...none] = merged(summed([0, 1]), summed([2, 3]), elementwise('exp', [3, 4], { shape: [4] }));
  assert.is(none.length, 0);
  assert.equal(two.buffers, [0, 2, 1, 3, 4]);
  assert.equal(
    two.generated.reductions.map(({ value }) => two.generated.element[value]),
    [
      { kind: 'load', input: 0 },
      { kind: 'load', input: 1 },
    ],
  );
  assert.equal(two.generated.result, [
    { kind: 'reduced', index: 0 },
    { kind: 'reduced', index: 1 },
    { kind: 'operation', op: 'exp', arguments: [1] },
  ]);
  assert.equal(two.generated.outputs, [0, 1, 2]);
});

const stay: Readonly<Record<string, () => Step[]>> = {
  'other points': () => merged(elementwise('exp', [0, 1]), elementwise('exp', [2, 3], { shape: [2, 4] })),
  'the second reads the first in another order': () => {
    const view = applyView(contiguousView([4, 2]), { kind: 'transpose', permutation: [1, 0] }) as View;
    const across = elementwise('tanh', [1, 2], { shape: [2, 4], view });
    return merged(elementwise('exp', [0, 1], { shape: [2, 4] }), across);
  },
  'a reduction after what it reduces': () => merged(elementwise('exp', [0, 1]), summed([1, 2])),
  'a hand-written kernel between': () =>
    merged(
      elementwise('exp', [0, 1]),
      step('assign', { count: 8 }, { x: 4, y: 5 }),
      elementwise('exp', [2, 3]),
    ).filter(({ kind }) => kind === 'generated'),
};
for (const [name, body] of Object.entries(stay)) {
  test(`generated kernels stay apart: ${name}`, () => assert.is(body().length, 2));
}

test('no more buffers than any device binds', () => {
  const wide = Array.from({ length: 20 }, (_, i) => elementwise('exp', [2 * i, 2 * i + 1]));
  const { steps } = mergeNeighbours(draftOf(wide, temporaries(40)));
  assert.ok(steps.length > 1 && steps.length < 20);
  for (const { buffers } of steps) assert.ok(new Set(buffers).size <= MAX_BINDINGS);
  const outputs = (each: readonly Step[]) =>
    each.flatMap(({ buffers }) => buffers).filter((buffer) => buffer % 2 === 1);
  assert.equal(outputs(steps).sort(), outputs(wide).sort());
});

test('what a merged kernel hands on inside itself is not stored, what anyone reads is', () => {
  const chain = merged(elementwise('exp', [0, 1]), elementwise('tanh', [1, 2]));
  const stored = (steps: readonly Step[], kinds: readonly Kind[]) => {
    const [{ buffers, generated }] = dropUnread(draftOf(steps, kinds)).steps as GeneratedStep[];
    assert.is(buffers.length, generated.inputs.length + generated.outputs.length);
    return [buffers.slice(generated.inputs.length), generated.outputs];
  };
  const kinds: Kind[] = ['input', 'temporary', 'output', 'temporary'];
  assert.equal(stored(chain, kinds), [[2], [2]]);
  assert.equal(stored(chain, ['input', 'output', 'output', 'temporary']), [
    [1, 2],
    [1, 2],
  ]);
  const reader = step('assign', { count: 8 }, { x: 1, y: 3 });
  assert.equal(stored([...chain, reader], kinds), [
    [1, 2],
    [1, 2],
  ]);
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
