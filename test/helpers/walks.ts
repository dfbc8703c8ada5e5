// The walks of docs/architecture.md as changes of files: what their blocks add is added, word for word.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';

export interface Change {
  readonly file: string;
  /** What stands there once, and what stands there afterwards; a new file has no `before`. */
  readonly before?: string;
  readonly after: string;
}

export interface Walk {
  /** Its heading: `Add a pass`. */
  readonly title: string;
  readonly changes: readonly Change[];
}

const lines = (text: string, marks: string): string =>
  text
    .split('\n')
    .filter((line) => marks.includes(line[0]))
    .map((line) => `${line.slice(1)}\n`)
    .join('');

/** A ts block after a file's name and a colon is that file; a diff block has hunks `@@ file` of context, − and + lines. */
function changesOf(text: string): Change[] {
  const blocks = [...text.matchAll(/(?:`([\w./-]+\.ts)`:\n\n)?^```(ts|diff)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, file, kind, body]): Change[] => {
    if (kind === 'ts') return file === undefined ? [] : [{ file, after: body }];
    return [...body.matchAll(/^@@ (\S+)\n((?:[ +-].*\n)+)/gm)].map(([, changed, hunk]) => ({
      ...{ file: changed, before: lines(hunk, ' -'), after: lines(hunk, ' +') },
    }));
  });
}

export const walksOf = (document: string): Walk[] =>
  document
    .split(/^## /m)
    .slice(1)
    .map((section) => ({ title: section.split('\n', 1)[0], changes: changesOf(section) }));

/** Makes the changes in a copy of the sources. @throws where what is to be changed does not stand there once */
export function follow({ title, changes }: Walk, folder: string): void {
  for (const { file, before, after } of changes) {
    const path = join(folder, file);
    const text = before === undefined ? '' : readFileSync(path, 'utf8');
    if (before !== undefined)
      assert.is(text.split(before).length - 1, 1, `${title}: ${file} does not hold once\n${before}`);
    writeFileSync(path, before === undefined ? after : text.replace(before, () => after));
  }
}
