import Table from 'cli-table3';
import { type Command, InvalidArgumentError } from 'commander';
import { streamVersion } from '../math/streams.ts';
import { realpath, stat, writeFile } from '../study/runs/files.ts';
import { number } from '../study/runs/kinds.ts';
import { loadPlugins } from '../study/runs/plugins.ts';
import { settingsTable } from '../study/runs/settings.ts';
import { writeWhole } from '../study/runs/whole-file.ts';
import { version } from '../version.ts';
import { optionOf, parserOf } from './setting-options.ts';

/** Options that every command has besides its own. */
export interface CommonOptions {
  readonly seed: number;
  /** Files of plugins. */
  readonly plugin?: readonly string[];
  readonly debug?: boolean;
}

/** Adds `--seed`, `--plugin` and `--debug`, which every command has; `--json` differs between commands. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(optionOf('seed'))
    .option(
      '--plugin <file>',
      'load a module that registers estimators, distributions or environments; again for more',
      (file: string, files: readonly string[] = []) => [...files, file],
    )
    .option('--debug', 'print stack traces of errors')
    .hook('preAction', (_, asked) => loadPlugins(asked.opts<CommonOptions>().plugin ?? []));
}

/** Adds `--json` as a switch: the result as one JSON document on standard output instead of text. */
export const withJsonSwitch = (command: Command): Command =>
  command.option('--json', 'print the result as JSON on standard output');

/** Parses an option's value as a whole number within bounds. */
export const wholeNumber = (from: number, to: number): ((text: string) => number) =>
  parserOf(number({ whole: true, from, to }));

/** Parses `64,64` (or `64-64`) as layer widths. */
export const widths = parserOf(settingsTable.hidden.kind);

/** Parses `a,b,c`. */
export function nameList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InvalidArgumentError('It must be names separated by commas.');
  return names;
}

/** Parses the name of a backend, or `auto`. @throws UsageError naming the known ones */
export const backendChoice = parserOf(settingsTable.backend.kind);

/** What a run depends on: this package, the runtime and its engine. */
export function versions(): Record<string, string> {
  const deno = (globalThis as { Deno?: { version: { deno: string; v8: string } } }).Deno;
  return {
    divergrad: version,
    ...(deno ? { deno: deno.version.deno } : { node: process.versions.node }),
    v8: deno ? deno.version.v8 : process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    'random streams': String(streamVersion),
  };
}

/** What a result was made with: the versions, and the arguments that give it again. */
export const making = () => ({ versions: versions(), command: process.argv.slice(2) });

/**
 * Writes a result whole or not at all; a device or a pipe is written to as it is.
 *
 * @throws FileError naming the file
 */
export async function writeResult(file: string, text: string): Promise<void> {
  const held = await stat(file).catch(() => undefined);
  if (held && !held.isFile()) await writeFile(file, text);
  else await writeWhole(held ? await realpath(file) : file, text);
}

/** A table without borders, which fits a terminal and can be cut into columns. */
export function compactTable(head: string[], align: 'left' | 'right' = 'right', gap = ' '): Table.Table {
  const none = Object.fromEntries(
    [
      ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
      ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
    ].map((place) => [place, '']),
  );
  return new Table({
    head,
    chars: { ...none, middle: gap },
    colAligns: head.map((_, i) => (i === 0 ? 'left' : align)),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
}

/** Three digits, and no more places than they need. */
export const fixed = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
