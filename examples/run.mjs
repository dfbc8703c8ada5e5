// Runs examples against the package as it is built: `node build.mjs examples [NAME…]`, all when none is named.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));

/** Names of the examples that run in Node. */
export const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();

/**
 * Takes the types out of examples. In dist/, 'divergrad' is this package itself, by its "exports".
 * @returns files to run with Node, by name
 */
export async function prepare(wanted = names) {
  const esbuild = await import('esbuild');
  const out = join(folder, '../dist/examples');
  await esbuild.build({
    entryPoints: wanted.map((name) => join(folder, `${name}.ts`)),
    outdir: out,
    format: 'esm',
    target: 'es2022',
  });
  return new Map(wanted.map((name) => [name, join(out, `${name}.js`)]));
}
