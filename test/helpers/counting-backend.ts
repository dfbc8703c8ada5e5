// A backend that remembers what it gave out and what it got back.
import type { Backend, DeviceBuffer, Executable } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import type { RecordingOptions } from '../../src/tape/index.ts';

export interface CountingBackend extends Backend {
  /** Labels of what is allocated and was not freed. */
  readonly held: Map<DeviceBuffer, string>;
  /** Programs that are loaded and were not disposed of. */
  readonly loaded: Set<Executable>;
  /** What was given back twice, or after the end, a line each. */
  readonly wrong: string[];
  /** Numbers of updates that were asked for, run by run. */
  readonly runs: number[];
  ended: boolean;
}

/** The CPU backend, counted. */
export function countingBackend(preferences: Partial<RecordingOptions> = {}): CountingBackend {
  const inner = createCpuBackend();
  const counting: CountingBackend = Object.assign(Object.create(inner), {
    preferences: { ...inner.preferences, ...preferences },
    held: new Map(),
    loaded: new Set(),
    wrong: [],
    runs: [],
    ended: false,
    allocate(count: number, dtype: 'f32' | 'u32', label: string) {
      const buffer = inner.allocate(count, dtype, label);
      counting.held.set(buffer, label);
      return buffer;
    },
    write: inner.write.bind(inner),
    read: inner.read.bind(inner),
    free(buffer: DeviceBuffer) {
      if (!counting.held.delete(buffer)) counting.wrong.push('a buffer was freed twice');
      if (counting.ended) counting.wrong.push('a buffer was freed after the end');
      inner.free(buffer);
    },
    async load(...given: Parameters<Backend['load']>) {
      const made = await inner.load(...given);
      const executable: Executable = {
        run(times) {
          counting.runs.push(times);
          made.run(times);
        },
        dispose() {
          if (!counting.loaded.delete(executable)) counting.wrong.push('a program was disposed of twice');
          if (counting.ended) counting.wrong.push('a program was disposed of after the end');
          made.dispose();
        },
      };
      counting.loaded.add(executable);
      return executable;
    },
    synchronize: inner.synchronize.bind(inner),
    async dispose() {
      if (counting.ended) counting.wrong.push('the backend was disposed of twice');
      counting.ended = true;
      await inner.dispose();
    },
  });
  return counting;
}
