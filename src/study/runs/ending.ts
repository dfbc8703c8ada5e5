// Who asked this process to stop, and how it ends: signals, a parent that has gone, readers that have gone, errors that
// nobody caught. They come at any moment and in any order, so they are owned in one place, which never throws and never
// writes where it could not write before.
//
// The exit code tells of the result, and standard output is part of that: where it cannot be written the command has failed
// (1), and where its reader has gone that is a request to stop (141). Standard error has remarks: a command goes on without
// them, to the code that its result has, unless both lead to one place, as with 2>&1.
import type { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import { areOneFile } from './files.ts';

interface Output {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** What an ending needs of a process; tests give one of their own. */
export interface Host extends Pick<EventEmitter, 'on' | 'off'> {
  readonly pid: number;
  exitCode?: number | string | null | undefined;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Absent where no parent has a channel to this process. */
  readonly send?: ((message: unknown, ...rest: never[]) => unknown) | undefined;
  readonly connected: boolean;
  disconnect?(): void;
  kill(pid: number, signal: NodeJS.Signals): unknown;
  exit(code: number): void;
}

/** Says an error, and returns its exit code; undefined where it is none. */
type Report = (error: unknown) => number | undefined;

/** Thrown to a command that has nothing to save, where its output or an uncaught error ends it. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** What a parent sends to ask for the end. */
export const stopMessage = { kind: 'divergrad-stop' } as const;

/** Two signals so near are one request: a terminal and `timeout` send theirs to a group and to its members. */
const SAME_REQUEST_MS = 100;
/** A stop that takes longer says that it is being done: large checkpoints take their time to be written. */
const SOON_MS = 300;
/** How long a process may save and end after an error that nobody caught. */
const PATIENCE_MS = 30_000;

const requests = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Request = (typeof requests)[number];
const codeOf = (signal: Request | 'SIGPIPE'): number => 128 + constants.signals[signal];

export class Ending {
  private readonly stop = new AbortController();
  /** The exit code of the first who asked, and of an error, which is above it. */
  private asked: number | undefined;
  private failure: number | undefined;
  private isWhole = false;
  private isOver = false;
  /** A second request ends the process by the system's own way, whatever this thread does. */
  private impatient = false;
  private savers = 0;
  private readonly undone = new Set<() => void>();
  private readonly listening = new Map<Request, () => void>();
  private readonly gone = new Set<Output>();
  /** Whether the result has not been read, or not whole. */
  private isUnread = false;

  /** @param areOne whether standard output and standard error lead to one place */
  constructor(
    private readonly host: Host,
    private readonly areOne: () => boolean,
  ) {}

  /** Aborted once somebody has asked this process to stop. */
  get signal(): AbortSignal {
    return this.stop.signal;
  }

  /**
   * Watches the outputs and the errors that nobody catches.
   *
   * @param report says an error in a line, and returns its exit code
   */
  watch(report: Report): void {
    const { host } = this;
    for (const output of [host.stdout, host.stderr]) output.on('error', (error) => this.lost(output, error));
    for (const event of ['uncaughtException', 'unhandledRejection'])
      host.on(event, (error: unknown) => this.uncaught(error, report));
  }

  /** From here on the parent's end, or its word, is a request to stop. Without a channel to one, nothing. */
  watchParent(): void {
    const { host } = this;
    if (!host.send) return;
    if (!host.connected) this.request('SIGHUP');
    host.on('disconnect', () => this.request('SIGHUP'));
    host.on('message', (message: unknown) => {
      if ((message as { kind?: unknown } | null)?.kind === stopMessage.kind) this.request('SIGINT');
    });
  }

  /** Tells the parent, where there is one still. */
  tell(message: object): void {
    const { host } = this;
    const send = host.send as ((message: object, ...rest: unknown[]) => unknown) | undefined;
    if (host.connected) send?.call(host, message, undefined, undefined, () => undefined);
  }

  /**
   * From here on this process has something to save: a request aborts {@link signal} instead of ending it. The second
   * one ends it at once.
   *
   * @returns what takes that back
   */
  saving(): () => void {
    return this.held(
      () => this.savers++,
      () => this.savers--,
    );
  }

  /** All that was to be done is done: a request to stop comes too late, and changes nothing any more. */
  whole(): void {
    this.isWhole = true;
    if (!this.isUnread) this.asked = undefined;
  }

  /**
   * Undoes something, at once and without waiting, when a request ends this process.
   *
   * @returns what forgets it
   */
  whenKilled(undo: () => void): () => void {
    return this.held(
      () => this.undone.add(undo),
      () => this.undone.delete(undo),
    );
  }

  private held(begin: () => void, end: () => void): () => void {
    let over = false;
    begin();
    this.listen();
    return () => {
      if (over) return;
      over = true;
      end();
      this.listen();
    };
  }

  /** Writes to standard output. @throws Stopped where nobody reads it any more and nothing is to be saved */
  say(text: string): void {
    this.check();
    this.write(this.host.stdout, text);
  }

  /** Writes to standard error, if that can be written. */
  warn(text: string): void {
    this.write(this.host.stderr, text);
  }

  /** @throws Stopped when this process was asked to stop and has nothing to save */
  check(): void {
    if (this.asked !== undefined && this.savers === 0) throw new Stopped();
  }

  /** The exit code of an error that ended the command, if it is one. */
  failed(code: number | undefined): void {
    this.failure ??= code;
    this.settle();
  }

  /** The command has ended: nothing keeps the process any more. */
  end(): void {
    this.isOver = true;
    this.settle();
    if (this.host.connected) this.host.disconnect?.();
  }

  private settle(): void {
    const code = this.failure ?? (this.isOver ? this.asked : undefined);
    if (code !== undefined) this.host.exitCode = code;
  }

  private request(name: Request): void {
    if (!this.isWhole && !this.isOver) this.ask(codeOf(name));
  }

  private ask(code: number): void {
    this.asked ??= code;
    this.stop.abort();
    this.settle();
  }

  /** A parent speaks for its children. */
  private tellStopping(): void {
    if (this.isOver || this.isWhole || this.savers === 0 || this.host.send) return;
    this.warn('divergrad: Stopping, and saving what there is. Asked once more, it ends at once.\n');
  }

  /** Listens to signals only while somebody has something to save or to undo: otherwise the system's own way is best. */
  private listen(): void {
    const needed = this.savers > 0 || this.undone.size > 0;
    for (const name of requests) {
      const listener = this.listening.get(name);
      const wanted = needed && (!this.impatient || name === 'SIGHUP');
      if (wanted && !listener) {
        const added = () => this.signalled(name);
        this.listening.set(name, added);
        this.host.on(name, added);
      } else if (!wanted && listener) {
        this.listening.delete(name);
        this.host.off(name, listener);
      }
    }
  }

  private signalled(name: Request): void {
    if (this.savers > 0) {
      if (!this.stop.signal.aborted) setTimeout(() => this.tellStopping(), SOON_MS).unref();
      this.request(name);
      const later = setTimeout(() => {
        this.impatient = true;
        this.listen();
      }, SAME_REQUEST_MS);
      later.unref();
      return;
    }
    this.undo();
    this.listen();
    this.host.kill(this.host.pid, name);
  }

  private undo(): void {
    for (const undo of this.undone) {
      try {
        undo();
      } catch {
        // nothing more can be done about it
      }
    }
    this.undone.clear();
  }

  private write(output: Output, text: string): void {
    if (this.gone.has(output)) return;
    try {
      output.write(text);
    } catch (error) {
      this.lost(output, error as NodeJS.ErrnoException);
    }
  }

  private lost(output: Output, { code, message }: NodeJS.ErrnoException): void {
    if (this.gone.has(output)) return;
    this.gone.add(output);
    if (output === this.host.stderr && !this.areOne()) return;
    this.isUnread = true;
    const closed = code === 'EPIPE';
    if (!closed && output === this.host.stdout)
      this.warn(`divergrad: Standard output cannot be written: ${message}.\n`);
    this.ask(closed ? codeOf('SIGPIPE') : 1);
  }

  private uncaught(error: unknown, report: Report): void {
    if (error instanceof Stopped || this.failure !== undefined) return;
    this.failed(report(error) ?? 1);
    this.ask(1);
    setTimeout(() => {
      this.undo();
      this.host.exit(1);
    }, PATIENCE_MS).unref();
  }
}

/** That of this process. */
export const ending = new Ending(process as unknown as Host, () => areOneFile(1, 2));
