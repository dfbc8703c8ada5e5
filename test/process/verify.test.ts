// `divergrad verify` as users run it: the built command line in a process of its own.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/cli/verify.ts';
import { command } from '../helpers/command.ts';
import { cli, type Ended, inFolder } from '../helpers/process.ts';

const golden = 'test/golden';

const verify = (...args: string[]): Promise<Ended> => cli(['verify', ...args]);

test('a line per group, and exit code 0 when all pass', async () => {
  const { code, stdout, stderr } = await verify(golden, '--group', 'mlp_small', '--group', 'estimators_ab');
  assert.is(code, 0, stderr);
  const lines = stdout.trim().split('\n');
  assert.match(lines[0], /^test\/golden on cpu/);
  assert.match(
    lines[1],
    /^estimators_ab {4}\d+ passed, 0 failed, \d+ not built, worst error 0\.\d+× of the tolerance$/,
  );
  assert.match(lines[2], /^mlp_small {8}18 passed, 0 failed, 0 not built/);
  assert.match(lines[3], /^total/);
  assert.is(lines.length, 4);
});

test('--group takes the wider name as well', async () => {
  const { stdout } = await verify(golden, '--group', 'mlp');
  assert.match(stdout, /^mlp_large/m);
  assert.match(stdout, /^optim/m);
  assert.not.match(stdout, /^ops_/m);
});

test('--json prints one document with every case; float64 passes too', async () => {
  const { code, stdout, stderr } = await verify(golden, '--json', '--precision', 'f64', '--group', 'ops');
  assert.is(code, 0, stderr);
  const report = JSON.parse(stdout) as VerifyReport;
  assert.is(report.backend, 'cpu');
  assert.is(report.precision, 'f64');
  assert.ok(report.cases.length >= 199);
  assert.ok(report.cases.every(({ status: found }) => found === 'passed'));
});

/** Groups whose programs a software adapter compiles soon, and one that has nothing for a device. */
const quick = ['ops_unary', 'ops_reduce', 'optim', 'estimators_i', 'envs'].flatMap((name) => [
  '--group',
  name,
]);

test('webgpu passes cases of operations, optimisers and estimators, and says what needed more than the tolerance', async () => {
  const { code, stdout, stderr } = await verify(golden, '--backend', 'webgpu', '--json', ...quick);
  const report = JSON.parse(stdout) as VerifyReport;
  assert.is(report.backend, 'webgpu');
  assert.is(code, 0, stderr);
  const left = report.cases.filter(({ status: found }) => found !== 'passed' && found !== 'not applicable');
  assert.equal(left, []);
  for (const { group, status: found } of report.cases) {
    assert.is(found === 'not applicable', group === 'envs' || group === 'mujoco');
  }
  for (const { beyond, counts } of report.groups) assert.ok(beyond <= counts.passed);
});

test('a wrong number fails with exit code 1 and the case, the key and both numbers', async () => {
  await inFolder(async (folder) => {
    const document = JSON.parse(readFileSync(`${golden}/ops_unary.json`, 'utf8'));
    document.cases[0].expect.y.data[0] += 0.5;
    mkdirSync(join(folder, 'envs'));
    writeFileSync(join(folder, 'ops_unary.json'), JSON.stringify(document));
    const { code, stdout } = await verify(folder);
    assert.is(code, 1);
    assert.match(stdout, /^ops_unary {8}24 passed, 1 failed/m);
    assert.match(
      stdout,
      /failed: ops_unary unary\/exp: y \[0\] is \S+, expected \S+ \(.*× of the tolerance, 1× allowed\)/,
    );
  });
});

test('bad input: one line, exit code 2 for usage, 1 for what cannot be read', async () => {
  const cases: [args: string[], status: number, message: RegExp][] = [
    [['test/nowhere'], 1, /cannot be read: it does not exist/],
    [['src'], 1, /holds no golden vectors/],
    [[golden, '--group', 'opps'], 2, /Unknown group 'opps'\. Did you mean 'ops'\?/],
    [[golden, '--backend', 'metal'], 2, /Unknown backend 'metal'/],
    [[golden, '--precision', 'f16'], 2, /Unknown precision 'f16'/],
    [[golden, '--precision', 'f64', '--backend', 'webgpu'], 2, /webgpu backend has no f64/],
    [[golden, '--backend', 'wasm', '--simd', 'avx'], 2, /Unknown SIMD variant 'avx'/],
    [[golden, '--threads', '2'], 2, /--simd and --threads are options of the wasm backend/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stdout, stderr } = await command('verify', ...args);
    assert.is(code, expected, `${args}: ${stderr}`);
    assert.match(stderr, message);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
    assert.is(stdout, '');
  }
});

test.run();
