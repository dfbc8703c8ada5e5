import type { Backend, BackendName } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device, type Recorder } from '../../src/device.ts';
import { lower } from '../../src/program/lower.ts';
import type { Program } from '../../src/program/program.ts';
import {
  clockState,
  input,
  type MlpKernels,
  Recording,
  type RecordingOptions,
  recordInto,
  type State,
  type Tensor,
} from '../../src/tape/index.ts';

declare global {
  var DIVERGRAD_TEST_BACKEND: BackendName | undefined;
}

/** The backend this process is to test: the runner says which, the CPU where nobody does. */
export const testBackend = (): BackendName => globalThis.DIVERGRAD_TEST_BACKEND ?? 'cpu';

/** A device on {@link testBackend}. */
export async function openDevice(): Promise<Device> {
  if (testBackend() === 'cpu') return new Device(createCpuBackend());
  if (testBackend() === 'wasm') {
    const { openWasm } = await import('../../src/backend/wasm/backend.ts');
    return new Device(await openWasm());
  }
  const { openWebGpu } = await import('../../src/backend/webgpu/open.ts');
  return new Device((await openWebGpu()) as Backend);
}

/** The reference: float64 arithmetic and storage. */
export const exactDevice = (): Device => new Device(createCpuBackend({ precision: 'f64' }));

type Outputs = Readonly<Record<string, Tensor>>;
export type Body = (recorder: Recorder) => Outputs;

/** A recording without a device. */
export function recordOnly(
  body: Body,
  options: Partial<RecordingOptions> & { clock?: State } = {},
): Recording {
  const recording = new Recording(
    {
      mlp: options.mlp ?? 'fused',
      joinedBindings: options.joinedBindings ?? 0,
      halfHidden: options.halfHidden ?? false,
      ...(options.fusedWidth === undefined ? {} : { fusedWidth: options.fusedWidth }),
    },
    options.clock ?? clockState(0),
  );
  recordInto(recording, () => {
    for (const [name, tensor] of Object.entries(body({ input }))) recording.outputs.set(name, tensor);
    recording.finish();
  });
  return recording;
}

/** A program without a device. */
export const lowered = (body: Body, options: Partial<RecordingOptions> = {}): Program =>
  lower(recordOnly(body, options));

export type Data = Readonly<Record<string, ArrayLike<number>>>;

/** Records, runs once on the exact device (or another), and reads every output. */
export async function evaluate<Names extends string>(
  body: (recorder: Recorder) => Readonly<Record<Names, Tensor>>,
  inputs: Data = {},
  {
    device = exactDevice(),
    seed = 0,
    ...options
  }: { device?: Device; seed?: number; mlp?: MlpKernels; halfHidden?: boolean } = {},
): Promise<Record<Names, Float64Array>> {
  const update = await device.compile(body, { seed, ...options });
  update.write(inputs);
  update.run();
  const result: Record<string, Float64Array> = {};
  for (const name of update.program.outputs.keys()) result[name] = Float64Array.from(await update.read(name));
  update.dispose();
  return result as Record<Names, Float64Array>;
}
