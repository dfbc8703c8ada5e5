// A process that uses WebGPU and then ends as its argument says; run by exit.test.ts in Node and Deno.
const mode = process.argv[2];
let gpu = globalThis.navigator?.gpu;
if (!gpu) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Dawn crashes when the object that create() returns is garbage-collected before its devices are.
  gpu = globalThis.divergradSmokeGpu = create([]);
}
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice();
const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
device.queue.writeBuffer(buffer, 0, new Uint32Array([1, 2, 3, 4]));
device.queue.submit([]); // wgpu holds writes back until the next submit, and mapping does not wait for them
await buffer.mapAsync(GPUMapMode.READ);
console.log(`read ${new Uint32Array(buffer.getMappedRange()).join(' ')}`);
if (mode === 'destroys') device.destroy();
if (mode === 'throws') throw new Error('on purpose');
if (mode === 'rejects') Promise.reject(new Error('on purpose'));
if (mode === 'exits') process.exit(5);
if (mode === 'sets a code') process.exitCode = 4;
