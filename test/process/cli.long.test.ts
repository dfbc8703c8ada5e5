// The rest of the command line in every runtime on every backend, each case as a process of the built program.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench-document.ts';
import { cliIn, everywhere, startCli } from '../helpers/process.ts';
import {
  benchArgs,
  checkBench,
  checkByKernel,
  checkScaling,
  errorLine,
  noAdapter,
  three,
  tiny,
  usage,
} from './cli-setting.ts';

const help = suite('help');
for (const runtime of everywhere) {
  for (const name of ['bench', 'train', 'verify', 'doctor']) {
    help(`${runtime}: ${name} --help shows what every command has`, async () => {
      const { code, stdout, stderr } = await cliIn(runtime, [name, '--help']);
      assert.is(code, 0, stderr);
      assert.is(stderr, '');
      for (const flag of ['--seed', '--json', '--debug', '--help']) assert.ok(stdout.includes(flag), flag);
    });
  }
}
help('deno: --help lists the commands', async () => {
  const { code, stdout } = await cliIn('deno', ['--help']);
  assert.is(code, 0);
  for (const name of ['bench', 'train', 'verify', 'doctor']) assert.ok(stdout.includes(name), name);
});
help.run();

const wrong = suite('wrong input');
for (const [args, expected] of usage) {
  wrong(`the built program refuses '${args.join(' ')}' with exit code 2`, async () => {
    const outcome = await cliIn('node', args);
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
    assert.is(outcome.stdout, '');
    assert.is(outcome.code, 2);
  });
}
for (const [args, expected, code, env] of [
  [['bench', '--batch', 'many'], /--batch/, 2, {}],
  [['verify', '/nowhere/at/all'], /nowhere/, 1, {}],
  [['bench', '--backend', 'webgpu', ...tiny], /no adapter/, 1, noAdapter],
] as [string[], RegExp, number, Record<string, string>][]) {
  wrong(`Deno tells '${args.join(' ')}' in one line too`, async () => {
    const outcome = await cliIn('deno', args, { env });
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.code, code);
  });
}
wrong.run();

const results = suite('results');
for (const [runtime, backend] of [
  ['node', 'webgpu'],
  ['deno', 'cpu'],
  ['deno', 'webgpu'],
] as const) {
  results(`${runtime}: bench --json - on ${backend}, and the process ends`, async () => {
    const begun = Date.now();
    const args = [...benchArgs, '--backend', backend, '--json', '-'];
    const { code, stdout, stderr } = await cliIn(runtime, args);
    assert.is(code, 0, stderr);
    assert.is(stderr, '');
    checkBench(stdout, { backend, estimators: three, begun });
  });
}
results('deno: bench --scaling writes sizes, laws and a picture', () => checkScaling('deno'));
for (const [runtime, backend] of [
  ['node', 'webgpu'],
  ['deno', 'cpu'],
  ['deno', 'webgpu'],
] as const) {
  results(`${runtime}: bench --by-kernel on ${backend} splits the whole update, all of it`, () =>
    checkByKernel(runtime, backend),
  );
}
for (const runtime of everywhere) {
  results(`${runtime}: ends after an error that follows WebGPU's use`, async () => {
    const args = ['bench', '--backend', 'webgpu', ...tiny, '--json', '/dev/full'];
    const outcome = await cliIn(runtime, args);
    assert.match(errorLine(outcome), /cannot be (written|made)/);
    assert.is(outcome.code, 1);
    assert.match(outcome.stdout, /reverse-kl\/pathwise/);
  });
}
results('deno: ends after an error while recording for WebGPU', async () => {
  const args = ['bench', '--backend', 'webgpu', '--samples', '1', '--estimators', 'reverse-kl/score:loo'];
  const outcome = await cliIn('deno', args);
  assert.match(errorLine(outcome), /at least 2 samples/);
  assert.is(outcome.code, 2);
});
results('deno: doctor without an adapter says what to install and does not fail', async () => {
  const { code, stdout } = await cliIn('deno', ['doctor', '--no-kernels'], { env: noAdapter });
  assert.is(code, 0);
  assert.match(stdout, /adapter +none:.*install/);
  assert.match(stdout, /auto picks wasm/);
});

results('the table fits 110 columns and names backend, sizes and versions', async () => {
  const names = ['reverse-kl/score:value', 'forward-kl/snis:behaviour', 'forward-kl/snis:uniform'];
  const asked = ['--batch', '8', '--hidden', '16', '--estimators', names.join()];
  const { code, stdout } = await cliIn('node', ['bench', '--quick', '--backend', 'cpu', ...asked]);
  assert.is(code, 0);
  const [table] = stdout.split('one whole update');
  for (const text of [
    'cpu:',
    'batch 8',
    'hidden 16',
    'seed 0',
    'node ',
    'divergrad ',
    'ratio to reverse-kl/pathwise',
    ...names,
  ]) {
    assert.ok(table.includes(text), text);
  }
  for (const line of stdout.split('\n')) assert.ok(line.length <= 110, `${line.length}: ${line}`);
  assert.not.ok(stdout.includes('\u001b'), 'no colours in a pipe');
});

results('discrete actions and other sizes are measured too', async () => {
  const settings = '--distribution categorical --obs 4 --samples 2 --quick --batch 3 --hidden 5-7';
  const args = ['bench', '--backend', 'cpu', '--json', '-', ...settings.split(' ')];
  const { code, stdout, stderr } = await cliIn('node', args);
  assert.is(code, 0, stderr);
  const [{ settings: used, rows }] = (JSON.parse(stdout) as BenchDocument).reports;
  assert.equal(used.hidden, [5, 7]);
  assert.equal([used.observations, used.actions], [4, 2]);
  for (const { samples } of rows) assert.is(samples, 2);
});
results.run();

const endings = suite('endings');
endings('Ctrl-C ends bench as a shell reports by 130', async () => {
  // It has told of one backend and measures the next.
  const working = startCli(['bench', '--quick', '--batch', '4', '--hidden', '8']);
  await working.says(/\n/);
  working.kill('SIGINT');
  assert.is((await working.ended).code, 130);
});
endings.run();
