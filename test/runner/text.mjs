// What a failure looks like on the terminal: without control characters, with positions in the sources.
import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join } from 'node:path';
import { below, root } from './bundles.mjs';

const sourceMaps = new Map();
function sourceMap(file) {
  if (!sourceMaps.has(file)) {
    const path = join(root, `${file}.map`);
    sourceMaps.set(
      file,
      existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined,
    );
  }
  return sourceMaps.get(file);
}

/** Points the positions in a stack trace at the sources. */
function atSource(text) {
  return text.replace(
    /(?:file:\/\/|https?:\/\/[^/\s]+\/)?[^\s()]*?(dist\/[^\s():]+\.js)(?:\?[^\s:]*)?:(\d+):(\d+)/g,
    (whole, file, line, column) => {
      const entry = sourceMap(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry?.originalSource) return whole;
      const source = below(join(root, dirname(file), entry.originalSource));
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    },
  );
}

/** Without colours and control characters, and without the frames of the runner itself. */
export function readable(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours and control characters
  const plain = text.replace(/\u001b\[[\d;]*m/g, '').replace(/[\u0000-\u0008\u000b-\u001f]/g, '');
  const internal = /^\s*at .*(test\/runner\/|node_modules\/uvu\/|node:internal|<anonymous>)/;
  return atSource(plain)
    .split('\n')
    .filter((line) => !internal.test(line))
    .join('\n');
}

export const indent = (text) => text.replace(/\s+$/, '').replace(/^/gm, '       ');

/** The end of a text, and how much was left out. */
export function last(text, lines) {
  const all = text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line.length > 2000 ? `${line.slice(0, 2000)}… ${line.length - 2000} characters more` : line,
    );
  return (all.length > lines ? [`… ${all.length - lines} lines more`, ...all.slice(-lines)] : all).join('\n');
}
