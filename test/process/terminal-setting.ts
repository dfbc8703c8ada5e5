// The command line at a terminal, without one: both outputs lead to one file, and pass for a terminal's.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cliFile, until } from '../helpers/process.ts';
import { Screen } from '../helpers/screen.ts';

const preload = pathToFileURL('test/helpers/terminal.mjs').href;

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
 * @param cwd where it runs
 * @param watch sees the row that is written to, after each character
 */
export async function atTerminal(
  columns: number,
  args: readonly string[],
  { interrupt, watch, cwd }: { interrupt?: RegExp; watch?: (row: string) => void; cwd?: string } = {},
): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-terminal-'));
  const file = join(folder, 'bytes');
  const output = openSync(file, 'a');
  try {
    const child = spawn(process.execPath, ['--import', preload, resolve(cliFile), ...args], {
      cwd,
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

/** The words of the commands that docs/terminal.md shows. */
const TRAIN =
  'train --env pendulum --backend cpu --hidden 16 --batch 16 --warmup 100 --steps 1e3 --evaluate-every 500';
const KEPT = `${TRAIN} --out runs/first`;

/** What is shown, how wide the terminal is, what is typed, and when Ctrl-C is pressed. */
const sessions: readonly (readonly [title: string, columns: number, command: string, interrupt?: RegExp])[] =
  [
    ['Under way, at 60 columns', 60, TRAIN],
    ['Under way, at 120 columns', 120, TRAIN],
    ['Ctrl-C, at 60 columns', 60, KEPT, /step +500 /],
    ['The policy so far, at 60 columns', 60, 'play runs/first --episodes 2 --backend cpu'],
    ['The same command again, at 120 columns', 120, KEPT],
    ['No environment, at 60 columns', 60, 'train'],
    ['A name of another library, at 60 columns', 60, 'train --env pendulum --distribution normal'],
  ];

/** The screen when progress is drawn under the first evaluation. */
function underWay(bytes: string, columns: number): readonly string[] {
  const drawn = bytes.indexOf('%', bytes.indexOf('criticLoss'));
  return new Screen(columns).feed(bytes.slice(0, bytes.indexOf('\x1b', drawn))).rows;
}

/** docs/terminal.md: the sessions as blocks of text. @param cwd a folder where they run */
export async function terminalDocument(cwd: string): Promise<string> {
  const blocks: string[] = [];
  for (const [title, columns, command, interrupt] of sessions) {
    const { bytes, rows } = await atTerminal(columns, command.split(' '), {
      cwd,
      ...(interrupt ? { interrupt } : {}),
    });
    const shown = title.startsWith('Under way') ? underWay(bytes, columns) : rows;
    blocks.push(`## ${title}\n\n\`\`\`\n$ divergrad ${command}\n${shown.join('\n').trimEnd()}\n\`\`\`\n`);
  }
  return `# Terminal sessions

What a terminal shows, row by row, as \`node build.mjs sessions\` reads it from the bytes that the command writes. Times and
the step at which Ctrl-C is pressed are this machine's.

${blocks.join('\n')}`;
}
