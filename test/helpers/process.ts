// Processes of the tests: started, read to the last byte, and never judged by the clock. One deadline, far beyond any
// work, ends what hangs and says what it was.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';

/** What hangs is ended after this; a machine ten times slower than ours needs less. */
export const patienceSeconds = 600;

export interface Ended {
  /** As a shell reports it: 128 and the signal's number where a signal ended the process. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly cwd?: string;
  /** Added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly patience?: number;
}

const tailOf = (text: string): string => (text.length > 2000 ? `…${text.slice(-2000)}` : text) || '(nothing)';

/** Ends a process and all that it has started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) killGroup(child);
});

/** A process that is under way. */
export class Running {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  private over = false;
  private readonly watchers = new Set<() => void>();

  constructor(
    readonly command: string,
    readonly args: readonly string[],
    { cwd, env, patience = patienceSeconds }: StartOptions = {},
  ) {
    const begun = performance.now();
    // A group of its own, so that its end is the end of what it has started too.
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    running.add(this.child);
    for (const name of ['stdout', 'stderr'] as const)
      this.child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        this.look();
      });
    this.ended = new Promise((settle, fail) => {
      const deadline = setTimeout(() => {
        killGroup(this.child);
        const seconds = ((performance.now() - begun) / 1000).toFixed(0);
        fail(
          new Error(
            `not ended after ${seconds} s: ${this}\nstdout: ${tailOf(this.stdout)}\nstderr: ${tailOf(this.stderr)}`,
          ),
        );
      }, patience * 1000);
      const finish = () => {
        clearTimeout(deadline);
        running.delete(this.child);
        this.over = true;
      };
      this.child.on('error', (error) => {
        finish();
        fail(new Error(`${this} does not start: ${error.message}`));
        this.look();
      });
      this.child.on('close', (code, signal) => {
        finish();
        settle({
          code: code ?? 128 + (signal ? constants.signals[signal] : 0),
          signal,
          stdout: this.stdout,
          stderr: this.stderr,
        });
        this.look();
      });
    });
    // Told where it is awaited.
    this.ended.catch(() => undefined);
  }

  private look(): void {
    for (const watcher of [...this.watchers]) watcher();
  }

  /** Waits for what it prints. @throws Error where it ends without */
  async says(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    let seen = () => {};
    const said = new Promise<void>((done) => {
      seen = () => {
        if (this.over || pattern.test(this[stream])) done();
      };
      this.watchers.add(seen);
      seen();
    });
    await Promise.race([said, this.ended]);
    this.watchers.delete(seen);
    if (!pattern.test(this[stream]))
      throw new Error(`${this} ended without ${pattern}: ${tailOf(this[stream])}\n${tailOf(this.stderr)}`);
  }

  /** Waits until something holds that the process brings about without a word, or until it has ended. */
  async brings(condition: () => boolean): Promise<void> {
    while (!this.over && !condition())
      await Promise.race([this.ended, new Promise((done) => setTimeout(done, 10))]);
  }

  get hasEnded(): boolean {
    return this.over;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it and all that it has started at once, as a machine that stops does. */
  crash(): void {
    killGroup(this.child);
  }

  toString(): string {
    return [this.command, ...this.args].join(' ');
  }
}

/** Runs a program to its end. */
export const run = (command: string, args: readonly string[], options?: StartOptions): Promise<Ended> =>
  new Running(command, args, options).ended;

/** The built command line. */
export const cliFile = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
export const runtimes = {
  node: { command: process.execPath, args: [] },
  deno: {
    command: process.env.DIVERGRAD_DENO ?? 'deno',
    args: ['run', '-A', '--no-config', '--no-remote'],
  },
} as const;
export type Runtime = keyof typeof runtimes;
export const everywhere = Object.keys(runtimes) as Runtime[];

/** A file in a runtime. */
export function startIn(
  runtime: Runtime,
  file: string,
  args: readonly string[],
  options?: StartOptions,
): Running {
  const { command, args: first } = runtimes[runtime];
  return new Running(command, [...first, file, ...args], options);
}

/** Starts the built command line in Node. */
export const startCli = (args: readonly string[], options?: StartOptions): Running =>
  startIn('node', cliFile, args, options);

/** Runs the built command line in Node to its end. */
export const cli = (args: readonly string[], options?: StartOptions): Promise<Ended> =>
  startCli(args, options).ended;

/** Runs it in a runtime to an end of its own. */
export async function cliIn(
  runtime: Runtime,
  args: readonly string[],
  options?: StartOptions,
): Promise<Ended> {
  const ended = await startIn(runtime, cliFile, args, options).ended;
  assert.is(ended.signal, null, `${runtime} ${args.join(' ')} was ended by ${ended.signal}: ${ended.stderr}`);
  return ended;
}

/** Runs it in Node, expects success, and gives what it printed. */
export async function cliOutput(args: readonly string[], options?: StartOptions): Promise<string> {
  const { code, stdout, stderr } = await cli(args, options);
  assert.is(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A folder for the time of its use. */
export async function inFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'divergrad-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Waits for what no event tells. @param what it is, for the error */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const begun = performance.now();
  while (!condition()) {
    if (performance.now() - begun > 1000 * patienceSeconds)
      throw new Error(`waited ${patienceSeconds} s in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
