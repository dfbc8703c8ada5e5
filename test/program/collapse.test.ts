import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { applyView, contiguousView, type View, viewShape } from '../../src/math/view.ts';
import { collapse } from '../../src/program/collapse.ts';
import type { GeneratedKernel } from '../../src/program/program.ts';

const kernel = (shape: number[], reducedAxes: number, inputs: View[]): GeneratedKernel => ({
  shape,
  reducedAxes,
  inputs,
  element: [{ kind: 'load', input: 0 }],
  reductions: reducedAxes ? [{ kind: 'sum', value: 0 }] : [],
  result: [{ kind: 'reduced', index: 0 }],
  outputs: [0],
});

const broadcast = (from: number[], to: number[]): View =>
  applyView(contiguousView(from), { kind: 'broadcast', shape: to }) as View;

test('contiguous views collapse to one axis', () => {
  const small = collapse(kernel([4, 1, 3, 5], 0, [contiguousView([4, 1, 3, 5])]));
  assert.equal(small.shape, [60]);
  assert.equal(small.inputs, [contiguousView([60])]);
});

test('a broadcast axis stays apart, its neighbours merge', () => {
  const shape = [4, 3, 5, 6];
  const small = collapse(kernel(shape, 0, [contiguousView(shape), broadcast([5, 6], shape)]));
  assert.equal(small.shape, [12, 30]);
  assert.equal(
    small.inputs[1].axes.map((axis) => axis.stride),
    [0, 1],
  );
});

test('kept and reduced axes do not mix, and a reduction keeps one reduced axis', () => {
  const small = collapse(kernel([4, 3, 5, 6], 2, [contiguousView([4, 3, 5, 6]), contiguousView([4, 3])]));
  assert.equal(small.shape, [12, 30]);
  assert.is(small.reducedAxes, 1);
  assert.equal(viewShape(small.inputs[1]), [12]);
  const single = collapse(kernel([7, 1, 1], 2, [contiguousView([7, 1, 1])]));
  assert.equal(single.shape, [7, 1]);
  assert.is(single.reducedAxes, 1);
  const all = collapse(kernel([3, 4], 2, [contiguousView([3, 4])]));
  assert.equal(all.shape, [12]);
});

test('padded axes stay', () => {
  const padded = applyView(contiguousView([2, 3]), {
    kind: 'pad',
    begin: [0, 1],
    size: [2, 8],
    step: [1, 2],
  }) as View;
  const small = collapse(kernel([2, 8], 0, [padded]));
  assert.equal(small.shape, [2, 8]);
  assert.equal(small.inputs, [padded]);
});

test('a scalar has no axes', () => {
  assert.equal(collapse(kernel([], 0, [contiguousView([])])).shape, []);
});

test.run();
