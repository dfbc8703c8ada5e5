// The faults that are injected find what is wrong: with a fault planted in the built command line there are findings.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { useForMounts } from '../faults/faults.ts';
import { plants } from '../faults/plants.ts';
import { Tries } from '../faults/tries.ts';
import { buildEdited } from '../helpers/edited-cli.ts';

/** Beside the other builds, which find their packages from there. */
const built = mkdtempSync(join('dist', 'planted-'));
const base = mkdtempSync(join(tmpdir(), 'divergrad-faults-test-'));
test.after(() => {
  for (const folder of [built, base]) rmSync(folder, { recursive: true, force: true });
});
mkdirSync(join(base, 'mount'));
useForMounts(join(base, 'mount'));

/** More than each needs. */
const MOST = 60;

for (const { name, kind, fault, found, ...edit } of plants)
  test(`found: ${name}`, async () => {
    const cli = join(built, 'cli.js');
    await buildEdited(cli, [edit]);
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
