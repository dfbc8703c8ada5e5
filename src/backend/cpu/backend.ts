import { BackendError, ShapeError } from '../../errors.ts';
import { kernelSpec } from '../../program/kernels.ts';
import { type Program, type SingleStep, separateSteps } from '../../program/program.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import {
  type Backend,
  type Counters,
  type DeviceBuffer,
  type Executable,
  requireFit,
  type Values,
} from '../backend.ts';
import { type Floats, KernelCall, Scratch } from './call.ts';
import { interpretFused } from './fused.ts';
import { cpuKernels } from './kernels.ts';

/** Storage of `f32` buffers. Arithmetic is float64 in either case. */
export type Precision = 'f32' | 'f64';

export interface CpuOptions {
  /** `f64` is for finite differences and for checks beyond float32. */
  readonly precision?: Precision;
}

/** The reference: plain TypeScript over typed arrays, on the calling thread. */
export function createCpuBackend({ precision = 'f32' }: CpuOptions = {}): Backend {
  return new CpuBackend(precision);
}

class CpuBuffer implements DeviceBuffer {
  readonly count: number;
  /** `undefined` once freed. */
  data: Values | undefined;

  constructor(
    readonly owner: CpuBackend,
    readonly dtype: 'f32' | 'u32',
    readonly label: string,
    data: Values,
  ) {
    this.count = data.length;
    this.data = data;
  }
}

class CpuBackend implements Backend {
  readonly name = 'cpu';
  readonly description: string;
  readonly information: Readonly<Record<string, string | number | boolean>>;
  readonly preferences: RecordingOptions = { mlp: 'fused', joinedBindings: 0 };
  readonly counters: Counters = {
    submits: 0,
    dispatches: 0,
    readbacks: 0,
    buffersCreated: 0,
    pipelinesCreated: 0,
  };
  private readonly scratch = new Scratch();
  private readonly floats: typeof Float32Array | typeof Float64Array;

  constructor(precision: Precision) {
    this.floats = precision === 'f64' ? Float64Array : Float32Array;
    this.description = `cpu: plain JavaScript, float64 arithmetic, ${precision} storage`;
    this.information = { precision, simd: false, threads: 1 };
  }

  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer {
    try {
      const data = dtype === 'u32' ? new Uint32Array(count) : new this.floats(count);
      this.counters.buffersCreated++;
      return new CpuBuffer(this, dtype, label, data);
    } catch (cause) {
      throw new BackendError(`Buffer '${label}' of ${count} elements is past the limit of a typed array.`, {
        cause,
        fault: 'memory',
      });
    }
  }

  write(buffer: DeviceBuffer, values: Values, offset = 0): void {
    const data = this.dataOf(buffer);
    checkRange(buffer as CpuBuffer, offset, values.length);
    data.set(values, offset);
  }

  async read(buffer: DeviceBuffer, offset = 0, count = buffer.count - offset): Promise<Values> {
    const data = this.dataOf(buffer);
    checkRange(buffer as CpuBuffer, offset, count);
    this.counters.readbacks++;
    return data.slice(offset, offset + count);
  }

  free(buffer: DeviceBuffer): void {
    if (buffer instanceof CpuBuffer && buffer.owner === this) buffer.data = undefined;
  }

  async load(program: Program, buffers: readonly DeviceBuffer[]): Promise<Executable> {
    requireFit(program, buffers);
    const arrays = buffers.map((buffer, i) => {
      const { count, dtype } = program.buffers[i];
      const data = this.dataOf(buffer);
      if (buffer.dtype === dtype) return data;
      // On a device, words and floats may take turns in one temporary slot; typed arrays cannot.
      return dtype === 'u32' ? new Uint32Array(count) : new this.floats(count);
    });
    const steps = separateSteps(program.steps).map((step) => this.bind(step, arrays));
    this.counters.pipelinesCreated += steps.length;
    return new CpuExecutable(steps, this.counters);
  }

  async synchronize(): Promise<void> {}

  async dispose(): Promise<void> {}

  private bind(step: SingleStep, arrays: readonly Values[]): () => void {
    const unused: Floats = new this.floats(0);
    const bound = step.buffers.map((buffer) => (buffer < 0 ? undefined : arrays[buffer]));
    switch (step.kind) {
      case 'fused':
        return interpretFused(
          step.fused,
          bound.map((array) => array ?? unused),
        );
      case 'kernel': {
        const spec = kernelSpec(step.kernel);
        return cpuKernels[step.kernel](new KernelCall(spec, step.params, bound, unused, this.scratch));
      }
      default:
        return step satisfies never;
    }
  }

  private dataOf(buffer: DeviceBuffer): Values {
    if (!(buffer instanceof CpuBuffer) || buffer.owner !== this) {
      throw new BackendError('The buffer belongs to another backend.');
    }
    if (!buffer.data) throw new BackendError(`Buffer '${buffer.label}' was freed.`);
    return buffer.data;
  }
}

class CpuExecutable implements Executable {
  constructor(
    private steps: readonly (() => void)[] | undefined,
    private readonly counters: Counters,
  ) {}

  run(times: number): void {
    const { steps } = this;
    if (!steps) throw new BackendError('The program was disposed of.');
    for (let time = 0; time < times; time++) {
      for (let i = 0; i < steps.length; i++) steps[i]();
    }
    this.counters.submits++;
    this.counters.dispatches += times * steps.length;
  }

  dispose(): void {
    this.steps = undefined;
  }
}

function checkRange(buffer: CpuBuffer, offset: number, count: number): void {
  if (offset >= 0 && count >= 0 && offset + count <= buffer.count) return;
  throw new ShapeError(
    `Buffer '${buffer.label}' has ${buffer.count} elements; ${count} from ${offset} on are not all inside.`,
  );
}
