// Arguments drawn at random, none of which gets as far as work that takes long.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';

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

interface Outcome {
  readonly code: number;
  readonly stderr: string;
}

/** Whatever the arguments are, a command ends with a code that is told, without a stack trace, and leaves no file elsewhere. */
export async function endsWell(
  run: (args: string[], cwd: string) => Promise<Outcome>,
  numRuns: number,
): Promise<void> {
  const parent = mkdtempSync(join(tmpdir(), 'divergrad-arguments-'));
  const cwd = join(parent, 'here');
  mkdirSync(cwd);
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...commands),
        fc.array(argument, { maxLength: 5 }),
        async (command, rest) => {
          const args = [command, ...rest, '--no-such-option'].map((text) => text.replaceAll('\0', ''));
          const { code, stderr } = await run(args, cwd);
          const what = JSON.stringify(args);
          // After `--` the last word is an operand: a file that is not there.
          const known = args.includes('--') ? [0, 1, 2] : [0, 2];
          assert.ok(known.includes(code), `${what}: code ${code}, ${stderr}`);
          assert.not.match(stderr, /unexpected:|\n {4}at /, what);
          assert.equal(readdirSync(parent), ['here'], what);
        },
      ),
      { numRuns, seed: 11 },
    );
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
