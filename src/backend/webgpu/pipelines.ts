import type { Counters } from '../backend.ts';
import { STAGE_COMPUTE } from './flags.ts';
import type { Bound, Module } from './modules.ts';
import type { DeviceWatch } from './watch.ts';

/** Pipelines that are kept for programs to come: those of programs that are loaded last as long as these. */
const MOST_KEPT = 4096;

type BindingType = Bound['type'] | 'uniform';

/** Pipelines of a device, one for each module's text, and the layouts of their bindings. */
export class Pipelines {
  private readonly made = new Map<string, Promise<GPUComputePipeline>>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();

  constructor(
    private readonly device: GPUDevice,
    private readonly watch: DeviceWatch,
    private readonly counters: Counters,
  ) {}

  /** The layout of a module's bindings. */
  layoutOf({ bound, values }: Module): GPUBindGroupLayout {
    const types: BindingType[] = [...bound.map(({ type }) => type), ...(values ? ['uniform' as const] : [])];
    const key = types.join();
    let layout = this.layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        label: key,
        entries: types.map((type, binding) => ({ binding, visibility: STAGE_COMPUTE, buffer: { type } })),
      });
      this.layouts.set(key, layout);
    }
    return layout;
  }

  /** @throws BackendError when the shader does not compile */
  of(module: Module): Promise<GPUComputePipeline> {
    const { wgsl } = module;
    const known = this.made.get(wgsl);
    if (known) return known;
    const pipeline = this.compile(module);
    this.made.set(wgsl, pipeline);
    // Another program may have more luck, as after a want of memory.
    pipeline.catch(() => this.made.delete(wgsl));
    const [oldest] = this.made.keys();
    if (this.made.size > MOST_KEPT && oldest !== undefined) this.made.delete(oldest);
    return pipeline;
  }

  private async compile(module: Module): Promise<GPUComputePipeline> {
    const { label, wgsl } = module;
    this.counters.pipelinesCreated++;
    // A module with errors would raise an uncaptured one besides the message with its line.
    this.device.pushErrorScope('validation');
    const shader = this.device.createShaderModule({ label, code: wgsl });
    const layout = this.device.createPipelineLayout({ label, bindGroupLayouts: [this.layoutOf(module)] });
    // Asked for before anything is known of the module: it is made while others are still being read.
    const pipeline = this.device.createComputePipelineAsync({
      label,
      layout,
      compute: { module: shader, entryPoint: 'main' },
    });
    this.watch.rest(pipeline);
    const made = pipeline.then(
      (value) => ({ value }),
      (cause: Error) => ({ cause }),
    );
    const scope = this.device.popErrorScope();
    const { messages } = await shader.getCompilationInfo();
    const wrong = messages.find((message) => message.type === 'error');
    if (wrong) {
      const line = wgsl.split('\n')[wrong.lineNum - 1]?.trim() ?? '';
      throw this.watch.error(
        'shader',
        `The shader of '${label}' does not compile: line ${wrong.lineNum}:${wrong.linePos}: ${wrong.message} («${line}»).`,
      );
    }
    const error = await scope;
    if (error) throw this.watch.error('shader', `The shader of '${label}' is refused: ${error.message}`);
    const result = await made;
    if ('value' in result) return result.value;
    const { cause } = result;
    await this.watch.checkForLoss();
    throw this.watch.error('shader', `The pipeline of '${label}' cannot be built: ${cause.message}`, {
      cause,
    });
  }
}
