import { Worker } from 'node:worker_threads';
import type { EnvironmentState } from '../../envs/environment.ts';
import { requireStates, type VectorEnvironment, type VectorTransition } from '../../envs/vector.ts';
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

  reset(seed: number): Promise<Float32Array[]> {
    return this.all(() => ({ kind: 'reset', seed }));
  }

  step(actions: readonly Float32Array[]): Promise<VectorTransition[]> {
    return this.all(({ first, count }) => ({ kind: 'step', actions: actions.slice(first, first + count) }));
  }

  getStates(): Promise<EnvironmentState[]> {
    return this.all(() => ({ kind: 'getStates' }));
  }

  async setStates(states: readonly EnvironmentState[]): Promise<void> {
    requireStates(states, this.count);
    await Promise.all(
      this.slices.map((slice) => {
        const { first, count } = slice.part;
        return slice.ask({ kind: 'setStates', states: states.slice(first, first + count) });
      }),
    );
  }

  async dispose(): Promise<void> {
    await Promise.all(this.slices.map((slice) => slice.end()));
  }

  private async all<T>(request: (part: WorkerSlice) => SliceRequest): Promise<T[]> {
    const answers = await Promise.all(this.slices.map((slice) => slice.ask<T[]>(request(slice.part))));
    return answers.flat();
  }
}
