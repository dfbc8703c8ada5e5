import type { BackendError } from '../../errors.ts';
import { formatCount, type Program, type Step } from '../../program/program.ts';
import type { RecordingOptions } from '../../tape/index.ts';
import type { Backend, Counters, DeviceBuffer, Executable, Values } from '../backend.ts';
import { OwnedBuffer, OwningBackend } from '../owning.ts';
import { COPY_DST, COPY_SRC, MAP_READ, MODE_READ, QUERY_RESOLVE, STORAGE, UNIFORM } from './flags.ts';
import { type Module, type ModuleTarget, moduleOf, type Workgroups } from './modules.ts';
import { Pipelines } from './pipelines.ts';
import { isSoftwareAdapter, moduleTargetOf, mostPasses, restFor, targetOf } from './profile.ts';
import { DeviceWatch, kindOf } from './watch.ts';

/** Queries in a set at most, on every adapter. */
const MOST_QUERIES = 4096;

/** Sizes of staging buffers begin here, bytes. */
const LEAST_STAGING = 256;

/** Bytes between the parameters of two steps: where a uniform may begin on every adapter. */
const UNIFORM_GRAIN = 256;

/**
 * Dispatches in one submit at most. More would risk the watchdog that ends a GPU's work after some seconds
 * and hold the whole command stream in memory; up to here a run is one submit.
 */
const DISPATCHES_PER_SUBMIT = 32768;

/** Longest wait for the device: more than any run that is cut into pieces should take. */
const PATIENCE_SECONDS = 600;

class WebGpuBuffer extends OwnedBuffer {
  constructor(
    owner: WebGpuBackend,
    readonly gpu: GPUBuffer,
    count: number,
    dtype: 'f32' | 'u32',
    label: string,
  ) {
    super(owner, count, dtype, label);
  }
}

/** A step that can be dispatched. */
interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: Workgroups;
}

/** Steps made ready at once, with their parameters, which end with the last program that runs one of them. */
interface Made {
  readonly parameters: GPUBuffer | undefined;
  readonly dispatches: Map<Step, Dispatch>;
  users: number;
}

/** Programs on a GPU through WebGPU: pipelines and bind groups built at load, one submit a run. */
export class WebGpuBackend extends OwningBackend<WebGpuBuffer> implements Backend {
  readonly name = 'webgpu';
  readonly description: string;
  readonly information: Readonly<Record<string, string | number | boolean>>;
  readonly preferences: RecordingOptions;
  readonly counters: Counters = {
    submits: 0,
    dispatches: 0,
    readbacks: 0,
    buffersCreated: 0,
    pipelinesCreated: 0,
  };

  private readonly watch: DeviceWatch;
  private readonly pipelines: Pipelines;
  private readonly moduleTarget: ModuleTarget;
  private readonly mostPasses: number;
  /** Steps ready by the memory they work on: sections of a program need nothing new. */
  private readonly made = new WeakMap<readonly WebGpuBuffer[], Map<Step, Made>>();
  /** Staging buffers not in use; a read takes one and gives it back. */
  private readonly staging: GPUBuffer[] = [];

  constructor(
    adapter: GPUAdapter,
    readonly device: GPUDevice,
    { patienceSeconds = PATIENCE_SECONDS, f16 = false }: { patienceSeconds?: number; f16?: boolean } = {},
  ) {
    super();
    const { info } = adapter;
    const { limits } = device;
    const software = isSoftwareAdapter(info);
    const adapterName = [info.vendor, info.architecture, info.description || info.device]
      .filter(Boolean)
      .join(' ');
    this.description = `WebGPU on ${adapterName || 'an unnamed adapter'}${software ? ' (software)' : ''}, float32${f16 ? ' with hidden layers in float16' : ''}`;
    this.information = {
      vendor: info.vendor,
      architecture: info.architecture,
      device: info.device,
      adapter: info.description,
      software,
      features: [...device.features].sort().join(' '),
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    };
    this.moduleTarget = moduleTargetOf(info, limits);
    this.mostPasses = mostPasses(info);
    this.preferences = targetOf(info, limits, { f16 });
    const waiting = { patienceSeconds, rest: restFor(info) };
    this.watch = new DeviceWatch(device, this.description, waiting, () => this.closed);
    this.pipelines = new Pipelines(device, this.watch, this.counters);
  }

  protected override requireOpen(): void {
    super.requireOpen();
    this.watch.requireThere();
  }

  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer {
    this.requireOpen();
    const bytes = Math.max(4, 4 * count);
    for (const limit of ['maxStorageBufferBindingSize', 'maxBufferSize'] as const) {
      const most = this.device.limits[limit];
      if (bytes > most) {
        throw this.watch.error(
          'limit',
          `'${label}' needs ${formatCount(bytes)}B (${count} elements), more than this adapter's ${limit} of ${formatCount(most)}B.`,
          { limit },
        );
      }
    }
    const gpu = this.createBuffer(bytes, STORAGE | COPY_SRC | COPY_DST, label);
    return new WebGpuBuffer(this, gpu, count, dtype, label);
  }

  protected put({ dtype, gpu }: WebGpuBuffer, values: Values, offset: number): void {
    const Storage = dtype === 'f32' ? Float32Array : Uint32Array;
    const data = values instanceof Storage ? values : Storage.from(values);
    this.device.queue.writeBuffer(gpu, 4 * offset, data as Float32Array<ArrayBuffer>);
  }

  protected async get({ gpu, dtype, label }: WebGpuBuffer, offset: number, count: number): Promise<Values> {
    if (count === 0) return dtype === 'f32' ? new Float32Array(0) : new Uint32Array(0);
    const staging = this.takeStaging(4 * count);
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(gpu, 4 * offset, staging, 0, 4 * count);
    this.submit(encoder);
    this.counters.readbacks++;
    try {
      await this.watch.answer(staging.mapAsync(MODE_READ, 0, 4 * count), `the values of '${label}'`);
    } catch (cause) {
      if (isTold(cause)) throw cause;
      await this.watch.checkForLoss();
      throw this.watch.error('validation', `'${label}' cannot be read: ${(cause as Error).message}`, {
        cause,
      });
    }
    const bytes = staging.getMappedRange(0, 4 * count).slice(0);
    staging.unmap();
    this.staging.push(staging);
    await this.watch.check();
    return dtype === 'f32' ? new Float32Array(bytes) : new Uint32Array(bytes);
  }

  protected release({ gpu }: WebGpuBuffer): void {
    gpu.destroy();
  }

  protected async prepare(program: Program, buffers: readonly WebGpuBuffer[]): Promise<Executable> {
    const made = this.made.get(buffers) ?? new Map<Step, Made>();
    this.made.set(buffers, made);
    const distinct = [...new Set(program.steps)];
    const used = new Set(distinct.flatMap((step) => made.get(step) ?? []));
    for (const each of used) each.users++;
    const release = () => {
      for (const each of used) {
        if (--each.users > 0) continue;
        each.parameters?.destroy();
        for (const step of each.dispatches.keys()) if (made.get(step) === each) made.delete(step);
      }
    };
    try {
      const missing = distinct.filter((step) => !made.has(step));
      if (missing.length > 0) {
        const own = await this.make(missing, buffers);
        used.add(own);
        for (const step of missing) made.set(step, own);
      }
      await this.watch.check();
    } catch (problem) {
      release();
      throw problem;
    }
    const ready = new Map([...used].flatMap(({ dispatches }) => [...dispatches]));
    const dispatches = program.steps.map((step) => ready.get(step) as Dispatch);
    return {
      run: (times) => this.run(dispatches, times),
      ...(this.device.features.has('timestamp-query') && 2 * dispatches.length <= MOST_QUERIES
        ? { timeSteps: (updates: number) => this.timeSteps(dispatches, updates) }
        : {}),
      dispose: release,
    };
  }

  /** Makes steps ready to run on their memory; what the device refuses of it, the next check tells. */
  private async make(steps: readonly Step[], buffers: readonly WebGpuBuffer[]): Promise<Made> {
    const { maxStorageBuffersPerShaderStage: most } = this.device.limits;
    const modules = steps.map((step) => moduleOf(step, this.moduleTarget));
    const wide = modules.find(({ bound }) => bound.length > most);
    if (wide)
      throw this.watch.error(
        'limit',
        `'${wide.label}' works on ${wide.bound.length} buffers, more than this adapter's maxStorageBuffersPerShaderStage of ${most}.`,
        { limit: 'maxStorageBuffersPerShaderStage' },
      );
    const endless = modules.find(({ passes }) => passes > this.mostPasses);
    if (endless)
      throw this.watch.error(
        'limit',
        `'${endless.label}' goes through up to ${endless.passes} passes of loops, and this adapter ends loops after ${this.mostPasses} without a word.`,
        { limit: 'passes of loops' },
      );
    const pipelines = await Promise.all(modules.map((module) => this.pipelines.of(module)));
    const parameters = this.parametersOf(modules);
    const dispatches = new Map<Step, Dispatch>();
    let slot = 0;
    const bind = (module: Module, i: number): void => {
      const { bound, values, workgroups } = module;
      const offset = UNIFORM_GRAIN * (values ? slot++ : 0);
      const resources: GPUBindingResource[] = [
        ...bound.map(({ buffer }) => ({ buffer: (buffers[buffer] as WebGpuBuffer).gpu })),
        ...(values && parameters ? [{ buffer: parameters, offset, size: UNIFORM_GRAIN }] : []),
      ];
      const group = this.device.createBindGroup({
        layout: this.pipelines.layoutOf(module),
        entries: resources.map((resource, binding) => ({ binding, resource })),
      });
      dispatches.set(steps[i] as Step, { pipeline: pipelines[i] as GPUComputePipeline, group, workgroups });
    };
    const onError = (error: GPUError): void =>
      this.watch.fail(kindOf(error), `The program cannot be bound: ${error.message}`);
    try {
      this.watch.scope('validation', onError, () => modules.forEach(bind));
    } catch (problem) {
      parameters?.destroy();
      throw problem;
    }
    return { parameters, dispatches, users: 1 };
  }

  /** One buffer with the parameters of all modules that have some. */
  private parametersOf(modules: readonly Module[]): GPUBuffer | undefined {
    const all = modules.flatMap(({ values }) => values ?? []);
    if (all.length === 0) return undefined;
    const data = new Uint8Array(UNIFORM_GRAIN * all.length);
    all.forEach((values, i) => {
      data.set(new Uint8Array(values), UNIFORM_GRAIN * i);
    });
    const buffer = this.createBuffer(data.byteLength, UNIFORM | COPY_DST, 'parameters of kernels');
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  async synchronize(): Promise<void> {
    this.requireOpen();
    try {
      await this.watch.answer(this.device.queue.onSubmittedWorkDone(), 'the end of its work');
    } catch (cause) {
      if (isTold(cause)) throw cause;
      await this.watch.checkForLoss();
      throw this.watch.error('lost', `The device does not end its work: ${(cause as Error).message}`, {
        cause,
      });
    }
    await this.watch.check();
  }

  protected async end(): Promise<void> {
    // Work in flight when a device ends has crashed drivers.
    if (!this.watch.lost) {
      await this.device.queue.onSubmittedWorkDone().catch(() => undefined);
      await this.watch.settled();
    }
    this.device.destroy();
  }

  private run(dispatches: readonly Dispatch[], times: number): void {
    if (dispatches.length === 0) return;
    const most = Math.max(1, Math.floor(DISPATCHES_PER_SUBMIT / dispatches.length));
    for (let left = times; left > 0; left -= most) {
      const encoder = this.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      let current: GPUComputePipeline | undefined;
      for (let i = Math.min(left, most); i > 0; i--) {
        for (const { pipeline, group, workgroups } of dispatches) {
          if (pipeline !== current) pass.setPipeline(pipeline);
          current = pipeline;
          pass.setBindGroup(0, group);
          const [x, y, z] = workgroups;
          // Node's binding takes a twentieth of all this for two more arguments.
          if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
          else pass.dispatchWorkgroups(x, y, z);
        }
      }
      pass.end();
      this.submit(encoder);
    }
    this.counters.dispatches += times * dispatches.length;
  }

  /** Nanosecond stamps at both ends of a pass for each dispatch: milliseconds, means over the updates. */
  private async timeSteps(dispatches: readonly Dispatch[], updates: number): Promise<number[]> {
    const count = 2 * dispatches.length;
    const totals = new Float64Array(dispatches.length);
    if (count === 0) return [];
    const querySet = this.device.createQuerySet({ type: 'timestamp', count });
    const stamps = this.createBuffer(8 * count, QUERY_RESOLVE | COPY_SRC, 'timestamps');
    const label = 'the timestamps';
    try {
      for (let update = 0; update < updates; update++) {
        const encoder = this.device.createCommandEncoder();
        dispatches.forEach(({ pipeline, group, workgroups }, i) => {
          const pass = encoder.beginComputePass({
            timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
          });
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(...workgroups);
          pass.end();
        });
        encoder.resolveQuerySet(querySet, 0, count, stamps, 0);
        const staging = this.takeStaging(8 * count);
        encoder.copyBufferToBuffer(stamps, 0, staging, 0, 8 * count);
        this.submit(encoder);
        this.counters.dispatches += dispatches.length;
        this.counters.readbacks++;
        await this.watch.answer(staging.mapAsync(MODE_READ, 0, 8 * count), label);
        const times = new BigUint64Array(staging.getMappedRange(0, 8 * count));
        for (const i of totals.keys()) {
          const [begun = 0n, ended = 0n] = times.subarray(2 * i);
          // A clock that was reset meanwhile gives nothing to count.
          totals[i] = (totals[i] ?? 0) + Math.max(0, Number(ended - begun)) / 1e6;
        }
        staging.unmap();
        this.staging.push(staging);
      }
      await this.watch.check();
    } finally {
      querySet.destroy();
      stamps.destroy();
    }
    return Array.from(totals, (total) => total / updates);
  }

  private submit(encoder: GPUCommandEncoder): void {
    this.device.queue.submit([encoder.finish()]);
    this.counters.submits++;
  }

  private createBuffer(size: number, usage: number, label: string): GPUBuffer {
    let buffer: GPUBuffer | undefined;
    const onError = ({ message }: GPUError) =>
      this.watch.fail('memory', `There is no memory for '${label}' (${formatCount(size)}B): ${message}`);
    this.watch.scope('out-of-memory', onError, () => {
      buffer = this.device.createBuffer({ label, size, usage });
    });
    this.counters.buffersCreated++;
    return buffer as unknown as GPUBuffer;
  }

  /** The smallest free staging buffer that is large enough, or a new one with room to grow. */
  private takeStaging(bytes: number): GPUBuffer {
    const [best] = this.staging.filter(({ size }) => size >= bytes).sort((a, b) => a.size - b.size);
    if (best) {
      this.staging.splice(this.staging.indexOf(best), 1);
      return best;
    }
    const size = Math.max(LEAST_STAGING, 2 ** Math.ceil(Math.log2(bytes)));
    return this.createBuffer(
      Math.min(size, this.device.limits.maxBufferSize),
      MAP_READ | COPY_DST,
      'readback',
    );
  }
}

/** Whether an error says already what went wrong on the device. */
const isTold = (cause: unknown): cause is BackendError =>
  cause instanceof Error && 'fault' in cause && cause.fault !== undefined;
