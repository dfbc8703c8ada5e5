// JSON that is read back as what was written, or is not written: against JSON.stringify where that is right.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError, NumericsError } from '../src/errors.ts';
import { jsonText, parseJson } from '../src/json.ts';

test('what JSON holds is written as JSON.stringify writes it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, 2), (value, indent) => {
      const expected = JSON.stringify(value, null, indent);
      assert.is(jsonText(value, 'It', indent === undefined ? {} : { indent }), expected);
      assert.equal(parseJson(`\uFEFF${expected}`), JSON.parse(expected));
    }),
    { numRuns: 300, seed: 1 },
  );
  assert.is(jsonText({ a: undefined, b: 1 }, 'It'), '{"b":1}');
  assert.is(jsonText([1 / 3, 20_000_000_001, 1e-9], 'It', { digits: 3 }), '[0.333,20000000001,1e-9]');
});

test('what it would change is named, with its place', () => {
  const wrong: readonly [value: unknown, kind: typeof DataError | typeof NumericsError, message: string][] = [
    [Number.NaN, NumericsError, 'The result is NaN; no file can hold that.'],
    [
      { rows: [{ ms: 1 }, { ms: Infinity }] },
      NumericsError,
      'The result: rows[1].ms is Infinity; no file can hold that.',
    ],
    [[[0], [-Infinity]], NumericsError, 'The result: [1][0] is -Infinity; no file can hold that.'],
    [{ a: { b: Number.NaN } }, NumericsError, 'The result: a.b is NaN; no file can hold that.'],
    [{ a: [undefined] }, DataError, 'The result: a[0] is undefined, which no file can hold.'],
    [{ a: new Map([[1, 2]]) }, DataError, 'The result: a is a Map, which no file can hold.'],
    [{ a: Float32Array.of(1) }, DataError, 'The result: a is a Float32Array, which no file can hold.'],
    [{ a: 1n }, DataError, 'The result: a is a bigint, which no file can hold.'],
    [{ a: () => 1 }, DataError, 'The result: a is a function, which no file can hold.'],
  ];
  for (const [value, kind, message] of wrong)
    assert.throws(
      () => jsonText(value, 'The result'),
      (error: Error) => error instanceof kind && error.message === message,
      message,
    );
});

test('an interval without an end has null there, where that is said; NaN is none', () => {
  assert.is(
    jsonText({ low: -Infinity, high: Infinity }, 'It', { unbounded: true }),
    '{"low":null,"high":null}',
  );
  assert.throws(() => jsonText({ low: Number.NaN }, 'It', { unbounded: true }), /It: low is NaN/);
});

test.run();
