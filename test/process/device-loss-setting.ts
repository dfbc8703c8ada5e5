// Commands on a GPU whose device is destroyed in the middle.
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { cli } from '../helpers/process.ts';

const preload = pathToFileURL(join(process.cwd(), 'test/helpers/lose-device.mjs')).href;
export const folder = mkdtempSync(join(tmpdir(), 'divergrad-loss-'));

/** @param loseAfter submits, after which the device is destroyed */
export async function run(args: readonly string[], loseAfter?: number) {
  const lost = join(folder, `lost-${loseAfter}-${args[0]}`);
  const { code, stderr } = await cli(args, {
    env:
      loseAfter === undefined
        ? {}
        : {
            NODE_OPTIONS: `--import ${preload}`,
            DIVERGRAD_TEST_LOSE_AFTER: String(loseAfter),
            DIVERGRAD_TEST_LOST: lost,
          },
  });
  assert.is(code, 0, stderr);
  return { stderr, losses: existsSync(lost) ? readFileSync(lost, 'utf8').trim().split('\n').length : 0 };
}

/** What a run measured and learned, without times. */
export function outcome(path: string) {
  const read = (file: string) => JSON.parse(readFileSync(join(path, file), 'utf8'));
  const evaluations = read('result.json').evaluations.map(
    ({ seconds: _seconds, ...rest }: { seconds: number }) => rest,
  );
  return { evaluations, parameters: read('policy.json').parameters };
}
