// The peak of a WebGPU adapter: multiply-adds in registers, storage buffers that stream past.
import { BackendError } from '../../src/errors.ts';
import multiplyAddCode from './multiply_add.wgsl';
import { bestOf, type Peak, type Streams, streams } from './peak.ts';
import streamCode from './stream.wgsl';

// Node has no global GPUBufferUsage.
const UNIFORM_COPY_DST = 0x48;
const STORAGE_COPY_DST = 0x88;

const WORKGROUP = 64;
const WORKGROUPS = 64;
const INVOCATIONS = WORKGROUP * WORKGROUPS;
const VECTOR_BYTES = 16;
const SUMS = 8;
const LANES = 4;
/** Least duration of a measurement: a dispatch and a submit must not show. */
const MINIMUM_MS = 20;

/** @param gpu where to get the adapter, @param sizes bytes of the working sets, @param rounds measurements, the best of which counts */
export async function measureWebGpuPeak(
  gpu: GPU,
  sizes: readonly number[],
  rounds: number,
): Promise<Omit<Peak, 'launchMicroseconds'>> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new BackendError('WebGPU offers no adapter.', { fault: 'absent' });
  const device = await adapter.requestDevice();
  const buffers: GPUBuffer[] = [];
  const buffer = (size: number, usage: number): GPUBuffer => {
    buffers.push(device.createBuffer({ size, usage }));
    return buffers[buffers.length - 1];
  };
  try {
    const params = buffer(16, UNIFORM_COPY_DST);
    const result = buffer(VECTOR_BYTES * INVOCATIONS, STORAGE_COPY_DST);
    const data = buffer(Math.max(...sizes), STORAGE_COPY_DST);
    device.queue.writeBuffer(data, 0, new Float32Array(data.size / 4).fill(1));
    const kernel = (code: string, entryPoint: string, bound: readonly GPUBuffer[]) => {
      const module = device.createShaderModule({ code });
      const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
      const used = entryPoint === 'main' ? bound : bound.slice(0, 3);
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: used.map((each, binding) => ({ binding, resource: { buffer: each } })),
      });
      return { pipeline, group };
    };
    type Kernel = ReturnType<typeof kernel>;
    const once = async ({ pipeline, group }: Kernel, words: ArrayBuffer, times: number): Promise<number> => {
      device.queue.writeBuffer(params, 0, words);
      await device.queue.onSubmittedWorkDone();
      const begun = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(WORKGROUPS);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - begun;
    };
    /** Least milliseconds of one dispatch. */
    const least = async (each: Kernel, words: ArrayBuffer): Promise<number> => {
      let times = 1;
      while ((await once(each, words, times)) < MINIMUM_MS) times *= 2;
      return 1 / (await bestOf(rounds, async () => times / (await once(each, words, times))));
    };

    const steps = 4096;
    const ms = await least(kernel(multiplyAddCode, 'main', [params, result]), words([steps], [0.5, 1]));
    const gflops = (INVOCATIONS * steps * SUMS * LANES * 2) / ms / 1e6;
    const rows: Streams[] = [];
    const kernels = streams.map((name) => kernel(streamCode, name, [params, data, result]));
    for (const bytes of sizes) {
      const vectors = 3 * Math.floor(bytes / VECTOR_BYTES / 3);
      const rates: number[] = [];
      for (const each of kernels) {
        rates.push(
          (VECTOR_BYTES * vectors) / (await least(each, words([vectors, INVOCATIONS], [0.5]))) / 1e6,
        );
      }
      rows.push({ bytes, read: rates[0], triad: rates[1] });
    }
    return {
      backend: 'webgpu',
      instructions: 'multiplications and additions of four floats',
      threads: 1,
      gflops,
      streams: rows,
    };
  } finally {
    for (const each of buffers) each.destroy();
    device.destroy();
  }
}

/** Whole numbers, then floats. */
function words(integers: readonly number[], floats: readonly number[]): ArrayBuffer {
  const bytes = new ArrayBuffer(16);
  new Uint32Array(bytes).set(integers);
  new Float32Array(bytes).set(floats, integers.length);
  return bytes;
}
