// The command line at a terminal, without one: both outputs lead to one file, and pass for a terminal's.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliFile, until } from '../helpers/process.ts';
import { Screen } from '../helpers/screen.ts';

export interface Session {
  readonly code: number;
  /** All that was written, in its order. */
  readonly bytes: string;
  readonly rows: readonly string[];
}

/**
 * Runs the built command line at a terminal of so many columns.
 *
 * @param interrupt Ctrl-C is pressed once this is written
 * @param watch sees the row that is written to, after each character
 */
export async function atTerminal(
  columns: number,
  args: readonly string[],
  { interrupt, watch }: { interrupt?: RegExp; watch?: (row: string) => void } = {},
): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-terminal-'));
  const file = join(folder, 'bytes');
  const output = openSync(file, 'a');
  try {
    const child = spawn(process.execPath, ['--import', './test/helpers/terminal.mjs', cliFile, ...args], {
      env: { ...process.env, TEST_COLUMNS: String(columns) },
      stdio: ['ignore', output, output],
    });
    const ended = new Promise<number>((settle, fail) => {
      child.on('error', fail);
      child.on('close', (code) => settle(code ?? -1));
    });
    if (interrupt) {
      let over = false;
      void ended.then(() => {
        over = true;
      });
      await until(
        () => over || interrupt.test(readFileSync(file, 'utf8')),
        `${interrupt} of ${args.join(' ')}`,
      );
      child.kill('SIGINT');
    }
    const code = await ended;
    const bytes = readFileSync(file, 'utf8');
    return { code, bytes, rows: new Screen(columns).feed(bytes, watch).rows };
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true });
  }
}
