// Random programs by the thousand, values and gradients, on the backends given: node build.mjs fuzz
// [--programs N] [--seed S] [--backends cpu,wasm,webgpu]. The seed is printed first, a failure with its program
// shrunk and the seed and path that repeat it.
import * as fc from 'fast-check';
import type { Device } from '../../src/device.ts';
import { type BackendChoice, open } from '../../src/open/open.ts';
import { compareDevices, programs } from '../helpers/fuzz-programs.ts';
import { optionsOf } from '../helpers/options.ts';

const options = optionsOf(
  { programs: 10_000, seed: Date.now() % 2 ** 31, backends: 'cpu,wasm', path: '' },
  'usage: node build.mjs fuzz [--programs=N] [--seed=S] [--path=P] [--backends=cpu,wasm,webgpu]',
);

console.log(`${options.programs} programs on ${options.backends}, seed ${options.seed}`);
const devices: Record<string, Device> = {};
for (const backend of options.backends.split(','))
  devices[backend] = await open({ backend: backend as BackendChoice });
const start = performance.now();
let done = 0;
const result = await fc.check(
  fc.asyncProperty(programs(40), async (program) => {
    await compareDevices(devices, program);
    if (++done % 1000 === 0) console.log(`${done} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }),
  { numRuns: options.programs, seed: options.seed, ...(options.path ? { path: options.path } : {}) },
);
for (const device of Object.values(devices)) await device.dispose();
if (result.failed) {
  console.log(`failed after ${result.numRuns} programs and ${result.numShrinks} shrinks`);
  console.log(`repeat with --seed=${result.seed} --path=${result.counterexamplePath}`);
  console.log(String((result.errorInstance as Error | undefined)?.message ?? result.errorInstance));
  process.exitCode = 1;
} else console.log(`all ${result.numRuns} agree, in ${((performance.now() - start) / 1000).toFixed(0)} s`);
