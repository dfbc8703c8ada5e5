import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError, UsageError } from '../../src/errors.ts';
import {
  integerFromBits,
  mulHigh32,
  normalsFromBits,
  PhiloxStream,
  philox4x32,
  uniformFromBits,
} from '../../src/math/philox.ts';
import type { Purpose } from '../../src/math/streams.ts';

// Random123's known answers (tests/kat_vectors, philox4x32 10).
const knownAnswers = [
  { counter: [0, 0, 0, 0], key: [0, 0], out: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    out: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    out: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

test('philox4x32 gives the published answers', () => {
  for (const { counter, key, out } of knownAnswers) {
    const block = new Uint32Array(4);
    philox4x32(counter, key, block);
    assert.equal([...block], out);
  }
});

test('philox4x32 writes at an offset, and over its own counter', () => {
  const { counter, key, out } = knownAnswers[2];
  const wide = new Uint32Array(8);
  philox4x32(counter, key, wide, 3);
  assert.equal([...wide], [0, 0, 0, ...out, 0]);
  const inPlace = new Uint32Array(counter);
  philox4x32(inPlace, key, inPlace);
  assert.equal([...inPlace], out);
});

test('mulHigh32 agrees with exact integers', () => {
  const stream = new PhiloxStream(1);
  const edges = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffff0000, 0xfffffffe, 0xffffffff];
  const pairs = edges.flatMap((a) => edges.map((b) => [a, b]));
  for (let i = 0; i < 2000; i++) pairs.push([stream.nextUint32(), stream.nextUint32()]);
  for (const [a, b] of pairs) assert.is(mulHigh32(a, b), Number((BigInt(a) * BigInt(b)) >> 32n));
});

test('uniforms lie strictly inside (0, 1), and are exact in float32 as are 1 − u', () => {
  assert.is(uniformFromBits(0), 2 ** -24);
  assert.is(uniformFromBits(0xffffffff), 1 - 2 ** -24);
  const stream = new PhiloxStream(2);
  for (let i = 0; i < 10000; i++) {
    const u = uniformFromBits(stream.nextUint32());
    assert.is(Math.fround(u), u);
    assert.is(Math.fround(1 - u), 1 - u);
  }
});

test('normals are finite at every edge and bounded by 5.77', () => {
  for (const bits0 of [0, 0x80000000, 0xffffffff]) {
    for (const bits1 of [0, 0x40000000, 0x80000000, 0xffffffff]) {
      for (const z of normalsFromBits(bits0, bits1))
        assert.ok(Math.abs(z) <= Math.sqrt(48 * Math.LN2) + 1e-12);
    }
  }
});

test('integerFromBits covers exactly [0, n)', () => {
  for (const n of [1, 2, 3, 7, 1000, 65537, 0xffffffff]) {
    assert.is(integerFromBits(0, n), 0);
    assert.is(integerFromBits(0xffffffff, n), n - 1);
  }
});

test('integers are uniform: chi-square over 16 and 17 cells', () => {
  const draws = 170_000;
  const critical = { 16: 37.7, 17: 39.3 }; // 0.999 quantile of chi-square with cells − 1 degrees
  for (const cells of [16, 17] as const) {
    const counts = new Array<number>(cells).fill(0);
    const stream = new PhiloxStream(3, 'plain', cells);
    for (let i = 0; i < draws; i++) counts[stream.nextInt(cells)]++;
    const expected = draws / cells;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chiSquare < critical[cells], `chi-square ${chiSquare}`);
  }
});

test('uniform and normal moments lie within five standard errors', () => {
  const n = 200_000;
  const stream = new PhiloxStream(4);
  const uniforms = Array.from({ length: n }, () => stream.nextUniform());
  const normals = Array.from({ length: n }, () => stream.nextNormal());
  const mean = (values: readonly number[], f: (x: number, i: number) => number) =>
    values.reduce((sum, x, i) => sum + f(x, i), 0) / n;
  const near = (actual: number, expected: number, variance: number) =>
    assert.ok(Math.abs(actual - expected) < 5 * Math.sqrt(variance / n), `${actual} against ${expected}`);
  assert.ok(uniforms.every((u) => u >= 0 && u < 1));
  near(
    mean(uniforms, (u) => u),
    1 / 2,
    1 / 12,
  );
  near(
    mean(uniforms, (u) => (u - 0.5) ** 2),
    1 / 12,
    1 / 180,
  );
  near(
    mean(normals, (z) => z),
    0,
    1,
  );
  near(
    mean(normals, (z) => z ** 2),
    1,
    2,
  );
  near(
    mean(normals, (z) => z ** 3),
    0,
    15,
  );
  near(
    mean(normals, (z) => z ** 4),
    3,
    96,
  );
  // The two halves of a Box–Muller pair, and neighbouring uniforms, are uncorrelated.
  near(
    mean(normals, (z, i) => (i % 2 === 0 ? 2 * z * normals[i + 1] : 0)),
    0,
    2,
  );
  near(
    mean(uniforms, (u, i) => (i > 0 ? (u - 0.5) * (uniforms[i - 1] - 0.5) : 0)),
    0,
    1 / 144,
  );
});

test('a seed repeats its numbers; another seed, high seed word, index or purpose does not', () => {
  const draws = (seed: number, index = 0, purpose: Purpose = 'plain') => {
    const random = new PhiloxStream(seed, purpose, index);
    return Array.from({ length: 9 }, () => random.nextUint32());
  };
  assert.equal(draws(7), draws(7));
  for (const other of [draws(8), draws(7 + 2 ** 32), draws(7, 1), draws(7, 0, 'act')]) {
    assert.ok(other.every((word, i) => word !== draws(7)[i]));
  }
});

test('a stream resumes from its JSON state at every position, spare normal included', () => {
  for (let used = 0; used < 9; used++) {
    for (const normals of [0, 1]) {
      const original = new PhiloxStream(2 ** 40 + 5, 'environment', 3);
      for (let i = 0; i < used; i++) original.nextUint32();
      for (let i = 0; i < normals; i++) original.nextNormal();
      const copy = new PhiloxStream(0);
      copy.setState(JSON.parse(JSON.stringify(original.getState())));
      for (let i = 0; i < 7; i++) {
        assert.is(copy.nextNormal(), original.nextNormal());
        assert.is(copy.nextUniform(), original.nextUniform());
        assert.is(copy.nextUint32(), original.nextUint32());
      }
    }
  }
});

test('the counter carries into its second word', () => {
  const stream = new PhiloxStream(9);
  stream.setState({ seed: 9, purpose: 'plain', index: 0, position: 4 * 2 ** 32, spareNormal: null });
  const block = new Uint32Array(4);
  philox4x32([0, 1, 0, 0xffffffff], [9, 0], block);
  assert.equal(
    Array.from({ length: 4 }, () => stream.nextUint32()),
    [...block],
  );
});

test('numbers of an interval are the uniform ones, moved and scaled', () => {
  const [plain, moved] = [new PhiloxStream(5), new PhiloxStream(5)];
  for (let i = 0; i < 20; i++) {
    const value = moved.uniformIn(-3, 2);
    assert.ok(Math.abs(value - (5 * plain.nextUniform() - 3)) < 1e-15, String(value));
  }
});

test('bad seeds, ranges and states are refused by name', () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(
      () => new PhiloxStream(seed),
      (error: unknown) => error instanceof UsageError && error.message.includes(String(seed)),
    );
  }
  assert.throws(() => new PhiloxStream(0, 'plain', -1), /index of a random stream is -1/);
  assert.throws(() => new PhiloxStream(0).nextInt(0), /number of choices is 0/);
  const state = { seed: 0, purpose: 'plain', index: 0, position: 0, spareNormal: null } as const;
  for (const wrong of [
    { position: -1 },
    { index: 2 ** 32 },
    { seed: -1 },
    { purpose: 'toString' as Purpose },
  ])
    assert.throws(
      () => new PhiloxStream(0).setState({ ...state, ...wrong }),
      (error: unknown) => error instanceof DataError,
    );
});

test('a state of the first version, which had no purposes, goes on as it did', () => {
  const stream = new PhiloxStream(0, 'act');
  stream.setState({ seed: 2 ** 33 + 5, stream: 3, position: 4, spareNormal: 0.5 });
  const block = new Uint32Array(4);
  philox4x32([1, 0, 3, 0xffffffff], [5, 2], block);
  assert.is(stream.nextNormal(), 0.5);
  assert.is(stream.nextUint32(), block[0]);
});

test.run();
