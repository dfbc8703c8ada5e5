// What the bench asks of a contestant, and how the question travels to the process or page in which it runs.
import type { Losses, Task, WorkName } from './work.ts';

/** Libraries by the names used on the command line. */
export const libraryNames = ['divergrad', 'pytorch', 'jax-js', 'tfjs', 'gpu.js'] as const;
export type LibraryName = (typeof libraryNames)[number];

export type PeerBackend = 'cpu' | 'wasm' | 'webgpu';

/** What to open. */
export interface Opening {
  readonly library: LibraryName;
  readonly backend: PeerBackend;
  readonly task: Task;
  readonly work: WorkName;
  readonly seed: number;
  /** Threads, where they can be chosen; the library's own choice when absent. */
  readonly threads?: number;
  /** float64 arithmetic, where there is one: for reference losses. */
  readonly double?: boolean;
}

/** What a contestant says of itself. */
export interface Facts {
  readonly version: string;
  /** One line for people: engine, adapter, instruction set. */
  readonly description: string;
  readonly threads: number | null;
  /** Milliseconds from opening the device to the end of the first update, compilation included. */
  readonly firstUpdateMs: number;
}

/** What one run of several updates was made of. */
export interface RunCounts {
  readonly updates: number;
  /** Kernels and floating-point operations of one update. */
  readonly kernels: number;
  readonly flops: number;
  /** Of the whole run. */
  readonly submits: number;
  readonly readbacks: number;
  /** Milliseconds of the host for the whole run, until everything was submitted: on a device that works by itself. */
  readonly hostMs: number;
}

/** A library ready to do the work. Exactly one is at work at any time. */
export interface Contestant {
  readonly facts: Facts;
  /** Does so many updates and resolves when the last has ended. */
  run(updates: number): Promise<void>;
  /** Losses of the last update; for the task `layers`, see {@link Contestant.layers}. */
  losses(): Promise<Losses>;
  /** Outputs of the dense layers by name, row-major; for the task `layers` only. */
  layers?(): Promise<Readonly<Record<string, Float32Array>>>;
  /** For libraries that can say it. */
  counts?(updates: number): Promise<RunCounts>;
  dispose(): Promise<void>;
}

/** How a contestant is asked from outside; every method is one message. */
export interface RemoteContestant {
  open(opening: Opening): Promise<Facts>;
  /** As they are by now: a library may settle its threads as it runs. */
  facts(): Promise<Facts>;
  /** Losses of the first updates, one by one. The contestant goes on from there. */
  check(updates: number): Promise<Losses[]>;
  /** {@link Contestant.layers}, as plain arrays. */
  layers(): Promise<Record<string, number[]>>;
  /** {@link Contestant.counts} of a run; null where the library cannot say it. */
  counts(updates: number): Promise<RunCounts | null>;
  /** Milliseconds for so many updates, waiting for the end once. */
  time(updates: number): Promise<number>;
  close(): Promise<void>;
}
