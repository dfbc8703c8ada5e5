import { BackendError } from '../../errors.ts';
import { kernelSpec } from '../../kernels/index.ts';
import { type Program, type SingleStep, separateSteps } from '../../program/program.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import type { Backend, Counters, DeviceBuffer, Executable, Room, Values } from '../backend.ts';
import { requireHostMemory } from '../host-memory.ts';
import { OwnedBuffer, OwningBackend } from '../owning.ts';
import { type Floats, KernelCall, Scratch } from './call.ts';
import { interpretGenerated } from './generated.ts';
import { cpuKernel } from './kernels.ts';

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

class CpuBuffer extends OwnedBuffer {
  constructor(
    owner: CpuBackend,
    dtype: 'f32' | 'u32',
    label: string,
    /** Empty once freed. */
    public data: Values,
  ) {
    super(owner, data.length, dtype, label);
  }
}

class CpuBackend extends OwningBackend<CpuBuffer> implements Backend {
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
    super();
    this.floats = precision === 'f64' ? Float64Array : Float32Array;
    this.description = `cpu: plain JavaScript, float64 arithmetic, ${precision} storage`;
    this.information = { precision, simd: false, threads: 1 };
  }

  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer {
    this.requireOpen();
    requireHostMemory(count * this.floats.BYTES_PER_ELEMENT, `Buffer '${label}' of ${count} elements`);
    try {
      const data = dtype === 'u32' ? new Uint32Array(count) : new this.floats(count);
      this.counters.buffersCreated++;
      return new CpuBuffer(this, dtype, label, data);
    } catch (cause) {
      throw exhausted(`Buffer '${label}' of ${count} elements`, cause);
    }
  }

  protected put({ data }: CpuBuffer, values: Values, offset: number): void {
    data.set(values, offset);
  }

  protected async get({ data }: CpuBuffer, offset: number, count: number): Promise<Values> {
    this.counters.readbacks++;
    return data.slice(offset, offset + count);
  }

  requireRoom(buffers: readonly Room[]): void {
    const count = buffers.reduce((total, each) => total + each.count, 0);
    const largest = buffers.reduce((most, each) => (each.count > most.count ? each : most), {
      count: 0,
      label: 'nothing',
    });
    const what = `A program of ${buffers.length} buffers, '${largest.label}' the largest,`;
    requireHostMemory(count * this.floats.BYTES_PER_ELEMENT, what);
  }

  protected release(buffer: CpuBuffer): void {
    buffer.data = new Float32Array(0);
  }

  protected async prepare(program: Program, buffers: readonly CpuBuffer[]): Promise<Executable> {
    try {
      return this.bound(program, buffers);
    } catch (cause) {
      // Of working memory: an array that is too long.
      if (cause instanceof RangeError) throw exhausted('What the program works with', cause);
      throw cause;
    }
  }

  private bound(program: Program, buffers: readonly CpuBuffer[]): Executable {
    const arrays = buffers.map(({ data }) => data);
    const steps = separateSteps(program.steps).map((step) => this.bind(step, arrays));
    return new CpuExecutable(steps, this.counters);
  }

  async synchronize(): Promise<void> {
    this.requireOpen();
  }

  protected async end(): Promise<void> {}

  private bind(step: SingleStep, arrays: readonly Values[]): () => void {
    const unused: Floats = new this.floats(0);
    const bound = step.buffers.map((buffer) => (buffer < 0 ? undefined : arrays[buffer]));
    switch (step.kind) {
      case 'generated':
        return interpretGenerated(
          step.generated,
          bound.map((array) => array ?? unused),
        );
      case 'kernel': {
        const spec = kernelSpec(step.kernel);
        return cpuKernel(step.kernel)(new KernelCall(spec, step.params, bound, unused, this.scratch));
      }
      default:
        return step satisfies never;
    }
  }
}

const exhausted = (what: string, cause: unknown): BackendError =>
  new BackendError(`${what} is past the limit of a typed array, or of this machine's memory.`, {
    cause,
    fault: 'memory',
    hint: 'Use a smaller batch, network or replay buffer.',
  });

class CpuExecutable implements Executable {
  constructor(
    private steps: readonly (() => void)[],
    private readonly counters: Counters,
  ) {}

  run(times: number): void {
    const { steps } = this;
    for (let time = 0; time < times; time++) {
      for (let i = 0; i < steps.length; i++) steps[i]();
    }
    this.counters.submits++;
    this.counters.dispatches += times * steps.length;
  }

  dispose(): void {
    this.steps = [];
  }
}
