// Examples run in Node against the built package, which they find by its own name.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import type { Example } from '../helpers/examples.ts';
import { run } from '../helpers/process.ts';

const { prepare } = (await import(pathToFileURL(join(process.cwd(), 'examples/run.mjs')).href)) as {
  prepare(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
};

/** Runs an example: it ends well, and prints what it should. */
export async function runExample({ file, says }: Example): Promise<void> {
  const name = file.replace(/^examples\/|\.ts$/g, '');
  const prepared = (await prepare([name])).get(name);
  assert.ok(prepared);
  const { code, stdout, stderr } = await run(process.execPath, [prepared]);
  assert.is(code, 0, stderr);
  assert.match(stdout, says);
}
