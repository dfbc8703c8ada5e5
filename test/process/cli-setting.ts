// What the tests of the command line share: what it refuses, and what a bench says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench-document.ts';
import type { ScalingSummary } from '../../src/measure/scaling-summary.ts';
import { cliIn, inFolder, type Runtime } from '../helpers/process.ts';

/** Drivers that lead nowhere: a machine without an adapter. */
export const noAdapter = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };
export const tiny = ['--quick', '--estimators', 'reverse-kl/pathwise', '--batch', '4', '--hidden', '8'];

/** The line that tells the error. What drivers print by themselves is not counted. */
export function errorLine({ stderr }: { readonly stderr: string }): string {
  const lines = stderr.split('\n').filter((line) => line.startsWith('divergrad: '));
  assert.is(lines.length, 1, `one line expected:\n${stderr}`);
  assert.not.match(stderr, /cli\.js:\d+|\.ts:\d+/, `no stack trace expected:\n${stderr}`);
  return lines[0];
}

/** Refused with exit code 2. */
export const usage: [args: string[], expected: RegExp][] = [
  [['benchh'], /Unknown command 'benchh'.*'bench'/],
  [['bench', '--estimator', 'x'], /unknown option '--estimator'.*--estimators/],
  [
    ['bench', '--estimators', 'reverse-kl/path'],
    /Unknown estimator 'reverse-kl\/path'.*reverse-kl\/pathwise/,
  ],
  [['bench', '--estimators', 'reverse-kl/score:lo'], /Unknown variant.*loo/],
  [['bench', '--estimators', 'a,,b'], /separated by commas/],
  [['bench', '--distribution', 'gausian'], /Unknown distribution 'gausian'.*gaussian/],
  [['bench', '--backend', 'cuda'], /Unknown backend 'cuda'.*webgpu/],
  [['bench', '--backend', 'metal'], /Unknown backend 'metal'.*Known: all, auto, webgpu, wasm, cpu/],
  [
    ['bench', '--estimators', 'reverse-kl/pathwise', '--distribution', 'categorical'],
    /reverse-kl\/pathwise does not work.*categorical.*these work/,
  ],
  [
    ['bench', '--backend', 'cpu', '--samples', '1', '--estimators', 'reverse-kl/score:loo'],
    /at least 2 samples/,
  ],
  ...['0', '-1', '1.5', 'many', '1e9', '1e-3', '99999999'].map((batch): [string[], RegExp] => [
    ['bench', `--batch=${batch}`],
    /--batch.*whole number from 1 to 65536/,
  ]),
  [['bench', '--hidden', '64,x'], /--hidden.*whole number/],
  [['bench', '--seed', '-1'], /--seed.*whole number/],
  [['bench', '--batch'], /--batch.*argument missing/],
  [['doctor', 'extra'], /too many arguments/],
  [['train', '--steps', '1e3'], /No environment was named.*--env NAME.*pendulum.*humanoid/],
  [['train', '--env', 'Pendulum-v1'], /Unknown environment 'Pendulum-v1'.*Did you mean 'pendulum'/],
  [['train', '--env', 'pendulum', '--step', '5'], /unknown option '--step'.*--steps/],
  [
    ['train', '--env', 'pendulum', '--estimator', 'sac'],
    /Unknown estimator 'sac'.*mean 'reverse-kl\/pathwise'/,
  ],
  [['train', '--env', 'pendulum', '--distribution', 'normal'], /Unknown distribution.*mean 'gaussian'/],
  [['trian'], /Unknown command 'trian'.*'train'/],
  [['bench', '--backend', 'gpu'], /Unknown backend 'gpu'.*mean 'webgpu'/],
  [['train', '--nope'], /unknown option '--nope'/],
  [['train', '--env', 'pendulm'], /Unknown environment 'pendulm'.*pendulum/],
  [['train', '--env', 'pendulum', '--estimator', 'forward-kl/sniss'], /Unknown estimator.*forward-kl\/snis/],
  [['train', '--env', 'pendulum', '--distribution', 'categorical'], /categorical/],
  [['bench', '--scaling', 'height'], /Unknown axis of scaling 'height'.*batch/],
  [['bench', '--scaling', 'batch', '--longest-ms', '0'], /--longest-ms.*milliseconds/],
  [['bench', '--longest-ms', '5'], /--longest-ms goes with --scaling/],
  [['bench', '--sizes', '1,2'], /--sizes goes with --scaling/],
  [['bench', '--sizes', '1,2', '--scaling', 'all'], /--sizes goes with --scaling and one axis/],
  [['bench', '--out', '/tmp/x'], /--out goes with --scaling/],
  [['bench', '--backend', 'cpu', '--f16'], /float16 on webgpu only, not on cpu.*--backend webgpu/],
  [['train', '--env', 'pendulum', '--steps', '0'], /--steps.*whole number/],
  [['train', '--env', 'pendulum', '--backend', 'cuda'], /Unknown backend 'cuda'/],
];

const positiveFields = [
  'msPerUpdate',
  'kernelsPerUpdate',
  'flops',
  'bytes',
  'arenaBytes',
  'stateBytes',
] as const;

/** @param begun when the command was started, ms since the epoch */
export function checkBench(
  text: string,
  { backend, estimators, begun }: { backend: string; estimators: string[]; begun: number },
): void {
  const { kind, date, reports, absent } = JSON.parse(text) as BenchDocument;
  assert.is(kind, 'divergrad-cost');
  assert.ok(Date.parse(date) >= begun && Date.parse(date) <= Date.now(), date);
  assert.equal(absent, []);
  assert.equal(
    reports.map((report) => report.backend),
    [backend],
  );
  const [report] = reports;
  assert.equal(
    report.rows.map(({ estimator }) => estimator),
    estimators,
  );
  assert.ok(report.adapter && report.precision && report.versions.divergrad && report.versions.v8);
  assert.is(report.settings.seed, 5);
  for (const row of [...report.rows, ...report.wholeUpdate]) {
    for (const field of positiveFields)
      assert.ok(row[field] > 0, `${field} of ${row.estimator} is ${row[field]}`);
    assert.is(row.submitsPerRun, 1);
    assert.equal([row.readbacks, row.buffersCreated, row.pipelinesCreated], [0, 0, 0]);
  }
  assert.is(report.rows[0].ratio, 1);
  assert.equal(
    report.wholeUpdate.map(({ mlp }) => mlp),
    ['fused', 'tiled'],
  );
  for (const { hostMsPerUpdate: host, msPerUpdate } of report.wholeUpdate) {
    if (backend !== 'webgpu') assert.is(host, null);
    // More than encoding would be waiting for the device, which takes milliseconds.
    else assert.ok(host !== null && host > 0 && host < msPerUpdate, `${host} of ${msPerUpdate} ms`);
  }
}

export const three = ['reverse-kl/pathwise', 'reverse-kl/score:loo', 'forward-kl/snis:policy'];
export const benchArgs = [
  'bench',
  '--quick',
  '--batch',
  '4',
  '--hidden',
  '8',
  '--seed',
  '5',
  '--estimators',
  three.join(),
];

/** A bench along one axis: sizes, laws and a picture. */
export const checkScaling = (runtime: Runtime): Promise<void> =>
  inFolder(async (out) => {
    const [first] = three;
    const own = ['bench', '--quick', '--batch', '4', '--hidden', '8', '--estimators', first];
    const axis = ['--backend', 'cpu', '--scaling', 'depth', '--sizes', '16,1,2', '--out', out];
    const { code, stdout, stderr } = await cliIn(runtime, [...own, ...axis]);
    assert.is(code, 0, stderr);
    assert.match(stdout, /ms\/update .* against depth/);
    assert.match(stdout, /knee depth/);
    const summary = JSON.parse(readFileSync(join(out, 'depth.json'), 'utf8')) as ScalingSummary;
    assert.is(summary.kind, 'divergrad-scaling');
    assert.equal(
      summary.series[0].points.filter(({ estimator }) => estimator === first).map(({ size }) => size),
      [1, 2, 16],
    );
    assert.match(readFileSync(join(out, 'depth.svg'), 'utf8'), /^<svg /);
  });

const clocks = {
  cpu: ['repetition', 'each run by itself'],
  webgpu: ['timestamps', 'by the timestamps of the device'],
} as const;

/** A bench by kernel: all of the whole update, and how it was timed. */
export const checkByKernel = (runtime: Runtime, backend: keyof typeof clocks): Promise<void> =>
  inFolder(async (folder) => {
    const [clock, how] = clocks[backend];
    const file = join(folder, 'cost.json');
    const args = ['bench', ...tiny, '--by-kernel', '--backend', backend, '--json', file];
    const { code, stdout, stderr } = await cliIn(runtime, args);
    assert.is(code, 0, stderr);
    const [report] = (JSON.parse(readFileSync(file, 'utf8')) as BenchDocument).reports;
    const chosen = report.wholeUpdate.find(({ preferred }) => preferred);
    const kernels = report.kernels?.kernels ?? [];
    assert.is(report.kernels?.clock, clock);
    const sum = (of: (kernel: (typeof kernels)[number]) => number) =>
      kernels.reduce((total, kernel) => total + of(kernel), 0);
    assert.is(
      sum(({ count }) => count),
      chosen?.kernelsPerUpdate,
    );
    assert.is(
      sum(({ flops }) => flops),
      chosen?.flops,
    );
    assert.ok(
      kernels.every(({ ms }) => ms > 0),
      JSON.stringify(kernels),
    );
    assert.match(stdout, `kernels of a whole update with reverse-kl/pathwise, ${how}`);
    for (const { kernel, count } of kernels) assert.match(stdout, new RegExp(`^${kernel} +${count} `, 'm'));
  });
