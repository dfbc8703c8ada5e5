// A kernel with one sign turned round is found by `bench` and by `doctor`, with exit code 1, on webgpu and on wasm; `auto` then takes the next.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench-document.ts';
import type { DoctorReport } from '../../src/cli/doctor.ts';
import { isWrongKernel } from '../../src/measure/kernel-check.ts';
import { agreed } from '../../src/open/probe/quick.ts';
import { command } from '../helpers/command.ts';
import { plantedGpu, signs, withPlantedWasm, withPlatformGpu } from '../helpers/planted.ts';

const small = ['--quick', '--batch', '8', '--hidden', '8', '--estimators', 'reverse-kl/score:loo'];

const noAdapter = { requestAdapter: async () => null } as unknown as GPU;

const webgpu = suite('webgpu');

webgpu('what the probe does not run, bench finds: the row is told as wrong and not timed', async () => {
  // The gradient of the loss by Q, which only pathwise estimators have.
  const gpu = plantedGpu('Planted in a loss', signs.loss_reverse_kl);
  const file = join(mkdtempSync(join(tmpdir(), 'divergrad-planted-')), 'bench.json');
  const { code, stdout, stderr } = await withPlatformGpu(gpu, () =>
    command('bench', ...small, '--backend', 'webgpu', '--json', file),
  );
  assert.is(code, 1, stderr);
  assert.match(stdout, /WRONG kernel: loss_reverse_kl.* gives \S+, expected \S+/);
  assert.match(stdout, /WRONG, not timed: reverse-kl\/pathwise: the gradient of policy\.parameters is/);
  const [{ rows, wrong = [], kernelChecks = [] }] = (JSON.parse(readFileSync(file, 'utf8')) as BenchDocument)
    .reports;
  assert.ok(wrong.some(({ estimator }) => estimator === 'reverse-kl/pathwise'));
  assert.not.ok(rows.some(({ estimator }) => estimator === 'reverse-kl/pathwise'));
  // What has no part in it is right, and timed.
  const [right] = rows;
  assert.is(right.estimator, 'reverse-kl/score:loo');
  assert.ok((right.agreement?.factor ?? 1) < 0.5 && right.msPerUpdate > 0);
  const names = kernelChecks.filter(isWrongKernel).map(({ kernel }) => kernel);
  assert.ok(names.length > 0 && names.every((name) => name.startsWith('loss_reverse_kl')), names.join());
});

webgpu('doctor finds it, kernel by kernel', async () => {
  const gpu = plantedGpu('Planted in a loss', signs.loss_reverse_kl);
  const doctor = await withPlatformGpu(gpu, () => command('doctor', '--json'));
  assert.is(doctor.code, 1, doctor.stderr);
  const { adapters, wasm } = JSON.parse(doctor.stdout) as DoctorReport;
  const wrong = adapters[0].kernels.filter(isWrongKernel).map(({ kernel }) => kernel);
  assert.ok(wrong.length > 0 && wrong.every((name) => name.startsWith('loss_reverse_kl')), wrong.join());
  assert.ok(adapters[0].kernels.length > 25 && wasm && wasm.kernels.length > 15);
  assert.equal(wasm.kernels.filter(isWrongKernel), []);
});

webgpu('what the probe finds, doctor says without its kernels, and auto takes wasm', async () => {
  const gpu = plantedGpu('Planted in Adam', signs.adam);
  const told = await withPlatformGpu(gpu, () => command('doctor', '--no-kernels', '--json'));
  assert.is(told.code, 1, told.stderr);
  const { adapters, wasm, auto } = JSON.parse(told.stdout) as DoctorReport;
  assert.match(adapters[0].refused ?? '', /Planted in Adam.* computes wrong numbers: '\w*adam\w*'/);
  assert.is(wasm?.refused, undefined);
  assert.is(auto.backend, 'wasm');
  assert.match(auto.reason, /WebGPU is not used: .*Planted in Adam.*wrong numbers/);
  const printed = await withPlatformGpu(gpu, () => command('doctor', '--no-kernels'));
  assert.is(printed.code, 1, printed.stderr);
  assert.match(printed.stdout, /WRONG, not opened: .*Planted in Adam/);
  assert.match(printed.stdout, /auto picks wasm/);
});

webgpu('what the probe finds is refused by name; with all backends the others are measured', async () => {
  const gpu = plantedGpu('Planted in Adam', signs.adam);
  const refused = await withPlatformGpu(gpu, () => command('bench', ...small, '--backend', 'webgpu'));
  assert.is(refused.code, 1);
  assert.match(
    refused.stderr,
    /Planted in Adam.* computes wrong numbers: '\w*adam\w*' gives .* expected .* wasm/,
  );
  const all = await withPlatformGpu(gpu, () => command('bench', ...small, '--json', '-'));
  assert.is(all.code, 1, all.stderr);
  const { reports, absent } = JSON.parse(all.stdout) as BenchDocument;
  assert.equal(
    reports.map(({ backend }) => backend),
    ['cpu', 'wasm'],
  );
  assert.equal(
    absent.map(({ backend, wrong }) => [backend, wrong]),
    [['webgpu', true]],
  );
});
webgpu.run();

const wasm = suite('wasm');
wasm('a turned sign is found by bench and by doctor', async () => {
  const found: string[] = [];
  // Not every subtraction is in what doctor runs, and not all of that is in these rows: what is must not pass bench either.
  const measured = /^(adam|gaussian_sample|loss_soft_bellman|matmul|mlp_|philox)/;
  for (const which of [0, 20, 40]) {
    agreed.clear();
    const doctor = await withPlatformGpu(noAdapter, () =>
      withPlantedWasm(which, () => command('doctor', '--json')),
    );
    const { wasm: checked } = JSON.parse(doctor.stdout) as DoctorReport;
    const wrong = (checked?.kernels ?? []).filter(isWrongKernel).map(({ kernel }) => kernel);
    assert.is(doctor.code, wrong.length > 0 ? 1 : 0);
    if (!wrong.some((kernel) => measured.test(kernel))) continue;
    found.push(...wrong);
    agreed.clear();
    const bench = await withPlantedWasm(which, () => command('bench', ...small, '--backend', 'wasm'));
    assert.is(bench.code, 1, `${wrong}: ${bench.stdout}`);
  }
  assert.ok(found.length > 0);
});
wasm.run();
