// What the page and its workers say to each other.

import type { BackendChoice } from '../../src/open/open.ts';

export type JobName = 'see' | 'measure' | 'learn';

/** The device a job runs on. */
export interface DeviceFacts {
  readonly backend: string;
  /** One line for people. */
  readonly description: string;
  /** Why it was chosen. */
  readonly reason: string;
  readonly information: Readonly<Record<string, string | number | boolean>>;
}

export type ToWorker =
  | {
      readonly kind: 'start';
      readonly job: JobName;
      readonly backend: BackendChoice;
      readonly settings: unknown;
    }
  | { readonly kind: 'change'; readonly change: unknown }
  /** The last event has been shown: the next may come. */
  | { readonly kind: 'shown' };

export interface Failure {
  /** `usage`, `backend`, `numerics`…, as in the library's errors, or `internal`. */
  readonly code: string;
  readonly message: string;
}

export type FromWorker =
  | { readonly kind: 'device'; readonly facts: DeviceFacts }
  | { readonly kind: 'event'; readonly event: unknown }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What a job has besides its settings. */
export interface JobPort {
  emit(event: unknown, transfer?: Transferable[]): void;
  onChange(listener: (change: unknown) => void): void;
  /** Resolves when the page has shown the last event. */
  shown(): Promise<void>;
  opened(facts: DeviceFacts): void;
}
