import { BackendError, type DeviceDetails, type DeviceFault } from '../../errors.ts';
import { MOST_JOINED_BINDINGS } from '../../program/join.ts';
import { MLP_WIDTH } from '../../program/kernels.ts';
import { formatCount, type Program, type Step } from '../../program/program.ts';
import type { MlpKernels, RecordingOptions } from '../../tape/index.ts';
import type { Backend, Counters, DeviceBuffer, Executable, Values } from '../backend.ts';
import { OwnedBuffer, OwningBackend } from '../owning.ts';
import { type Heap, Heaps, type Range } from './heaps.ts';
import { ENTRY, place, writeEntry } from './place.ts';
import { restWhilePending } from './rest.ts';
import {
  type Dispatch,
  dispatchesOf,
  type PlacedStep,
  placeSteps,
  type ReadyStep,
  type Sharers,
  sharePipelines,
} from './share.ts';

// WebGPU's flags by value, since Node has no global GPUBufferUsage.
const MAP_READ = 0x1;
const COPY_SRC = 0x4;
const COPY_DST = 0x8;
const UNIFORM = 0x40;
const STORAGE = 0x80;
const QUERY_RESOLVE = 0x200;
const MODE_READ = 0x1;
const STAGE_COMPUTE = 0x4;

/** Queries in a set at most, on every adapter. */
const MOST_QUERIES = 4096;

/** Pipelines that are kept for programs to come: those of programs that are loaded last as long as these. */
const MOST_KEPT_PIPELINES = 4096;

/** Sizes of staging buffers begin here, bytes. */
const LEAST_STAGING = 256;

/**
 * Elements of the first heaps, and of the largest that is made before it is needed. What a network's update works on
 * mostly fits one: kernels whose bindings lie in the same heaps can have a pipeline in common.
 */
const HEAPS = { first: { f32: 2 ** 22, u32: 2 ** 14 }, most: 2 ** 24 };

/** Entries of a table that an adapter binds at once: uniforms of 64 KiB on every one. */
const ENTRIES = 65536 / ENTRY;

/**
 * Dispatches in one submit at most. More would risk the watchdog that ends a GPU's work after some seconds
 * and hold the whole command stream in memory; up to here a run is one submit.
 */
const DISPATCHES_PER_SUBMIT = 32768;

/** What to do about each fault. */
const remedies: Readonly<Record<DeviceFault, string>> = {
  absent: 'Use the wasm backend.',
  lost: 'Open the device anew; a training run resumes from its last checkpoint.',
  memory: 'Use a smaller batch, network or replay buffer, or the wasm backend.',
  limit: 'Use a smaller batch, network or replay buffer, or the wasm backend.',
  validation: 'Update the driver, or use the wasm backend.',
  shader: 'Update the driver, or use the wasm backend.',
  disposed: 'Open the device anew.',
  timeout: 'Open the device anew with fewer updates a run, or use the wasm backend.',
};

/** Longest wait for the device: more than any run that is cut into pieces should take. */
const PATIENCE_SECONDS = 600;

class WebGpuBuffer extends OwnedBuffer {
  constructor(
    owner: WebGpuBackend,
    readonly range: Range,
    count: number,
    dtype: 'f32' | 'u32',
    label: string,
  ) {
    super(owner, count, dtype, label);
  }
}

/** Steps made ready at once, with the table of their values, which ends with the last program that runs one of them. */
interface Made {
  readonly table: GPUBuffer;
  readonly ready: Map<Step, ReadyStep>;
  users: number;
}

/**
 * Whether an adapter is a CPU in disguise: SwiftShader, Mesa's llvmpipe/lavapipe, or Windows' WARP.
 */
export function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|software|basic render|\bcpu\b/i.test(text)
  );
}

/** Whether WebGPU is that of Node's package, wherever the program has put it: other platforms have their own. */
function isNode(): boolean {
  const { versions } = (globalThis as { process?: { versions?: Record<string, string> } }).process ?? {};
  return versions?.node !== undefined && !(versions.deno ?? versions.bun ?? versions.electron);
}

/** Programs on a GPU through WebGPU: pipelines and bind groups built at load, one submit a run. */
export class WebGpuBackend extends OwningBackend<WebGpuBuffer> implements Backend {
  readonly name = 'webgpu';
  readonly description: string;
  readonly information: Readonly<Record<string, string | number | boolean>>;
  readonly preferences: RecordingOptions;
  readonly networks: readonly MlpKernels[] = ['fused', 'layered', 'tiled'];
  readonly counters: Counters = {
    submits: 0,
    dispatches: 0,
    readbacks: 0,
    buffersCreated: 0,
    pipelinesCreated: 0,
  };

  /** Pipelines that programs can have in common, by the WGSL they came from. */
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** Layouts by the number of heaps that they bind. */
  private readonly layouts = new Map<number, GPUBindGroupLayout>();
  private readonly heaps: Heaps;
  /** Steps ready by the memory they work on: sections of a program need nothing new. */
  private readonly made = new WeakMap<readonly WebGpuBuffer[], Map<Step, Made>>();
  /** Staging buffers not in use; a read takes one and gives it back. */
  private readonly staging: GPUBuffer[] = [];
  /** Error scopes whose result has not come yet. */
  private readonly scopes = new Set<Promise<void>>();
  /** Where waiting takes a core from the adapter: what to do meanwhile. */
  private readonly rest: ((promise: Promise<unknown>) => void) | undefined;
  private readonly patienceSeconds: number;
  private failure: BackendError | undefined;
  private lost = false;

  constructor(
    adapter: GPUAdapter,
    readonly device: GPUDevice,
    { patienceSeconds = PATIENCE_SECONDS, f16 = false }: { patienceSeconds?: number; f16?: boolean } = {},
  ) {
    super();
    this.patienceSeconds = patienceSeconds;
    const info = adapter.info;
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
      maxBufferSize: device.limits.maxBufferSize,
      maxStorageBufferBindingSize: device.limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: device.limits.maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: device.limits.maxComputeWorkgroupStorageSize,
      maxComputeWorkgroupsPerDimension: device.limits.maxComputeWorkgroupsPerDimension,
    };
    if (software && isNode()) this.rest = restWhilePending();
    this.preferences = {
      mlp: software && !f16 ? 'layered' : 'fused',
      joinedBindings: Math.min(MOST_JOINED_BINDINGS, device.limits.maxStorageBuffersPerShaderStage),
      // They take longer to compile than a kernel a layer, and without loads in common longer to run: worth it where each
      // dispatch is a call of Node's binding.
      joinedPasses: isNode() && device.features.has('subgroups'),
      halfHidden: f16,
      fusedWidth: MLP_WIDTH,
    };
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.fail(kindOf(error), `The device reports: ${error.message}`);
    });
    device.lost.then((reason) => {
      if (this.closed) return;
      this.lost = true;
      this.failure = undefined; // whatever came before is explained by this
      this.fail('lost', `The device was lost: ${(reason.message || reason.reason).replace(/\.$/, '')}.`);
    });
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const most = Math.min(HEAPS.most, Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4));
    const heapDevice = {
      create: (count: number, label: string) =>
        this.createBuffer(4 * count, STORAGE | COPY_SRC | COPY_DST, label),
      clear: (gpu: GPUBuffer, offset: number, count: number) => {
        const encoder = this.device.createCommandEncoder();
        encoder.clearBuffer(gpu, 4 * offset, 4 * count);
        this.submit(encoder);
      },
    };
    this.heaps = new Heaps(heapDevice, HEAPS.first, most);
  }

  protected override requireOpen(): void {
    super.requireOpen();
    if (this.lost && this.failure) throw this.failure;
  }

  allocate(count: number, dtype: 'f32' | 'u32', label: string): DeviceBuffer {
    this.requireOpen();
    const bytes = Math.max(4, 4 * count);
    for (const limit of ['maxStorageBufferBindingSize', 'maxBufferSize'] as const) {
      const most = this.device.limits[limit];
      if (bytes > most) {
        throw this.error(
          'limit',
          `'${label}' needs ${formatCount(bytes)}B (${count} elements), more than this adapter's ${limit} of ${formatCount(most)}B.`,
          { limit },
        );
      }
    }
    return new WebGpuBuffer(this, this.heaps.allocate(count, dtype, label), count, dtype, label);
  }

  write(buffer: DeviceBuffer, values: Values, offset = 0): void {
    const own = this.own(buffer);
    own.requireRange(offset, values.length);
    const { range, dtype } = own;
    const Storage = dtype === 'f32' ? Float32Array : Uint32Array;
    const data = values instanceof Storage ? values : Storage.from(values);
    this.device.queue.writeBuffer(
      range.heap.gpu,
      4 * (range.offset + offset),
      data as Float32Array<ArrayBuffer>,
    );
  }

  async read(buffer: DeviceBuffer, offset = 0, count = buffer.count - offset): Promise<Values> {
    const own = this.own(buffer);
    own.requireRange(offset, count);
    const { range, dtype, label } = own;
    if (count === 0) return dtype === 'f32' ? new Float32Array(0) : new Uint32Array(0);
    const staging = this.takeStaging(4 * count);
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(range.heap.gpu, 4 * (range.offset + offset), staging, 0, 4 * count);
    this.submit(encoder);
    this.counters.readbacks++;
    try {
      await this.answer(staging.mapAsync(MODE_READ, 0, 4 * count), `the values of '${label}'`);
    } catch (cause) {
      if (cause instanceof BackendError) throw cause;
      await this.lossOrNothing();
      await this.check();
      throw this.error('validation', `'${label}' cannot be read: ${(cause as Error).message}`, { cause });
    }
    const bytes = staging.getMappedRange(0, 4 * count).slice(0);
    staging.unmap();
    this.staging.push(staging);
    await this.check();
    return dtype === 'f32' ? new Float32Array(bytes) : new Uint32Array(bytes);
  }

  protected release({ range }: WebGpuBuffer): void {
    this.heaps.free(range);
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
        each.table.destroy();
        for (const step of each.ready.keys()) if (made.get(step) === each) made.delete(step);
      }
    };
    try {
      const missing = distinct.filter((step) => !made.has(step));
      const sharers = sharePipelines(this.placed(missing, buffers));
      const pipelines = await Promise.all(sharers.map((each) => this.pipeline(each)));
      const own: Made = { table: this.table(sharers), ready: new Map(), users: 1 };
      used.add(own);
      await this.bind(sharers, pipelines, own);
      for (const step of missing) made.set(step, own);
    } catch (problem) {
      release();
      throw problem;
    }
    const readySteps = new Map([...used].flatMap(({ ready }) => [...ready]));
    const ready = program.steps.map((step) => readySteps.get(step) as ReadyStep);
    const dispatches = dispatchesOf(ready);
    return {
      run: (times) => this.run(dispatches, times),
      ...(this.device.features.has('timestamp-query') && 2 * ready.length <= MOST_QUERIES
        ? { timeSteps: (updates: number) => this.timeSteps(ready, updates) }
        : {}),
      dispose: release,
    };
  }

  /** Makes the steps ready to run on their memory. @throws BackendError when the device refuses */
  private async bind(
    sharers: readonly Sharers[],
    pipelines: readonly GPUComputePipeline[],
    { table, ready }: Made,
  ): Promise<void> {
    this.device.pushErrorScope('validation');
    const groups = new Map<string, GPUBindGroup>();
    sharers.forEach(({ steps, slot, numbering }, i) => {
      const chunk = Math.floor(slot / ENTRIES);
      steps.forEach(({ step, heaps, size, read, written }, at) => {
        const group = this.group(groups, heaps, table, chunk);
        ready.set(step, { pipeline: pipelines[i], group, size, numbering, number: at + 1, read, written });
      });
    });
    const error = await this.device.popErrorScope();
    await this.check();
    if (error) throw this.error(kindOf(error), `The program cannot be bound: ${error.message}`);
  }

  async synchronize(): Promise<void> {
    this.requireOpen();
    try {
      await this.answer(this.device.queue.onSubmittedWorkDone(), 'the end of its work');
    } catch (cause) {
      if (cause instanceof BackendError) throw cause;
      await this.lossOrNothing();
      await this.check();
      throw this.error('lost', `The device does not end its work: ${(cause as Error).message}`, { cause });
    }
    await this.check();
  }

  protected async end(): Promise<void> {
    // Work in flight when a device ends has crashed drivers.
    if (!this.lost) {
      await this.device.queue.onSubmittedWorkDone().catch(() => undefined);
      await Promise.all(this.scopes);
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
      let bound: GPUBindGroup | undefined;
      for (let i = Math.min(left, most); i > 0; i--) {
        for (const { pipeline, group, x, y, z } of dispatches) {
          if (pipeline !== current) pass.setPipeline(pipeline);
          current = pipeline;
          if (group !== bound) pass.setBindGroup(0, group);
          bound = group;
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
  private async timeSteps(steps: readonly ReadyStep[], updates: number): Promise<number[]> {
    const dispatches = steps.map((step) => dispatchesOf([step])[0]);
    const count = 2 * dispatches.length;
    const totals = dispatches.map(() => 0);
    if (count === 0) return totals;
    const querySet = this.device.createQuerySet({ type: 'timestamp', count });
    const stamps = this.createBuffer(8 * count, QUERY_RESOLVE | COPY_SRC, 'timestamps');
    const label = 'the timestamps';
    try {
      for (let update = 0; update < updates; update++) {
        const encoder = this.device.createCommandEncoder();
        dispatches.forEach(({ pipeline, group, x, y, z }, i) => {
          const pass = encoder.beginComputePass({
            timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
          });
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(x, y, z);
          pass.end();
        });
        encoder.resolveQuerySet(querySet, 0, count, stamps, 0);
        const staging = this.takeStaging(8 * count);
        encoder.copyBufferToBuffer(stamps, 0, staging, 0, 8 * count);
        this.submit(encoder);
        this.counters.dispatches += dispatches.length;
        this.counters.readbacks++;
        await this.answer(staging.mapAsync(MODE_READ, 0, 8 * count), label);
        const times = new BigUint64Array(staging.getMappedRange(0, 8 * count));
        // A clock that was reset meanwhile gives nothing to count.
        dispatches.forEach((_, i) => {
          totals[i] += Math.max(0, Number(times[2 * i + 1] - times[2 * i])) / 1e6;
        });
        staging.unmap();
        this.staging.push(staging);
      }
      await this.check();
    } finally {
      querySet.destroy();
      stamps.destroy();
    }
    return totals.map((total) => total / updates);
  }

  private submit(encoder: GPUCommandEncoder): void {
    this.device.queue.submit([encoder.finish()]);
    this.counters.submits++;
  }

  /** @throws BackendError when a step works on more heaps than the adapter binds */
  private placed(steps: readonly Step[], buffers: readonly WebGpuBuffer[]): PlacedStep[] {
    const placed = placeSteps(steps, (buffer) => buffers[buffer].range, this.device);
    const { maxStorageBuffersPerShaderStage: most } = this.device.limits;
    for (const { step, heaps } of placed) {
      if (heaps.length <= most) continue;
      throw this.error(
        'limit',
        `'${step.label}' works on ${heaps.length} buffers, more than this adapter's maxStorageBuffersPerShaderStage of ${most}.`,
        { limit: 'maxStorageBuffersPerShaderStage' },
      );
    }
    return placed;
  }

  /** The values of steps that share no pipeline. */
  private table(sharers: readonly Sharers[]): GPUBuffer {
    const entries = sharers.filter(({ numbering }) => !numbering);
    const chunks = Math.max(1, Math.ceil(entries.length / ENTRIES));
    const data = new ArrayBuffer(ENTRY * ENTRIES * chunks);
    for (const { slot, steps } of entries)
      writeEntry(new DataView(data, ENTRY * slot, ENTRY), steps[0].use, steps[0].code.floats);
    const buffer = this.createBuffer(data.byteLength, UNIFORM | COPY_DST, 'parameters of kernels');
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  private group(
    known: Map<string, GPUBindGroup>,
    heaps: readonly Heap[],
    table: GPUBuffer,
    chunk: number,
  ): GPUBindGroup {
    const key = [chunk, ...heaps.map(({ number }) => number)].join();
    let group = known.get(key);
    if (!group) {
      const size = ENTRY * ENTRIES;
      group = this.device.createBindGroup({
        layout: this.layout(heaps.length),
        entries: [
          ...heaps.map(({ gpu }, binding) => ({ binding, resource: { buffer: gpu } })),
          { binding: heaps.length, resource: { buffer: table, offset: size * chunk, size } },
        ],
      });
      known.set(key, group);
    }
    return group;
  }

  private layout(heaps: number): GPUBindGroupLayout {
    let layout = this.layouts.get(heaps);
    if (!layout) {
      const types = [...Array<GPUBufferBindingType>(heaps).fill('storage'), 'uniform' as const];
      layout = this.device.createBindGroupLayout({
        label: `${heaps} heaps`,
        entries: types.map((type, binding) => ({ binding, visibility: STAGE_COMPUTE, buffer: { type } })),
      });
      this.layouts.set(heaps, layout);
    }
    return layout;
  }

  private pipeline({ steps, slot, numbering }: Sharers): Promise<GPUComputePipeline> {
    const { step, code, heaps } = steps[0];
    const uses = steps.map(({ use }) => use);
    const sizes = heaps.map(({ count }) => count);
    const wgsl = place(code.wgsl, sizes, uses, slot % ENTRIES, numbering);
    const label = step.kind === 'fused' ? step.label : step.kernel;
    // Literals of places are this program's own: kept, they would outlive it for nothing.
    if (numbering) return this.compile(wgsl, heaps.length, label);
    let pipeline = this.pipelines.get(wgsl);
    if (!pipeline) {
      pipeline = this.compile(wgsl, heaps.length, label);
      this.pipelines.set(wgsl, pipeline);
      // Another program may have more luck, as after a want of memory.
      pipeline.catch(() => this.pipelines.delete(wgsl));
      const [oldest] = this.pipelines.keys();
      if (this.pipelines.size > MOST_KEPT_PIPELINES) this.pipelines.delete(oldest);
    }
    return pipeline;
  }

  private async compile(wgsl: string, heaps: number, label: string): Promise<GPUComputePipeline> {
    this.counters.pipelinesCreated++;
    // A module with errors would raise an uncaptured one besides the message with its line.
    this.device.pushErrorScope('validation');
    const module = this.device.createShaderModule({ label, code: wgsl });
    const layout = this.device.createPipelineLayout({ label, bindGroupLayouts: [this.layout(heaps)] });
    // Asked for before anything is known of the module: it is made while others are still being read.
    const pipeline = this.device.createComputePipelineAsync({
      label,
      layout,
      compute: { module, entryPoint: 'main' },
    });
    this.rest?.(pipeline);
    const made = pipeline.then(
      (value) => ({ value }),
      (cause: Error) => ({ cause }),
    );
    const scope = this.device.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const wrong = messages.find((message) => message.type === 'error');
    if (wrong) {
      const line = wgsl.split('\n')[wrong.lineNum - 1]?.trim() ?? '';
      throw this.error(
        'shader',
        `The shader of '${label}' does not compile: line ${wrong.lineNum}:${wrong.linePos}: ${wrong.message} («${line}»).`,
      );
    }
    const error = await scope;
    if (error) throw this.error('shader', `The shader of '${label}' is refused: ${error.message}`);
    const result = await made;
    if ('value' in result) return result.value;
    const { cause } = result;
    await this.lossOrNothing();
    await this.check();
    throw this.error('shader', `The pipeline of '${label}' cannot be built: ${cause.message}`, { cause });
  }

  private createBuffer(size: number, usage: number, label: string): GPUBuffer {
    this.device.pushErrorScope('out-of-memory');
    const buffer = this.device.createBuffer({ label, size, usage });
    const scope = this.device.popErrorScope().then(
      (error) => {
        if (error)
          this.fail('memory', `There is no memory for '${label}' (${formatCount(size)}B): ${error.message}`);
      },
      () => undefined, // a lost device, which reports itself
    );
    this.scopes.add(scope);
    scope.then(() => this.scopes.delete(scope));
    this.counters.buffersCreated++;
    return buffer;
  }

  /** The smallest free staging buffer that is large enough, or a new one with room to grow. */
  private takeStaging(bytes: number): GPUBuffer {
    let best = -1;
    this.staging.forEach((buffer, i) => {
      if (buffer.size >= bytes && (best < 0 || buffer.size < this.staging[best].size)) best = i;
    });
    if (best >= 0) return this.staging.splice(best, 1)[0];
    const size = Math.max(LEAST_STAGING, 2 ** Math.ceil(Math.log2(bytes)));
    return this.createBuffer(
      Math.min(size, this.device.limits.maxBufferSize),
      MAP_READ | COPY_DST,
      'readback',
    );
  }

  /** The first error is the one to tell; those that follow are mostly its consequences. */
  private fail(fault: DeviceFault, message: string): void {
    this.failure ??= this.error(fault, message);
  }

  private error(fault: DeviceFault, problem: string, details: DeviceDetails = {}): BackendError {
    const adapter = this.description;
    // Drivers report in several lines.
    const line = problem.replace(/\s+/g, ' ').trim();
    return new BackendError(`${line} (${adapter})`, { hint: remedies[fault], ...details, fault, adapter });
  }

  /** @throws BackendError when the device does not answer in time, as one that hangs */
  private async answer<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // Nothing more is waited for, not even by `dispose`.
        this.lost = true;
        this.fail('timeout', `The device has not given ${what} in ${this.patienceSeconds} s.`);
        reject(this.failure);
      }, 1000 * this.patienceSeconds);
    });
    const first = Promise.race([promise, late]);
    this.rest?.(first);
    try {
      return await first;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the news of a loss, which may come after the failures that it causes. */
  private async lossOrNothing(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = new Promise((done) => {
      timer = setTimeout(done, 100);
    });
    await Promise.race([this.device.lost, soon]);
    clearTimeout(timer);
  }

  /** Throws what went wrong since the last check; a lost device stays lost. */
  private async check(): Promise<void> {
    if (this.scopes.size > 0) await Promise.all(this.scopes);
    const failure = this.failure;
    if (!failure) return;
    if (!this.lost) this.failure = undefined;
    throw failure;
  }
}

/** What WebGPU calls the error. */
function kindOf(error: GPUError): DeviceFault {
  return error.constructor?.name === 'GPUOutOfMemoryError' ? 'memory' : 'validation';
}
