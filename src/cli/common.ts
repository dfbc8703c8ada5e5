import { realpath, stat, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import cliProgress from 'cli-progress';
import Table from 'cli-table3';
import { type Command, InvalidArgumentError } from 'commander';
import { type BackendChoice, backendNames } from '../backend/select.ts';
import { DataError, unknownName } from '../errors.ts';
import { streamVersion } from '../math/streams.ts';
import { writeWhole } from '../study/run-folder.ts';
import { printable } from '../study/text.ts';
import { version } from '../version.ts';

/** Options that every command has besides its own. */
export interface CommonOptions {
  readonly seed: number;
  readonly debug?: boolean;
}

/** Adds `--seed` and `--debug`, which every command has; `--json` differs between commands. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--seed <n>', 'seed of every random number', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--debug', 'print stack traces of errors');
}

/** Adds `--json` as a switch: the result as one JSON document on standard output instead of text. */
export const withJsonSwitch = (command: Command): Command =>
  command.option('--json', 'print the result as JSON on standard output');

/** Parses an option's value as a whole number within bounds. */
export function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) {
      throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

/** Parses `64,64` (or `64-64`) as layer widths. */
export function widths(text: string): number[] {
  return text.split(/[,-]/).map((part) => wholeNumber(1, 65_536)(part.trim()));
}

/** Parses `a,b,c`. */
export function nameList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InvalidArgumentError('It must be names separated by commas.');
  return names;
}

/** Parses the name of a backend, or `auto`. @throws UsageError naming the known ones */
export function backendChoice(text: string): BackendChoice {
  const known: readonly BackendChoice[] = ['auto', ...backendNames];
  const found = known.find((name) => name === text);
  if (!found) throw unknownName('backend', text, known);
  return found;
}

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
 * @throws DataError naming the file
 */
export async function writeResult(file: string, text: string): Promise<void> {
  try {
    const held = await stat(file).catch(() => undefined);
    if (held && !held.isFile()) await writeFile(file, text);
    else await writeWhole(held ? await realpath(file) : file, text);
  } catch (cause) {
    throw new DataError(`Cannot write '${file}': ${(cause as Error).message}.`, { cause });
  }
}

/** Ctrl-C and the request to end, for commands with something to save first; the second one ends at once. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Takes the place of an interrupt, as when the parent process has gone. */
  interrupt(): void;
  /** Gives the signals back, and sets the exit code that a shell would report if one came. */
  end(): void;
}

export function interruption(): Interruption {
  const stop = new AbortController();
  const names = ['SIGINT', 'SIGTERM'] as const;
  let exitCode = 128 + constants.signals.SIGINT;
  const end = () => {
    for (const name of names) process.removeListener(name, interrupt);
  };
  const interrupt = (name: NodeJS.Signals) => {
    exitCode = 128 + constants.signals[name];
    stop.abort();
    end();
  };
  for (const name of names) process.on(name, interrupt);
  return {
    signal: stop.signal,
    interrupt: () => stop.abort(),
    end: () => {
      end();
      if (stop.signal.aborted) process.exitCode = exitCode;
    },
  };
}

/** The reader of standard output has gone, as with `| head`: a reason to end quietly. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

let outputClosed = false;

/** Keeps a closed pipe from being an uncaught error; the next {@link print} ends the command instead. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    outputClosed = true;
  });
}

/** Writes a line to standard output. @throws OutputClosed when nobody reads it any more */
export function print(line: string): void {
  checkOutput();
  process.stdout.write(`${printable(line)}\n`);
}

/** Writes a line to standard error. */
export const warn = (line: string): void => void process.stderr.write(`${printable(line)}\n`);

/** @throws OutputClosed when nobody reads standard output any more */
export function checkOutput(): void {
  if (outputClosed) throw new OutputClosed();
}

/** A progress bar on a terminal's standard error; nothing in a pipe. */
export interface Progress {
  /** @param done from 0 to 1 */
  update(done: number, text: string): void;
  stop(): void;
}

export function progressBar(title: string): Progress {
  if (process.stderr.isTTY !== true) return { update: checkOutput, stop: () => undefined };
  const bar = new cliProgress.SingleBar({
    format: `${title} [{bar}] {percentage}% {text}`,
    stream: process.stderr,
    barsize: 24,
    clearOnComplete: true,
    hideCursor: false,
    gracefulExit: false, // its handler would keep Ctrl-C from ending the process
  });
  bar.start(1, 0, { text: '' });
  return {
    update: (done, text) => {
      checkOutput();
      bar.update(Math.min(1, done), { text });
    },
    stop: () => bar.stop(),
  };
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
