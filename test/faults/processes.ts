// Processes of a try: started in a group and with a mark of their own, so that every one that they start is known.
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { cliFile } from '../helpers/process.ts';

const MARK = 'DIVERGRAD_FAULTS';

export interface StartOptions {
  readonly folder: string;
  readonly mark: string;
  /** The built command line. */
  readonly cli?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What a shell does before it becomes the command, as `ulimit -f 1; `; and after its words, as ` >&-`. */
  readonly shell?: readonly [before: string, after: string];
  /** Of standard input, output and error; `pipe` is read. */
  readonly stdio?: readonly [input: 'ignore' | number, output: 'pipe' | number, error: 'pipe' | number];
  /** Bytes of an output after which its reader goes away. */
  readonly readers?: readonly [output: number, error: number];
}

export interface Ended {
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  readonly hung: boolean;
}

const isRunning = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
  } catch {
    return false;
  }
};

/** Numbers of the processes with a mark that still run; none where the system does not tell. */
export function markedProcesses(mark: string): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${mark}\0`) && isRunning(pid);
    } catch {
      return false;
    }
  });
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile
  }
}

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Ends all processes with a mark, and tells which still ran after a patience. */
export async function leftOver(mark: string, patienceMs: number): Promise<number[]> {
  const begun = performance.now();
  let left = markedProcesses(mark);
  for (
    let wait = 10;
    left.length > 0 && performance.now() - begun < patienceMs;
    wait = Math.min(2 * wait, 500)
  ) {
    await pause(wait);
    left = markedProcesses(mark);
  }
  for (const pid of left) send(pid, 'SIGKILL');
  return left;
}

/** A command line that runs. */
export class Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly mark: string;
  isOver = false;
  private stdout = '';
  private stderr = '';

  constructor(args: readonly string[], options: StartOptions, patienceMs: number) {
    const { folder, mark, cli = cliFile, env, shell, stdio = ['ignore', 'pipe', 'pipe'], readers } = options;
    this.mark = mark;
    const words = [process.execPath, resolve(cli), ...args];
    const [program, ...rest] = shell
      ? ['/bin/sh', '-c', `${shell[0]}exec "$0" "$@"${shell[1]}`, ...words]
      : words;
    const begun = performance.now();
    this.child = spawn(program, rest, {
      cwd: folder,
      detached: true,
      stdio: [...stdio] as StdioOptions,
      env: { ...process.env, ...env, [MARK]: mark },
    });
    for (const [i, name] of (['stdout', 'stderr'] as const).entries()) {
      const stream = this.child[name];
      const most = readers?.[i] ?? Number.POSITIVE_INFINITY;
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        if (this[name].length >= most) stream.destroy();
      });
      stream?.on('error', () => undefined);
      if (most === 0) stream?.destroy();
    }
    this.ended = new Promise((settle) => {
      let hung = false;
      const deadline = setTimeout(() => {
        hung = true;
        for (const pid of markedProcesses(mark)) send(pid, 'SIGKILL');
        this.child.kill('SIGKILL');
      }, patienceMs);
      const over = (code: number | null, signal: NodeJS.Signals | null) => {
        if (this.isOver) return;
        this.isOver = true;
        clearTimeout(deadline);
        // What its children still say is not waited for.
        setTimeout(() => {
          const { stdout, stderr } = this;
          const shown = code ?? 128 + (signal ? constants.signals[signal] : 0);
          settle({ code: shown, signal, stdout, stderr, ms: performance.now() - begun, hung });
        }, 5);
      };
      this.child.on('close', over);
      this.child.on('exit', (code, signal) => setTimeout(() => over(code, signal), 300));
      this.child.on('error', () => over(127, null));
    });
  }

  /** Signals the process itself, one that it has started, or all. @param which chooses among several, from 0 to 1 */
  strike(target: 'parent' | 'child' | 'all', signal: NodeJS.Signals, which = 0): void {
    const { pid } = this.child;
    if (pid === undefined || this.isOver) return;
    const children = target === 'child' ? markedProcesses(this.mark).filter((each) => each !== pid) : [];
    const one = children[Math.floor(which * children.length)] ?? pid;
    send(target === 'all' ? -pid : one, signal);
  }
}

/** Whether this user may mount file systems here. */
export const canMount = (() => {
  let known: boolean | undefined;
  return (folder: string): boolean => {
    if (known === undefined) {
      known = mount(folder, 64);
      if (known) unmount(folder);
    }
    return known;
  };
})();

/** @param kilobytes of the file system in memory */
export const mount = (folder: string, kilobytes: number): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder], { stdio: 'ignore' })
    .status === 0;
export const remount = (folder: string, options: string): boolean =>
  spawnSync('mount', ['-o', `remount,${options}`, folder], { stdio: 'ignore' }).status === 0;
export const unmount = (folder: string): boolean =>
  spawnSync('umount', ['-l', folder], { stdio: 'ignore' }).status === 0;
