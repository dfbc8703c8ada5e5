// The command line of the installed package, and an install from git.
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { installed, row, succeeds, temporary } from './setting.ts';

const folder = await installed();
const full = await installed({ optionals: true });

/** The command line as installed, in a folder that was empty. */
const divergrad = (cwd: string, args: readonly string[]) =>
  succeeds(process.execPath, [join(folder, 'node_modules/divergrad/dist/cli.js'), ...args], { cwd });

row('commands', async () => {
  const bin = join(folder, 'node_modules/.bin', process.platform === 'win32' ? 'divergrad.cmd' : 'divergrad');
  const { stdout: help } = await succeeds(bin, ['--help'], { cwd: folder });
  const known = [...help.matchAll(/^ {2}([a-z]+) .*(?:\[options\]|<|\[)/gm)].map(([, name]) => name);
  const empty = temporary();
  const study = `estimators: [reverse-kl/pathwise]
environments: [pendulum]
seeds: 2
settings: { steps: 300, hidden: [8], batch: 8, warmup: 100, evaluateEvery: 300, evaluationEpisodes: 1, backend: cpu }
`;
  writeFileSync(join(empty, 'study.yaml'), study);
  const commands: readonly (readonly string[])[] = [
    ['matrix'],
    ['doctor', '--no-kernels'],
    ['bench', '--quick', '--backend', 'wasm', '--estimators', 'reverse-kl/pathwise', '--batch', '8'],
    [
      'quality',
      '--quick',
      '--estimators',
      'reverse-kl/pathwise',
      '--distributions',
      'gaussian',
      '--samples',
      '4',
      '--replications',
      '16',
    ],
    [
      'train',
      '--env',
      'pendulum',
      '--steps',
      '300',
      '--warmup',
      '100',
      '--hidden',
      '8',
      '--batch',
      '8',
      '--episodes',
      '1',
      '--evaluate-every',
      '300',
      '--backend',
      'cpu',
      '--out',
      'run',
    ],
    ['play', 'run', '--episodes', '1'],
    ['study', 'study.yaml', '--out', 'study'],
    ['report', 'study', '--out', 'report'],
    ['throughput', '--envs', 'pendulum', '--steps', '20', '--rounds', '1', '--backend', 'cpu'],
    ['verify', '--group', 'estimators_h'],
  ];
  for (const args of commands) assert.ok((await divergrad(empty, args)).stdout.length > 20, args.join(' '));
  const untried = known.filter((name) => name !== 'help' && !commands.some(([tried]) => tried === name));
  assert.equal(untried, []);
  assert.ok(known.length >= 10, `${known}`);
  assert.ok(readdirSync(join(empty, 'report')).length > 0);
});

row('verify', async () => {
  const wasm = await divergrad(temporary(), ['verify', '--backend', 'wasm', '--json']);
  const report = JSON.parse(wasm.stdout);
  assert.ok(
    report.cases.length > 50 && report.cases.every(({ status }: { status: string }) => status === 'passed'),
  );
  assert.ok(report.kernels.length > 15);
  const webgpu = await succeeds(
    process.execPath,
    [
      join(full, 'node_modules/divergrad/dist/cli.js'),
      'verify',
      '--backend',
      'webgpu',
      '--group',
      'mlp_small',
    ],
    { cwd: temporary() },
  );
  assert.match(webgpu.stdout, /^total +\d+ passed, 0 failed/m);
});

row('git', async () => {
  // A repository of the tracked files as they are, whose development packages are these: what is tried is our part of it.
  const [source, target] = [temporary(), temporary()];
  const { stdout } = await succeeds('git', ['ls-files', '-co', '--exclude-standard']);
  const needed = stdout
    .split('\n')
    .filter((file) => /^(src|shaders|release|test\/(runner|golden))\/|^[^/]+$/.test(file));
  for (const file of needed.filter((each) => existsSync(each)))
    cpSync(file, join(source, file), { preserveTimestamps: true }); // else it would install anew
  symlinkSync(resolve('node_modules'), join(source, 'node_modules'), 'junction');
  assert.not.ok(existsSync(join(source, 'dist')));
  // As npm does: it packs after `prepare`.
  const packed = await succeeds('npm', ['pack', '--json', '--pack-destination', target], { cwd: source });
  assert.match(packed.stdout, /"dist\/library\/index\.js"/);
  const [file] = readdirSync(target);
  mkdirSync(join(target, 'app'));
  writeFileSync(join(target, 'app/package.json'), '{ "private": true }');
  await succeeds('npm', ['install', '--offline', '--no-audit', '--no-fund', join(target, file)], {
    cwd: join(target, 'app'),
  });
  await succeeds('npx', ['--no-install', 'divergrad', 'verify', '--group', 'estimators_h'], {
    cwd: join(target, 'app'),
  });
});

test.run();
