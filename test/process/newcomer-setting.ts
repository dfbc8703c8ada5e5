// The README as a newcomer follows it: a copy of the sources with the divergence that its walk adds.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';
import * as assert from 'uvu/assert';
import { type Ended, run } from '../helpers/process.ts';

/** The TypeScript blocks of the README: the example, the new file, the registry's line. */
export const [example, newFile, newLine] = [
  ...readFileSync('README.md', 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm),
].map(([, body]) => body);

export const copy = mkdtempSync(join(tmpdir(), 'divergrad-newcomer-'));

/** Copies the sources and makes the changes of the walk. */
export async function prepare(): Promise<void> {
  for (const part of [
    'src',
    'shaders',
    'build.mjs',
    'package.json',
    'tsconfig.json',
    'test/runner',
    'dist/wasm',
  ])
    if (existsSync(part)) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'), 'junction');
  writeFileSync(join(copy, 'example.ts'), example);
  const registry = join(copy, 'src/divergences/registry.ts');
  writeFileSync(join(copy, 'src/divergences/neyman.ts'), newFile);
  const text = readFileSync(registry, 'utf8');
  const begin = 'export const estimators: readonly Estimator[] = [\n';
  assert.ok(text.includes(begin), 'the registry is not where it was');
  writeFileSync(
    registry,
    `import { neyman } from './neyman.ts';\n${text.replace(begin, `${begin}${newLine}`)}`,
  );
  const options: BuildOptions = (await import(pathToFileURL(join(copy, 'build.mjs')).href)).nodeOptions;
  const esbuild = await import('esbuild');
  const library = join(copy, 'src/index.ts');
  const build = (entry: string, outfile: string) =>
    esbuild.build({ ...options, alias: { divergrad: library }, entryPoints: [join(copy, entry)], outfile });
  await Promise.all([
    build('src/cli/main.ts', join(copy, 'cli.mjs')),
    build('src/index.ts', join(copy, 'index.mjs')),
    build('example.ts', join(copy, 'example.mjs')),
  ]);
}

export const remove = (): void => rmSync(copy, { recursive: true, force: true });

export const node = (...args: string[]): Promise<Ended> => run(process.execPath, args, { cwd: copy });
export const divergrad = (...args: string[]) => node('cli.mjs', ...args);

export const added = ['neyman/score', 'neyman/pathwise', 'neyman/exact'];
