import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { measureJavaScriptPeak } from '../../bench/peak/javascript.ts';
import { bestOf, type Peak } from '../../bench/peak/peak.ts';
import { measureWebGpuPeak } from '../../bench/peak/webgpu.ts';
import { rooflineChart } from '../../bench/roofline/chart.ts';
import { launchMicroseconds, rooflineRows } from '../../bench/roofline/roofline.ts';
import type { RooflineReport } from '../../bench/roofline/run.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { costSettings } from '../../src/measure/cost.ts';
import { type KernelTime, timeSteps, timesByKernel } from '../../src/measure/kernel-times.ts';
import { compileWholeUpdate } from '../../src/measure/update-cost.ts';
import { type Ended, startIn } from '../helpers/process.ts';

const rows = suite('rows');

/** 10 GFLOP/s, 20 GB/s near and 2 GB/s far, 1 µs a launch. */
const peak: Peak = {
  backend: 'cpu',
  instructions: 'imagined',
  threads: 1,
  gflops: 10,
  streams: [
    { bytes: 1000, read: 20, triad: 10 },
    { bytes: 1e6, read: 1, triad: 2 },
  ],
  launchMicroseconds: 1,
};

rows('each limit rules where it should, and the share of the roof is the least time over the time', () => {
  const times: KernelTime[] = [
    // 10 MFLOP take 1 ms at least; 1 MB takes 0.5 ms.
    { kernel: 'compute', count: 1, flops: 1e7, bytes: 1e6, ms: 2 },
    // 1 MB takes 0.5 ms at least, 1 MFLOP 0.1 ms.
    { kernel: 'memory', count: 1, flops: 1e6, bytes: 1e6, ms: 0.5 },
    // Four steps of 1000 bytes each stay near: 0.2 µs for all; four launches take 4 µs.
    { kernel: 'launch', count: 4, flops: 4, bytes: 4000, ms: 0.008 },
  ];
  const [compute, memory, launch] = rooflineRows(times, peak);
  assert.equal(
    [compute, memory, launch].map(({ kernel, limit }) => [kernel, limit]),
    [
      ['compute', 'compute'],
      ['memory', 'memory'],
      ['launch', 'launch'],
    ],
  );
  const near = (value: number, expected: number) => assert.ok(Math.abs(value - expected) < 1e-9, `${value}`);
  near(compute.shareOfRoof, 0.5);
  near(compute.gflops, 5);
  near(compute.intensity, 10);
  near(memory.shareOfRoof, 1);
  near(memory.gigabytesPerSecond, 2);
  near(launch.shareOfRoof, 0.5);
  near(launch.leastMs.memory, 4000 / 20e6);
  near(compute.shareOfTime + memory.shareOfTime + launch.shareOfTime, 1);
});

rows('the steps of an update are timed one by one, and its states are as before', async () => {
  const device = new Device(createCpuBackend());
  try {
    const settings = costSettings({ batch: 4, hidden: [8, 8] });
    const { update } = await compileWholeUpdate(device, 'reverse-kl/pathwise', settings);
    update.run(3);
    const { program } = update;
    const before = await Promise.all(program.states.map((state) => device.read(state)));
    const begun = performance.now();
    const ms = await timeSteps(device, update, { rounds: 2, minimumMs: 0.05 });
    const wallMs = performance.now() - begun;
    const after = await Promise.all(program.states.map((state) => device.read(state)));
    assert.equal(after, before);
    assert.is(ms.length, program.steps.length);
    assert.ok(ms.every((time) => time > 0));
    // Every step was run at least once in each of two rounds.
    assert.ok(ms.reduce((total, time) => total + time, 0) < wallMs, `${ms} in ${wallMs} ms`);
    const times = timesByKernel(program, ms);
    const sum = (of: (time: KernelTime) => number) => times.reduce((total, time) => total + of(time), 0);
    assert.is(
      sum(({ flops }) => flops),
      program.flops,
    );
    assert.is(
      sum(({ bytes }) => bytes),
      program.bytes,
    );
    assert.is(
      sum(({ count }) => count),
      program.kernels,
    );
    const tick = program.steps.findIndex((step) => step.kind === 'kernel' && step.kernel === 'tick');
    assert.is(launchMicroseconds(program, ms), 1000 * ms[tick]);
  } finally {
    await device.dispose();
  }
});

rows('the picture shows every backend and names the kernels that take long', () => {
  const times = [{ kernel: 'mlp_forward', count: 2, flops: 1e6, bytes: 1e5, ms: 1 }];
  const panels = ['wasm, 1 thread', 'cpu'].map((name) => ({ name, peak, rows: rooflineRows(times, peak) }));
  const svg = rooflineChart(panels, 'imagined');
  for (const text of ['wasm, 1 thread', 'cpu', 'mlp_forward', 'compute', 'memory', 'launch', 'imagined'])
    assert.ok(svg.includes(text), text);
  assert.not.match(svg, /NaN|undefined|Infinity/);
});
rows.run();

const peaks = suite('peaks');

peaks('the best of several is the largest, measured at once or awaited', async () => {
  const values = [3, 9, 4];
  let i = 0;
  assert.is(
    bestOf(3, () => values[i++]),
    9,
  );
  i = 0;
  assert.is(await bestOf(3, async () => values[i++]), 9);
});

peaks('plain JavaScript: between what no engine is too slow for and what no core reaches', () => {
  const { gflops, streams, threads } = measureJavaScriptPeak([1 << 14, 1 << 20], 3);
  assert.ok(gflops > 0.01 && gflops < 40, `${gflops} GFLOP/s`);
  assert.is(threads, 1);
  assert.equal(
    streams.map(({ bytes }) => bytes),
    [1 << 14, 1 << 20],
  );
  for (const { read, triad } of streams) {
    assert.ok(read > 0.01 && read < 200, `read ${read} GB/s`);
    assert.ok(triad > 0.01 && triad < 200, `triad ${triad} GB/s`);
  }
});

peaks('WebGPU: rates of the adapter that is there', async () => {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]) as GPU;
  const { gflops, streams } = await measureWebGpuPeak(gpu, [1 << 18], 1);
  assert.ok(gflops > 0.02 && gflops < 1e6, `${gflops} GFLOP/s`);
  for (const { read, triad } of streams)
    assert.ok(read > 0.005 && triad > 0.005 && read < 1e5 && triad < 1e5);
});
peaks.run();

const command = suite('command');
const bench = (...args: string[]): Promise<Ended> => startIn('node', 'dist/bench.js', args).ended;

for (const [args, expected] of [
  [['--roofline', '--sizes', 'huge'], /Unknown size 'huge'.*small.*big/],
  [['--roofline', '--backends', 'cuda'], /Unknown backend 'cuda'/],
  [['--roofline', '--threads', '0'], /--threads is '0'/],
  [['--roofline', '--kernels'], /Say one of these/],
  [['--roofline', '--speed'], /--speed/],
] as const) {
  command(`'${args.join(' ')}' is refused with exit code 2`, async () => {
    const { code, stderr, stdout } = await bench(...args);
    assert.is(code, 2, stderr);
    assert.match(stderr, expected);
    assert.is(stdout, '');
  });
}

command('--roofline --json - prints one document', async () => {
  const args = ['--roofline', '--quick', '--backends', 'cpu', '--sizes', 'small', '--json', '-'];
  const { code, stdout, stderr } = await bench(...args);
  assert.is(code, 0, stderr);
  const report = JSON.parse(stdout) as RooflineReport;
  assert.is(report.kind, 'divergrad-roofline');
  assert.equal(
    report.results.map(({ name, size }) => `${name} ${size}`),
    ['cpu small'],
  );
  const [{ rows: kernels, kernelsMs, updateMs, peak: measured }] = report.results;
  assert.ok(kernelsMs > 0 && updateMs > 0 && measured.launchMicroseconds > 0);
  for (const { kernel, ms, shareOfRoof, limit } of kernels) {
    assert.ok(ms > 0 && shareOfRoof > 0, kernel);
    assert.ok(['compute', 'memory', 'launch'].includes(limit));
  }
  assert.ok(report.versions.divergrad);
});
command.run();
