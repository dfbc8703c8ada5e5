// The ground under the other device tests: this runtime has the backend it was started for, and that
// backend multiplies. On WebGPU through a shader of our own, with none of the library in between.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackendName } from '../../src/backend/backend.ts';

declare global {
  var DIVERGRAD_TEST_BACKEND: BackendName | undefined;
  var divergradTestGpu: GPU | undefined;
}

const count = 1000; // not a multiple of the workgroup
const factor = 0x9e3779b9; // wraps round 32 bits, as integers must in every backend

const shader = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> products: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&products)) {
    products[id.x] = products[id.x] * ${factor}u;
  }
}`;

async function openGpu(): Promise<GPU> {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Dawn crashes when the GPU object is garbage-collected before its devices, so it stays reachable.
  globalThis.divergradTestGpu ??= create([]) as GPU;
  return globalThis.divergradTestGpu;
}

async function multiplyOnGpu(numbers: Uint32Array<ArrayBuffer>): Promise<Uint32Array> {
  const adapter = await (await openGpu()).requestAdapter();
  assert.ok(adapter, 'there is no WebGPU adapter');
  const device = await adapter.requestDevice();
  device.pushErrorScope('validation');
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const storage = device.createBuffer({ size: numbers.byteLength, usage });
  const readback = device.createBuffer({
    size: numbers.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(storage, 0, numbers);
  const module = device.createShaderModule({ code: shader });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: storage } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(numbers.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(storage, 0, readback, 0, numbers.byteLength);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const result = new Uint32Array(readback.getMappedRange().slice(0));
  readback.unmap();
  assert.is(await device.popErrorScope(), null);
  device.destroy();
  return result;
}

test('the backend of this run multiplies', async () => {
  const backend = globalThis.DIVERGRAD_TEST_BACKEND;
  assert.ok(backend && ['cpu', 'wasm', 'webgpu'].includes(backend), `unknown backend ${backend}`);
  const numbers = Uint32Array.from({ length: count }, (_, i) => i);
  const products =
    backend === 'webgpu' ? await multiplyOnGpu(numbers) : numbers.map((n) => Math.imul(n, factor));
  const expected = Array.from(numbers, (n) => Number((BigInt(n) * BigInt(factor)) % 2n ** 32n));
  assert.equal(Array.from(products), expected);
});

test.run();
