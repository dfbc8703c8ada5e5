// The faults that are injected find what is wrong: with a fault planted in the built command line there are findings.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { useForMounts } from '../faults/faults.ts';
import type { Kind } from '../faults/scenarios.ts';
import { Tries } from '../faults/tries.ts';

/** Beside the other builds, which find their packages from there. */
const built = mkdtempSync(join('dist', 'planted-'));
const base = mkdtempSync(join(tmpdir(), 'divergrad-faults-test-'));
test.after(() => {
  for (const folder of [built, base]) rmSync(folder, { recursive: true, force: true });
});
mkdirSync(join(base, 'mount'));
useForMounts(join(base, 'mount'));

interface Planted {
  readonly name: string;
  readonly from: RegExp;
  readonly to: string;
  /** Which tries are to find it. */
  readonly kind: Kind;
  readonly fault: string;
  readonly found: RegExp;
}

const faults: readonly Planted[] = [
  {
    name: 'what does not fit on the disk is left out',
    ...{ from: /await writeAll\(handle\w*, piece\)/, to: '$&.catch(() => undefined)' },
    ...{ kind: 'train', fault: 'at write', found: /differs at|missing|refuses/ },
  },
  {
    name: 'errors of files have no type',
    from: /throw fileError\(path\w*, doing, error\);/,
    to: "if (error.code !== 'ENOENT') throw new Error(error.message);\n$&",
    ...{ kind: 'train', fault: 'EIO at file call', found: /an error without a type/ },
  },
  {
    name: 'a thread that ends is told without a type',
    ...{ from: /new EnvironmentError\(`A worker of/, to: 'new Error(`A worker of' },
    ...{ kind: 'train', fault: 'thread', found: /an error without a type/ },
  },
  {
    name: 'remarks that cannot be written stop a command',
    ...{ from: /if \(output === this\.host\.stderr && !this\.areOne\(\)\) return;/, to: '' },
    ...{ kind: 'study', fault: 'standard error: /dev/full', found: /for what changes nothing/ },
  },
  {
    name: 'locks stay',
    ...{ from: /const withdraw = \(\) => rm\w*\(claim\);/, to: 'const withdraw = async () => {};' },
    ...{ kind: 'train', fault: 'SIGTERM', found: /left after the disturbed command: .*run\.lock/ },
  },
  {
    name: 'a result that was changed is taken as it is',
    ...{ from: /if \(checksum === checksumOf\(rest\)\) return;/, to: 'return;' },
    ...{ kind: 'study', fault: 'a bit flipped in', found: /silent difference/ },
  },
];

/** More than each needs. */
const MOST = 60;

for (const { name, from, to, kind, fault, found } of faults)
  test(`found: ${name}`, async () => {
    const source = readFileSync('dist/cli.js', 'utf8');
    const cli = join(built, 'cli.js');
    assert.match(source, from);
    writeFileSync(cli, source.replace(from, to));
    copyFileSync('dist/environment-worker.js', join(built, 'environment-worker.js'));
    const tries = new Tries(mkdtempSync(join(base, 'try-')), 5, { kind, fault, cli });
    const told: string[] = [];
    for (let number = 0; number < MOST && !told.some((text) => found.test(text)); number++) {
      const { finding } = await tries.attempt(number);
      told.push(...(finding?.problems ?? []));
    }
    assert.ok(
      told.some((text) => found.test(text)),
      told.join('\n'),
    );
  });

test('nothing is found where nothing is planted, and a try repeats by its number', async () => {
  const folder = mkdtempSync(join(base, 'sound-'));
  const [first, again] = [new Tries(join(folder, 'a'), 9), new Tries(join(folder, 'b'), 9)];
  for (const number of [3, 0]) {
    const { told, finding } = await first.attempt(number);
    assert.is(finding, undefined);
    const repeated = (await again.attempt(number)).told;
    // Moments depend on how fast the machine is, and so does the number of calls.
    const timeless = (text: string) => text.replace(/[\d.]+ ms|call \d+|[\d.]+ %/g, '#');
    assert.is(timeless(repeated), timeless(told));
  }
});

test.run();
