// Preloaded with `node --import`: the first device of the process is destroyed after so many submissions, as a driver
// that resets it does. DIVERGRAD_TEST_LOSE_AFTER is their number; the file named by DIVERGRAD_TEST_LOST notes the loss.
import { appendFileSync } from 'node:fs';
import { create } from 'webgpu';

const after = Number(process.env.DIVERGRAD_TEST_LOSE_AFTER);
// Dawn's root must outlive its adapters.
globalThis.testGpu = create([]);
const adapter = await globalThis.testGpu.requestAdapter();
const prototype = Object.getPrototypeOf(adapter);
const { requestDevice } = prototype;
let lost = false;
prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  const { queue } = device;
  const queues = Object.getPrototypeOf(queue);
  const submit = queues.submit;
  let submitted = 0;
  if (!lost) {
    queues.submit = function (...buffers) {
      submit.apply(this, buffers);
      if (++submitted !== after) return;
      queues.submit = submit;
      lost = true;
      device.destroy();
      appendFileSync(process.env.DIVERGRAD_TEST_LOST, `${process.pid}\n`);
    };
  }
  return device;
};
