// The command line built of sources that are changed on the way, each where a text stands exactly once.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';

export interface Edit {
  /** From the root of the repository, as `src/cli/main.ts`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The changed sources by their path. @throws Error where a text to replace does not stand in its file exactly once */
export function editedSources(edits: readonly Edit[]): Map<string, string> {
  const edited = new Map<string, string>();
  for (const { file, from, to } of edits) {
    const path = resolve(file);
    const text = edited.get(path) ?? readFileSync(path, 'utf8');
    const times = text.split(from).length - 1;
    if (times !== 1) throw new Error(`${file}: '${from}' stands there ${times} times, not once`);
    edited.set(
      path,
      text.replace(from, () => to),
    );
  }
  return edited;
}

export async function buildEdited(outfile: string, edits: readonly Edit[]): Promise<void> {
  const edited = editedSources(edits);
  const { nodeOptions } = (await import(pathToFileURL(resolve('build.mjs')).href)) as {
    nodeOptions: BuildOptions;
  };
  const esbuild = await import('esbuild');
  await esbuild.build({
    ...nodeOptions,
    entryPoints: ['src/cli/main.ts'],
    outfile,
    plugins: [
      {
        name: 'edited sources',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const contents = edited.get(path);
            return contents === undefined ? undefined : { contents, loader: 'ts' };
          }),
      },
    ],
  });
}
