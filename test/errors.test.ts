// What messages quote, and errors that cross to another thread.
import { Worker } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BackendError,
  CheckpointError,
  closestMatch,
  DataError,
  DivergradError,
  EnvironmentError,
  FileError,
  NumericsError,
  type PackedError,
  ProbeError,
  packError,
  quoted,
  ShapeError,
  shortened,
  UsageError,
  unpackError,
} from '../src/errors.ts';

test('a short value is quoted as its JSON', () => {
  for (const value of [0, -1.5, 'a "b"', null, true, [], {}, [1, [2]], { a: 1, b: { c: 'd' } }])
    assert.is(quoted(value), JSON.stringify(value));
  assert.is(quoted(undefined), 'undefined');
  assert.is(quoted([Number.NaN, Number.POSITIVE_INFINITY]), '[NaN,Infinity]');
  assert.is(quoted(Float32Array.of(1, 2)), '[1,2]');
  assert.is(quoted(7n), '7');
  assert.is(
    quoted(() => 1),
    'a function',
  );
});

test('a value however deep, long or round is quoted in 61 characters of one line', () => {
  let [list, map]: [unknown, unknown] = [0, 0];
  for (let i = 0; i < 1_000_000; i++) [list, map] = [[list], { a: map }];
  const round: unknown[] = [];
  round.push(round);
  const long = 'x\n'.repeat(10_000_000);
  for (const value of [list, map, round, long, { [long]: 1 }, Array(3_000_000).fill('y'), { long }]) {
    const text = quoted(value);
    assert.is(text.length, 61);
    assert.match(text, /…$/);
    assert.not.match(text, '\n');
  }
  assert.is(shortened(long).length, 61);
});

test('a name is found again by case, signs, version, part and slips of the keyboard', () => {
  const known = [
    'cartpole',
    'half-cheetah',
    'mountain-car',
    'mountain-car-continuous',
    'cpu',
    'webgpu',
    'pendulum',
  ];
  for (const [name, meant] of [
    ['CartPole-v1', 'cartpole'],
    ['HalfCheetah-v5', 'half-cheetah'],
    ['half_cheetah', 'half-cheetah'],
    ['MountainCarContinuous-v0', 'mountain-car-continuous'],
    ['MountainCar-v0', 'mountain-car'],
    ['mountain', 'mountain-car'],
    ['gpu', 'webgpu'],
    ['cheetah', 'half-cheetah'],
    ['pendulm', 'pendulum'],
    ['pednulum', 'pendulum'],
    ['swing-up', 'pendulum'],
  ])
    assert.is(closestMatch(name, known, { swingup: 'pendulum' }), meant, name);
  for (const name of ['', '--', 'x', 'atari', '__proto__', 'constructor', 'x'.repeat(1000)])
    assert.is(closestMatch(name, known), undefined, name);
});

test('no message is longer than a page', () => {
  assert.ok(new DataError('x'.repeat(20_000_000)).message.length <= 8001);
});

const errors: DivergradError[] = [
  new DivergradError('kind', 'One.', { hint: 'Do.' }),
  new ShapeError('Two.'),
  new UsageError('Three.', { cause: new TypeError('of') }),
  new NumericsError('Four.', { update: 7 }),
  new BackendError('Five.', { fault: 'limit', adapter: 'a', limit: 'l' }),
  new ProbeError('Six.', { adapter: 'a', kernel: 'k', expected: 1, found: 2 }),
  new EnvironmentError('Seven.', { cause: new DataError('of', { cause: new Error('that') }) }),
  new DataError('Eight.'),
  new FileError('Nine.', { path: '/p', fault: 'ENOSPC', hint: 'Free some.' }),
  new CheckpointError('older', 'Ten.'),
];

const ended: (() => Promise<unknown>)[] = [];
test.after(async () => {
  for (const end of ended) await end();
});

test('every error of ours arrives in another thread and back with its class and all it carries', async () => {
  const echo = new Worker(
    "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m));",
    { eval: true },
  );
  ended.push(() => echo.terminate());
  for (const error of errors) {
    const back = new Promise<PackedError>((done) => echo.once('message', done));
    echo.postMessage(packError(error));
    const arrived = unpackError(await back);
    assert.is(Object.getPrototypeOf(arrived), Object.getPrototypeOf(error));
    assert.equal(JSON.parse(JSON.stringify(arrived)), JSON.parse(JSON.stringify(error)));
    assert.is(arrived.message, error.message);
    assert.is(arrived.stack, error.stack);
    let [a, b]: [unknown, unknown] = [arrived.cause, error.cause];
    for (; b instanceof Error && a instanceof Error; [a, b] = [a.cause, b.cause]) {
      assert.is(a.message, b.message);
      assert.is(a instanceof DivergradError, b instanceof DivergradError);
    }
    assert.is(a, b);
  }
});

test('whatever else is thrown arrives too, what cannot be sent left out', () => {
  const odd = Object.assign(new TypeError('odd'), { act: () => 1, code: 'E' });
  const arrived = unpackError(structuredClone(packError(odd)));
  assert.is(arrived.name, 'TypeError');
  assert.is((arrived as { code?: string }).code, 'E');
  assert.not.instance(arrived, DivergradError);
  assert.is(unpackError(packError('text')).message, '"text"');
  const itself = new Error('again');
  itself.cause = itself;
  assert.is(unpackError(packError(itself)).message, 'again');
  assert.not.instance(unpackError({ name: 'constructor', message: '', facts: {} }), DivergradError);
});

test.run();
