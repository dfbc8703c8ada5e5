import { Worker } from 'node:worker_threads';
import type { EnvironmentState } from '../../envs/environment.ts';
import { Pace, requireStates, type VectorEnvironment, type VectorTransition } from '../../envs/vector.ts';
import { EnvironmentError, type PackedError, unpackError } from '../../errors.ts';

/** The part of a run's environments that one worker holds. */
export interface WorkerSlice {
  readonly environment: string;
  readonly count: number;
  /** Place of its first environment among all. */
  readonly first: number;
}

export type SliceRequest =
  | { readonly kind: 'reset'; readonly seed: number }
  | { readonly kind: 'step'; readonly actions: readonly Float32Array[] }
  | { readonly kind: 'getStates' }
  | { readonly kind: 'setStates'; readonly states: readonly EnvironmentState[] };

export type SliceAnswer = { readonly value: unknown } | { readonly error: PackedError };

/** One worker, which answers one request after the other. */
class Slice {
  private readonly worker: Worker;
  private settle: { done: (value: unknown) => void; fail: (error: Error) => void } | undefined;
  private failure: Error | undefined;

  constructor(readonly part: WorkerSlice) {
    this.worker = new Worker(new URL('./environment-worker.js', import.meta.url), { workerData: part });
    this.worker.on('message', (answer: SliceAnswer) => {
      if ('error' in answer) this.settle?.fail(unpackError(answer.error));
      else this.settle?.done(answer.value);
    });
    const gone = (how: string, cause?: Error) => {
      // An error is followed by the exit that it leads to.
      this.failure ??= new EnvironmentError(`A worker of '${part.environment}' ${how}.`, { cause });
      this.settle?.fail(this.failure);
    };
    for (const event of ['error', 'messageerror'] as const)
      this.worker.on(event, (error) => gone(`failed: ${error.message.replace(/\.$/, '')}`, error));
    this.worker.on('exit', (code) => gone(`ended with code ${code}`));
  }

  ask<T>(request: SliceRequest): Promise<T> {
    return new Promise<T>((done, fail) => {
      if (this.failure) {
        fail(this.failure);
        return;
      }
      this.settle = { done: done as (value: unknown) => void, fail };
      this.worker.postMessage(request);
    });
  }

  async end(): Promise<void> {
    this.worker.removeAllListeners('exit');
    await this.worker.terminate();
  }
}

/**
 * A run's environments spread over worker threads, for tasks whose physics takes longer than the update. The numbers are
 * those of one thread.
 */
export class WorkerVector implements VectorEnvironment {
  private readonly slices: readonly Slice[];
  private readonly pace = new Pace();
  /** What the environments were before the step in whose middle they were ended. */
  private ended: readonly EnvironmentState[] | undefined;

  /** @param workers at most `count` are started */
  constructor(
    environment: string,
    readonly count: number,
    workers: number,
  ) {
    const used = Math.min(workers, count);
    const begin = (i: number) => Math.floor((i * count) / used);
    this.slices = Array.from(
      { length: used },
      (_, i) => new Slice({ environment, first: begin(i), count: begin(i + 1) - begin(i) }),
    );
  }

  /** Workers first make their environments, which may take seconds: a stop ends them meanwhile. */
  async reset(seed: number, signal?: AbortSignal): Promise<Float32Array[] | undefined> {
    const reset = this.all<Float32Array>(() => ({ kind: 'reset', seed }));
    const begun = await orAborted(reset, signal);
    if (!begun) await this.dispose();
    return begun;
  }

  /** A long step that is stopped ends the workers in its middle: only the states may be asked for afterwards. */
  async step(
    actions: readonly Float32Array[],
    signal?: AbortSignal,
  ): Promise<VectorTransition[] | undefined> {
    const before = signal && this.pace.isLong ? await this.getStates() : undefined;
    const step = () =>
      this.all<VectorTransition>(({ first, count }) => ({
        kind: 'step',
        actions: actions.slice(first, first + count),
      }));
    if (!before || !signal) return this.pace.of(step);
    const stepped = signal.aborted ? undefined : await orAborted(this.pace.of(step), signal);
    if (stepped) return stepped;
    this.ended = before;
    await this.dispose();
    return undefined;
  }

  async getStates(): Promise<EnvironmentState[]> {
    return this.ended ? [...this.ended] : this.all(() => ({ kind: 'getStates' }));
  }

  async setStates(states: readonly EnvironmentState[], signal?: AbortSignal): Promise<void> {
    requireStates(states, this.count);
    const set = this.all<undefined>(({ first, count }) => ({
      kind: 'setStates',
      states: states.slice(first, first + count),
    }));
    if (!(await orAborted(set, signal))) await this.dispose();
  }

  async dispose(): Promise<void> {
    await Promise.all(this.slices.map((slice) => slice.end()));
  }

  private async all<T>(request: (part: WorkerSlice) => SliceRequest): Promise<T[]> {
    const answers = await Promise.all(this.slices.map((slice) => slice.ask<T[]>(request(slice.part))));
    return answers.flat();
  }
}

/** What comes first: an answer, or undefined when the signal is given, or was given before. */
async function orAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal) return answer;
  let stop = () => {};
  const stopped = new Promise<undefined>((done) => {
    stop = () => done(undefined);
  });
  signal.addEventListener('abort', stop, { once: true });
  // An answer that is no longer waited for may fail, since its worker is ended.
  answer.catch(() => undefined);
  try {
    return signal.aborted ? undefined : await Promise.race([answer, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
