// The command line as a user meets it: exit codes, one line for an error, output that others can read. All that it
// refuses before any work is asked in one process; some of it, and all that works, of the built program.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench-document.ts';
import type { DoctorReport } from '../../src/cli/doctor.ts';
import { environments } from '../../src/envs/registry.ts';
import { command } from '../helpers/command.ts';
import { cliIn, everywhere, inFolder, startCli } from '../helpers/process.ts';
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

// ---------------------------------------------------------------- help

const help = suite('help');
for (const name of ['bench', 'train', 'verify', 'doctor']) {
  help(`${name} --help shows what every command has`, async () => {
    const { code, stdout, stderr } = await command(name, '--help');
    assert.is(code, 0, stderr);
    assert.is(stderr, '');
    for (const flag of ['--seed', '--json', '--debug', '--help']) assert.ok(stdout.includes(flag), flag);
  });
}
help('node: --help lists the commands', async () => {
  const { code, stdout } = await cliIn('node', ['--help']);
  assert.is(code, 0);
  for (const name of ['bench', 'train', 'verify', 'doctor']) assert.ok(stdout.includes(name), name);
});
help('no command shows the help', async () => {
  assert.equal(await command(), await command('--help'));
});
help('help is --help, of a command too', async () => {
  assert.equal(await command('help'), await command('--help'));
  assert.equal(await command('help', 'train'), await command('train', '--help'));
  const { code, stderr } = await command('help', 'trian');
  assert.is(code, 2);
  assert.match(stderr, /Unknown command 'trian'. Did you mean 'train'/);
});
help('train alone lists the environments', async () => {
  const { code, stdout, stderr } = await command('train');
  assert.is(code, 0);
  assert.is(stderr, '');
  for (const { name, title } of environments)
    assert.ok(stdout.includes(title) && stdout.includes(`  ${name} `), name);
  assert.match(stdout, /divergrad train --env pendulum --out/);
});
for (const runtime of everywhere) {
  help(`${runtime}: --version is the package's`, async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const { code, stdout, stderr } = await cliIn(runtime, ['--version']);
    assert.equal({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: '' });
  });
}
help.run();

// ---------------------------------------------------------------- wrong input

const wrong = suite('wrong input');
for (const [args, expected] of usage) {
  wrong(`'${args.join(' ')}' is refused with exit code 2`, async () => {
    const outcome = await command(...args);
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
    assert.is(outcome.stdout, '');
    assert.is(outcome.code, 2);
  });
}
for (const [runtime, asked] of [
  [
    'node',
    [
      ['bench', '--batch=many'],
      ['bench', '--estimators', 'reverse-kl/path'],
      ['train', '--seed=1'],
    ],
  ],
  ['deno', [['bench', '--estimators', 'reverse-kl/path']]],
] as const) {
  for (const args of asked) {
    wrong(`${runtime}: the built program refuses '${args.join(' ')}' in the same words`, async () => {
      const { code, stdout, stderr } = await cliIn(runtime, args);
      assert.equal({ code, stdout, stderr }, await command(...args));
      assert.is(code, 2);
    });
  }
}
for (const [args, expected, env] of [
  [['train', '--config', 'package.json'], /name is not a setting\. Known: environment/, {}],
  [['train', '--config', '/nowhere/at/all'], /\/nowhere\/at\/all/, {}],
  [['verify', '/nowhere/at/all'], /\/nowhere\/at\/all/, {}],
  [
    ['bench', '--backend', 'cpu', ...tiny, '--json', '/nowhere/x.json'],
    /'\/nowhere\/x.json': there is no folder '\/nowhere'/,
    {},
  ],
  [['bench', '--backend', 'webgpu', ...tiny], /no adapter/, noAdapter],
  [['train', '--env', 'pendulum', '--backend', 'webgpu'], /no adapter/, noAdapter],
] as [string[], RegExp, Record<string, string>][]) {
  wrong(`'${args.join(' ')}' fails with exit code 1`, async () => {
    const outcome = await cliIn('node', args, { env });
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.code, 1);
  });
}
wrong('what is wrong in a study file is a wrong request, and names the file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-cli-'));
  const file = join(folder, 'wrong.yaml');
  const small = 'estimators: [reverse-kl/pathwise]\nenvironments: [cartpole]\n';
  for (const [text, expected] of [
    ['estimators: [', /not YAML or JSON: .*[^:.]\.$/],
    ['estimators: [reverse-kl/pathwse]\nenvironments: [cartpole]', /estimators\[0\]: Unknown estimator/],
    [`${small}settings: { batch: 0 }`, /settings\.batch is 0; it must be/],
    [`${small}onIncompatible: error`, /1 combinations cannot be/],
  ] as const) {
    writeFileSync(file, text);
    const outcome = await command('study', file, '--dry-run');
    assert.match(errorLine(outcome), expected);
    assert.ok(outcome.stderr.startsWith(`divergrad: ${file}: `), outcome.stderr);
    assert.is(outcome.code, 2);
  }
  const unused = await command('study', file, '--include', folder);
  assert.match(errorLine(unused), /--include goes with --report/);
  assert.is(unused.code, 2);
  rmSync(folder, { recursive: true });
});
wrong('a stack trace comes with --debug only', async () => {
  const { code, stderr } = await cliIn('node', ['bench', '--estimators', 'reverse-kl/path', '--debug']);
  assert.is(code, 2);
  assert.match(stderr, /^divergrad: Unknown estimator.*\n(.*\n)*\s+at .*cli\.js:\d+/);
});
wrong.run();

// ---------------------------------------------------------------- bench and doctor

const results = suite('results');

for (const [runtime, backend] of [
  ['node', 'cpu'],
  ['node', 'wasm'],
  ['deno', 'wasm'],
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

results('bench --scaling writes sizes, laws and a picture', () => checkScaling('node'));
results('bench --by-kernel on cpu splits the whole update, all of it', () => checkByKernel('node', 'cpu'));

results('ends after an error while recording for WebGPU', async () => {
  const args = ['bench', '--backend', 'webgpu', '--samples', '1', '--estimators', 'reverse-kl/score:loo'];
  const outcome = await cliIn('node', args);
  assert.match(errorLine(outcome), /at least 2 samples/);
  assert.is(outcome.code, 2);
});

for (const runtime of everywhere) {
  results(`${runtime}: doctor finds the software adapter, and auto does not take it`, async () => {
    const { code, stdout } = await cliIn(runtime, ['doctor', '--json', '--no-kernels']);
    const report = JSON.parse(stdout) as DoctorReport;
    assert.is(code, 0);
    assert.ok(report.versions[runtime]);
    assert.is(report.adapters.length, 1);
    assert.is(report.adapters[0].information.software, true);
    assert.is(report.auto.backend, 'wasm');
    assert.match(report.auto.reason, /software/);
  });
}
results('doctor without an adapter says what to install and does not fail', async () => {
  const { code, stdout } = await cliIn('node', ['doctor', '--no-kernels'], { env: noAdapter });
  assert.is(code, 0);
  assert.match(stdout, /adapter +none:.*install/);
  assert.match(stdout, /auto picks wasm/);
});

results('--json FILE writes the same beside the table; without it no file appears', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'cost.json');
    const begun = Date.now();
    const { code, stdout } = await cliIn('node', [...benchArgs, '--backend', 'cpu', '--json', file]);
    assert.is(code, 0);
    assert.match(stdout, /ms\/update/);
    checkBench(readFileSync(file, 'utf8'), { backend: 'cpu', estimators: three, begun });
  }),
);

results('a missing backend does not keep the others from being measured', async () => {
  const { code, stdout } = await cliIn('node', ['bench', ...tiny, '--json', '-'], { env: noAdapter });
  const { reports, absent } = JSON.parse(stdout) as BenchDocument;
  assert.is(code, 0);
  assert.equal(
    reports.map(({ backend }) => backend),
    ['cpu', 'wasm'],
  );
  assert.is(absent[0].backend, 'webgpu');
});

results.run();

// ---------------------------------------------------------------- endings

const endings = suite('endings');

endings('a reader that goes away ends the command quietly', async () => {
  const reading = startCli(['bench', '--backend', 'cpu', ...tiny]);
  reading.child.stdout?.destroy();
  const { code, signal, stderr } = await reading.ended;
  assert.is(signal, null);
  assert.is(stderr, '');
  // As a shell reports a broken pipe: what was asked for has not been done.
  assert.is(code, 141);
});

endings('Ctrl-C ends train as a shell reports by 130', () =>
  inFolder(async (folder) => {
    const args = ['--env', 'pendulum', '--backend', 'cpu', '--steps', '1000000'];
    const working = startCli(['train', ...args, '--out', join(folder, 'run')]);
    await working.says(/\n/);
    working.kill('SIGINT');
    assert.is((await working.ended).code, 130);
  }),
);

endings.run();
