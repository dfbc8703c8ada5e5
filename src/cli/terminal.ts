// What the command line writes, and where: results on standard output, remarks on standard error, and on a terminal one row
// of progress below them, which gives way to every line.

import type { Table } from 'cli-table3';
import { maximum } from '../math/extremes.ts';
import { printable } from '../report/text.ts';
import { ending } from '../study/runs/ending.ts';

/** Columns of the terminal that shows standard output; without end where none does. */
const columnsOf = (stream: NodeJS.WriteStream): number =>
  stream.isTTY === true ? stream.columns || 80 : Number.POSITIVE_INFINITY;

/** Writes a line, with the row of progress out of its way. */
function above(write: () => void): void {
  shown?.erase();
  write();
  shown?.draw();
}

/** Writes a line to standard output. @throws Stopped when nobody reads it any more and nothing is to be saved */
export const print = (line: string): void => above(() => ending.say(`${printable(line)}\n`));

/** Writes a line to standard error, where that can be written. */
export const warn = (text: string): void => {
  const rows = printable(text)
    .split('\n')
    .map((line) => folded(line.split(' '), ' ', columnsOf(process.stderr)));
  above(() => ending.warn(`${rows.join('\n')}\n`));
};

/** A line of parts that are never broken, on as many rows as the terminal needs. */
export const printParts = (parts: readonly string[], gap = '  '): void =>
  print(folded(parts, gap, columnsOf(process.stdout)));

/** A line of words. */
export const printText = (text: string): void => printParts(text.split(' '), ' ');

const INDENT = '    ';

/** Rows of at most so many columns, all but the first indented. A part that is longer has a row of its own. */
export function folded(parts: readonly string[], gap: string, columns: number): string {
  const rows: string[] = [];
  for (const part of parts) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + gap.length + part.length <= columns)
      rows[rows.length - 1] = `${last}${gap}${part}`;
    else rows.push(last === undefined ? part : `${INDENT}${part}`);
  }
  return rows.join('\n');
}

/** A table without the last of its columns where the terminal is too narrow for all, and a line that says which. */
export function printTable(table: Table): void {
  const columns = columnsOf(process.stdout);
  const { options } = table as unknown as { options: { head: string[]; colWidths: number[] } };
  const left: string[] = [];
  const text = () => {
    // The last layout's.
    options.colWidths = [];
    return table.toString();
  };
  let shownText = text();
  while (options.head.length > 2 && maximum(shownText.split('\n').map(({ length }) => length)) > columns) {
    left.unshift(options.head.pop() as string);
    for (const row of table) (row as unknown[]).pop();
    shownText = text();
  }
  print(shownText);
  if (left.length > 0) printText(`  a wider terminal shows ${left.filter(Boolean).join(', ')} too`);
}

/** A row of progress on a terminal's standard error; nothing in a pipe. */
export interface Progress {
  /** @param done from 0 to 1 */
  update(done: number, text: string): void;
  stop(): void;
}

/** The one that is under way. */
let shown: { draw(): void; erase(): void } | undefined;

const BAR = 24;
/** Least time between two drawings. */
const DRAW_MS = 100;
const CLEAR = '\r\x1b[K';

/** `training [====    ]  40%  400 steps` in fewer columns than there are: what fills a row makes some terminals wrap. */
export function progressRow(title: string, done: number, text: string, columns: number): string {
  const percent = `${String(Math.floor(100 * done)).padStart(3)}%`;
  const room = Math.min(BAR, columns - 1 - `${title} [] ${percent}  ${text}`.length);
  const filled = Math.round(room * done);
  const bar = room < 4 ? '' : `[${'='.repeat(filled)}${' '.repeat(room - filled)}] `;
  return `${title} ${bar}${percent}  ${text}`.slice(0, columns - 1).trimEnd();
}

export function progressBar(title: string): Progress {
  if (process.stderr.isTTY !== true) return { update: () => ending.check(), stop: () => undefined };
  let [done, text, last] = [0, '', 0];
  const bar = {
    draw: () => {
      last = performance.now();
      ending.warn(`\r${progressRow(title, done, text, columnsOf(process.stderr))}\x1b[K`);
    },
    erase: () => ending.warn(CLEAR),
  };
  shown = bar;
  bar.draw();
  return {
    update: (nextDone, nextText) => {
      ending.check();
      [done, text] = [Math.min(1, nextDone), nextText];
      if (performance.now() - last >= DRAW_MS) bar.draw();
    },
    stop: () => {
      if (shown !== bar) return;
      shown = undefined;
      bar.erase();
    },
  };
}
