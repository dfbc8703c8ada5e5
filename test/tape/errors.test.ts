// What is wrong is said while recording: the operation, the shapes, and the line that asked for it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ShapeError, UsageError } from '../../src/errors.ts';
import {
  add,
  argMax,
  assign,
  broadcastTo,
  clamp,
  concat,
  constant,
  gather,
  grad,
  gradient,
  literal,
  logSumExp,
  matmul,
  randomBits,
  read,
  reshape,
  State,
  slice,
  sum,
  type Tensor,
  tanh,
  transpose,
  trigamma,
} from '../../src/tape/index.ts';
import { recordOnly } from '../helpers/devices.ts';

/** The position of the caller, as a stack trace writes it. */
function here(): string {
  const frames = (new Error().stack ?? '').split('\n').filter((line) => /:\d+:\d+/.test(line));
  return /((?:file:|https?:|\/)[^()\s]+:\d+):\d+/.exec(frames[1])?.[1] ?? '?';
}

/** The error of a faulty recording on tensors x [2, 3] and y [4, 3]. */
function failure(body: (x: Tensor, y: Tensor) => unknown): Error {
  let found: Error | undefined;
  recordOnly(({ input }) => {
    try {
      body(input('x', [2, 3]), input('y', [4, 3]));
    } catch (error) {
      found = error as Error;
    }
    return {};
  });
  if (!found) throw new Error('nothing was thrown');
  return found;
}

const faults: readonly (readonly [RegExp, (x: Tensor, y: Tensor) => unknown])[] = [
  [/^add\(\[2, 3\], \[4, 3\]\): shape \[4, 3\] does not broadcast with \[2, 3\]/, (x, y) => add(x, y)],
  [
    /^matmul\(\[2, 3\], \[4, 3\]\): columns of the first \(3\) must equal rows of the second \(4\)/,
    (x, y) => matmul(x, y),
  ],
  [/^matmul\(\[2, 3\], \[\]\): both operands need at least two axes/, (x) => matmul(x, constant(1))],
  [/^reshape\(\[2, 3\]\): 6 elements do not fill \[4, -1\]/, (x) => reshape(x, [4, -1])],
  [/^transpose\(\[2, 3\]\): \[0,0\] is not a permutation/, (x) => transpose(x, [0, 0])],
  [/^broadcastTo\(\[2, 3\]\): cannot be repeated to \[2, 4\]/, (x) => broadcastTo(x, [2, 4])],
  [/^slice\(\[2, 3\]\): axis 1: 1:4:1 is outside its 3 entries/, (x) => slice(x, [0, 1], [2, 4])],
  [/^slice\(\[2, 3\]\): begin \[0\]/, (x) => slice(x, [0], [2])],
  [/^concat\(\[2, 3\], \[4, 3\]\): only axis 1 may differ/, (x, y) => concat([x, y], 1)],
  [/^sum\(\[2, 3\]\): axis 2 does not exist/, (x) => sum(x, 2)],
  [/^logSumExp\(\[2, 3\]\): axis -3 does not exist/, (x) => logSumExp(x, -3)],
  [/^argMax\(\[2, 3\]\): axis 5 does not exist/, (x) => argMax(x, 5)],
  [/^gather\(\[2, 3\], \[4, 3\]\): the index must match x on every axis but 1/, (x, y) => gather(x, y, 1)],
  [/^grad\(\[2, 3\]\): the objective must be a scalar/, (x) => grad(x, [x])],
  [/^grad\(\[2, 3\], \[4, 3\]\): the cotangent must have the shape/, (x, y) => grad(x, [x], y)],
  [/^literal\(\): 3 values do not fill \[2\]/, () => literal([1, 2, 3], [2])],
  [/^tanh\(\[2\]\): needs f32 tensors, got u32/, () => tanh(randomBits([2]))],
  [/^reduce\(\[2\]\): needs f32 tensors, got u32/, () => sum(randomBits([2]))],
  [/^pad\(\[2, 2\]\): needs f32 tensors, got u32/, () => concat([randomBits([2, 2]), randomBits([2, 2])], 0)],
  [/^matmul\(\[2, 2\], \[2, 3\]\): needs f32 tensors, got u32/, (x) => matmul(randomBits([2, 2]), x)],
  [/^assign\(\[2\]\): needs f32 tensors, got u32/, () => assign(new State('s', [2]), randomBits([2]))],
  [
    /^assign\(\[2, 3\]\): state 'w' holds u32, which no update writes/,
    (x) => assign(new State('w', [2, 3], new Uint32Array(6)), x),
  ],
  [/^assign\(\[2, 3\]\): state 's' has shape \[3,2\]/, (x) => assign(new State('s', [3, 2]), x)],
];

test('a shape error names the operation, the shapes and what is wrong', () => {
  for (const [pattern, body] of faults) {
    const error = failure(body);
    assert.instance(error, ShapeError, `${pattern}: ${error.stack}`);
    assert.match(error.message, pattern);
    assert.not.match(error.message, /\n/);
  }
});

test('a shape error names the line of user code, from sources and from a bundle', () => {
  let line = '';
  const error = failure((x, y) => [(line = here()), add(x, y)]);
  assert.match(line, /errors\.test\.[jt]s:\d+$/);
  assert.ok(error.message.includes(`(at ${line}:`), `${error.message} does not name ${line}`);
  // However deep in the library it is found: matmul records broadcasts, and the gradient rules record more.
  const deep = failure((x, y) => [(line = here()), gather(x, y, 1)]);
  assert.ok(deep.message.includes(`(at ${line}:`), `${deep.message} does not name ${line}`);
});

test('usage errors: outside of a recording, no derivative, a name twice, wrong bounds', () => {
  assert.throws(
    () => constant(1),
    (e: Error) => e instanceof UsageError && /device\.compile/.test(e.message),
  );
  const none = failure((x) => grad(sum(trigamma(x)), [x]));
  assert.instance(none, UsageError);
  assert.match(none.message, /trigamma has no derivative/);
  assert.match(failure((x) => clamp(x, 2, 1)).message, /low 2 is not below high 1/);
  assert.match(failure(() => concat([], 0)).message, /at least one tensor/);
  assert.throws(
    () =>
      recordOnly(({ input }) => {
        input('twice', [1]);
        return { y: input('twice', [1]) };
      }),
    /'twice' is declared twice/,
  );
  assert.throws(() => recordOnly(({ input }) => ({ x: input('x', [0]) })), /whole numbers from 1/);
});

test('the gradient of a state that was updated in between is refused', () => {
  const state = new State('w', [2]);
  const error = failure(() => {
    const loss = sum(tanh(read(state)));
    assign(state, tanh(read(state)));
    return gradient(loss, state);
  });
  assert.instance(error, UsageError);
  assert.match(error.message, /the loss does not depend on 'w' as it stands/);
});

test('a failed recording leaves no recording open', () => {
  assert.throws(() =>
    recordOnly(() => {
      throw new Error('user code');
    }),
  );
  assert.throws(() => constant(1), /device\.compile/);
});

test.run();
