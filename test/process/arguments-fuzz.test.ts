// Arguments drawn at random: whatever they are, the command line ends soon, with a code that is told, and without a
// stack trace.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = resolve(process.env.DIVERGRAD_CLI ?? 'dist/cli.js');
const parent = mkdtempSync(join(tmpdir(), 'divergrad-arguments-'));
test.after(() => rmSync(parent, { recursive: true, force: true }));

const commands = [
  'train',
  'bench',
  'verify',
  'play',
  'matrix',
  'quality',
  'study',
  'throughput',
  'doctor',
  'x',
];
const flags = [
  '--env',
  '--seed',
  '--steps',
  '--hidden',
  '--batch',
  '--out',
  '--backend',
  '--estimator',
  '--json',
];
const values = [
  'pendulum',
  '-1',
  '1e9',
  'NaN',
  '',
  '__proto__',
  '../x',
  '64,0',
  'cpu',
  '0x10',
  '--',
  '\u0007',
  '☃',
];
// Without a task or a whole number of steps no command of these gets as far as work that takes long.
const argument = fc.oneof(fc.constantFrom(...flags), fc.constantFrom(...values), fc.string({ maxLength: 8 }));

test('no arguments end in a crash, a hang or files elsewhere', () => {
  const folder = join(parent, 'here');
  spawnSync('mkdir', [folder]);
  fc.assert(
    fc.property(fc.constantFrom(...commands), fc.array(argument, { maxLength: 5 }), (command, rest) => {
      const args = [command, ...rest, '--no-such-option'].map((text) => text.replaceAll('\0', ''));
      const ended = spawnSync(process.execPath, [cli, ...args], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 20_000,
      });
      const what = JSON.stringify(args);
      assert.is(ended.signal, null, `${what} does not end`);
      assert.ok(ended.status === 0 || ended.status === 2, `${what}: code ${ended.status}, ${ended.stderr}`);
      assert.not.match(ended.stderr, /unexpected:|\n {4}at /, what);
      assert.equal(readdirSync(parent), ['here'], what);
    }),
    { numRuns: 60, seed: 11 },
  );
});

test.run();
