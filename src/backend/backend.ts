import type { Program } from '../program/program.ts';
import type { RecordingOptions } from '../tape/index.ts';

/** Numbers as a device takes and gives them, row-major: float32, float64 on a cpu of that precision, u32 for counts. */
export type Values = Float32Array | Float64Array | Uint32Array;

/** Device memory. What it holds depends on the backend; only the backend that made it may use it. */
export interface DeviceBuffer {
  readonly count: number;
  readonly dtype: 'f32' | 'u32';
}

/** A buffer that will be wanted: elements of four bytes. */
export interface Room {
  readonly count: number;
  readonly label: string;
}

/** A program made ready: pipelines built, buffers bound. */
export interface Executable {
  /** Enqueues `times` updates; on a GPU one submit for all of them. Nothing is read back. */
  run(times: number): void;
  /**
   * Runs so many updates, a step a pass, and gives the mean time of each step in milliseconds by the device's own clock;
   * absent where it has none. A look at a program, not the way to run it: it reads back after every update.
   */
  timeSteps?(updates: number): Promise<number[]>;
  dispose(): void;
}

/** Counts since the backend was opened; the tests assert that a steady state creates nothing. */
export interface Counters {
  /** Times that work was handed to the device: on a GPU, submits of its queue. */
  submits: number;
  /** Of one kernel, or of several that a GPU gets at once. */
  dispatches: number;
  /** Times that results were waited for. */
  readbacks: number;
  /** Pieces of device memory allocated. */
  buffersCreated: number;
  /** On webgpu; the others have none. */
  pipelinesCreated: number;
}

/**
 * A place where programs run.
 *
 * Ordering: operations take effect in the order of the calls; a `write` before a `run` is seen by it, a `read`
 * after a `run` sees its results. Only `read`, `load` and `synchronize` are asynchronous. An error of the
 * device surfaces, typed, from the next of these.
 *
 * What was freed or disposed of, and everything of a device that was, is refused with a BackendError of the fault
 * `disposed`. Memory is not freed under a program that works on it.
 */
export interface Backend {
  readonly name: BackendName;
  /** One line for people: engine, adapter, precision. */
  readonly description: string;
  /** Facts about the adapter for reports: vendor, architecture, limits, features. */
  readonly information: Readonly<Record<string, string | number | boolean>>;
  /** How programs should be recorded for it. */
  readonly preferences: RecordingOptions;
  readonly counters: Counters;
  /** Zero-filled. @throws BackendError naming the limit when it is too large */
  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer;
  /**
   * Whether these buffers can be had together, where that is known beforehand. Nothing is taken.
   * @throws BackendError naming the first that cannot
   */
  requireRoom?(buffers: readonly Room[]): void;
  /** @param offset first element written */
  write(buffer: DeviceBuffer, values: Values, offset?: number): void;
  /** @param offset first element, @param count how many; all by default */
  read(buffer: DeviceBuffer, offset?: number, count?: number): Promise<Values>;
  /** Once; then nothing. @throws UsageError while a program uses it, BackendError when it is another backend's */
  free(buffer: DeviceBuffer): void;
  /** @param buffers one for each of `program.buffers` */
  load(program: Program, buffers: readonly DeviceBuffer[]): Promise<Executable>;
  /** Resolves when all enqueued work is done. */
  synchronize(): Promise<void>;
  dispose(): Promise<void>;
}

/** A backend by name. */
export type BackendName = 'cpu' | 'wasm' | 'webgpu';
