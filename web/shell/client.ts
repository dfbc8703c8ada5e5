import type { BackendChoice } from '../../src/open/open.ts';
import type { DeviceFacts, Failure, FromWorker, JobName, ToWorker } from './protocol.ts';

export interface JobListeners<Event, Result> {
  onDevice?(facts: DeviceFacts): void;
  /** May return a promise: no further event comes before it resolves, from jobs that wait to be shown. */
  onEvent?(event: Event): void | Promise<void>;
  onDone?(result: Result): void;
  onFailure(failure: Failure): void;
}

/** A job in a worker of its own. Stopping it ends the worker, whatever it is doing. */
export class RunningJob {
  private readonly worker: Worker;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  change(change: unknown): void {
    this.worker.postMessage({ kind: 'change', change } satisfies ToWorker);
  }

  stop(): void {
    this.worker.terminate();
  }
}

export function startJob<Event, Result>(
  job: JobName,
  backend: BackendChoice,
  settings: unknown,
  listeners: JobListeners<Event, Result>,
): RunningJob {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: job });
  worker.onmessage = async ({ data }: MessageEvent<FromWorker>) => {
    switch (data.kind) {
      case 'device':
        return listeners.onDevice?.(data.facts);
      case 'event':
        await listeners.onEvent?.(data.event as Event);
        return worker.postMessage({ kind: 'shown' } satisfies ToWorker);
      case 'done':
        worker.terminate();
        return listeners.onDone?.(data.result as Result);
      case 'failed':
        worker.terminate();
        return listeners.onFailure(data.failure);
      default:
        return data satisfies never;
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    listeners.onFailure({ code: 'internal', message: event.message || 'The worker could not be loaded.' });
  };
  worker.postMessage({ kind: 'start', job, backend, settings } satisfies ToWorker);
  return new RunningJob(worker);
}
