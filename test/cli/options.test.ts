import { InvalidArgumentError } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { milliseconds, scalingAxisList } from '../../src/cli/bench-scaling.ts';
import { backendChoice, nameList, versions, wholeNumber, widths } from '../../src/cli/common.ts';
import { UsageError } from '../../src/errors.ts';

const test = suite('options');

const refuses = (parse: () => unknown, type: typeof InvalidArgumentError | typeof UsageError) =>
  assert.throws(parse, (error: unknown) => error instanceof type);

test('whole numbers are digits within their bounds', () => {
  const parse = wholeNumber(1, 100);
  assert.is(parse('1'), 1);
  assert.is(parse('100'), 100);
  assert.is(parse('007'), 7);
  assert.is(parse('1e2'), 100);
  assert.is(parse('1.5E+1'), 15);
  for (const text of [
    '',
    ' ',
    '0',
    '101',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '1.55e1',
    '1e-1',
    'e1',
    '0x1',
    'NaN',
    'Infinity',
    '٣',
  ]) {
    refuses(() => parse(text), InvalidArgumentError);
  }
});

test('widths are separated by commas or hyphens', () => {
  assert.equal(widths('64,32'), [64, 32]);
  assert.equal(widths('64-32'), [64, 32]);
  assert.equal(widths('7'), [7]);
  for (const text of ['', '64,', '64,,64', '0', '64x64']) refuses(() => widths(text), InvalidArgumentError);
});

test('lists of names hold no empty name', () => {
  assert.equal(nameList('a, b,c:d'), ['a', 'b', 'c:d']);
  for (const text of ['', 'a,', ',a']) refuses(() => nameList(text), InvalidArgumentError);
});

test('backends are known by name', () => {
  for (const name of ['auto', 'cpu', 'wasm', 'webgpu']) assert.is(backendChoice(name), name);
  for (const name of ['', 'CPU', 'all', '__proto__']) refuses(() => backendChoice(name), UsageError);
});

test('axes of scaling are names or all, each once', () => {
  assert.equal(scalingAxisList('width, batch,width'), ['width', 'batch']);
  assert.equal(scalingAxisList('all'), ['samples', 'batch', 'width', 'depth', 'actions']);
  refuses(() => scalingAxisList('height'), UsageError);
  refuses(() => scalingAxisList('batch,'), InvalidArgumentError);
});

test('milliseconds are a number above 0', () => {
  assert.is(milliseconds('0.5'), 0.5);
  assert.is(milliseconds('1e3'), 1000);
  for (const text of ['', ' ', '0', '-1', 'NaN', 'Infinity', '5ms']) {
    refuses(() => milliseconds(text), InvalidArgumentError);
  }
});

test('versions name the package, the runtime and its engine', () => {
  const facts = versions();
  assert.is(facts.node, process.versions.node);
  assert.is(facts.v8, process.versions.v8);
  assert.match(facts.divergrad, /^\d+\.\d+\.\d+/);
});

test.run();
