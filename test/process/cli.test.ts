// The built command line as a user meets it: exit codes, one line for an error, output that others can read.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench.ts';
import type { DoctorReport } from '../../src/cli/doctor.ts';
import type { ScalingSummary } from '../../src/study/scaling-summary.ts';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
const runtimes = {
  node: { command: process.execPath, args: [cli] },
  deno: {
    command: process.env.DIVERGRAD_DENO ?? 'deno',
    args: ['run', '-A', '--no-config', '--no-remote', cli],
  },
} as const;
type Runtime = keyof typeof runtimes;
const everywhere = Object.keys(runtimes) as Runtime[];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Drivers that lead nowhere: a machine without an adapter. */
const noAdapter = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };
const tiny = ['--quick', '--estimators', 'reverse-kl/pathwise', '--batch', '4', '--hidden', '8'];

function run(runtime: Runtime, args: readonly string[], env: Record<string, string> = {}): Outcome {
  const { command, args: first } = runtimes[runtime];
  const { status, signal, stdout, stderr, error } = spawnSync(command, [...first, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
  if (error) throw error;
  assert.is(signal, null, `${runtime} ${args.join(' ')} was ended by ${signal}: ${stderr}`);
  return { code: status, stdout, stderr };
}

/** The line that tells the error. What drivers print by themselves is not counted. */
function errorLine({ stderr }: Outcome): string {
  const lines = stderr.split('\n').filter((line) => line.startsWith('divergrad: '));
  assert.is(lines.length, 1, `one line expected:\n${stderr}`);
  assert.not.match(stderr, /cli\.js:\d+|\.ts:\d+/, `no stack trace expected:\n${stderr}`);
  return lines[0];
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-test-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// ---------------------------------------------------------------- help

const help = suite('help');
for (const runtime of everywhere) {
  for (const command of ['bench', 'train', 'verify', 'doctor']) {
    help(`${runtime}: ${command} --help shows what every command has`, () => {
      const { code, stdout, stderr } = run(runtime, [command, '--help']);
      assert.is(code, 0, stderr);
      assert.is(stderr, '');
      for (const flag of ['--seed', '--json', '--debug', '--help']) assert.ok(stdout.includes(flag), flag);
    });
  }
  help(`${runtime}: --help lists the commands`, () => {
    const { code, stdout } = run(runtime, ['--help']);
    assert.is(code, 0);
    for (const command of ['bench', 'train', 'verify', 'doctor'])
      assert.ok(stdout.includes(command), command);
  });
  help(`${runtime}: --version is the package's`, () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    assert.equal(run(runtime, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  });
}
help.run();

// ---------------------------------------------------------------- wrong input

const usage: [args: string[], expected: RegExp][] = [
  [[], /No command.*bench.*train.*verify.*doctor/],
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
  [
    ['bench', '--estimators', 'reverse-kl/pathwise', '--distribution', 'categorical'],
    /reverse-kl\/pathwise does not work.*categorical.*these work/,
  ],
  [
    ['bench', '--backend', 'cpu', '--samples', '1', '--estimators', 'reverse-kl/score:loo'],
    /at least 2 samples/,
  ],
  ...['0', '-1', '1.5', 'many', '1e3', '99999999'].map((batch): [string[], RegExp] => [
    ['bench', `--batch=${batch}`],
    /--batch.*whole number from 1 to 65536/,
  ]),
  [['bench', '--hidden', '64,x'], /--hidden.*whole number/],
  [['bench', '--seed', '-1'], /--seed.*whole number/],
  [['bench', '--batch'], /--batch.*argument missing/],
  [['doctor', 'extra'], /too many arguments/],
  [['train'], /--env/],
  [['train', '--env', 'pendulm'], /Unknown environment 'pendulm'.*pendulum/],
  [['train', '--env', 'pendulum', '--estimator', 'forward-kl/sniss'], /Unknown estimator.*forward-kl\/snis/],
  [['train', '--env', 'pendulum', '--distribution', 'categorical'], /categorical/],
  [['bench', '--scaling', 'height'], /Unknown axis of scaling 'height'.*batch/],
  [['bench', '--scaling', 'batch', '--longest-ms', '0'], /--longest-ms.*milliseconds/],
  [['bench', '--sizes', '1,2'], /--sizes goes with --scaling/],
  [['bench', '--sizes', '1,2', '--scaling', 'all'], /--sizes goes with --scaling and one axis/],
  [['bench', '--out', '/tmp/x'], /--out goes with --scaling/],
  [['bench', '--backend', 'cpu', '--f16'], /float16 on webgpu only, not on cpu.*--backend webgpu/],
  [['train', '--env', 'pendulum', '--steps', '0'], /--steps.*whole number/],
  [['train', '--env', 'pendulum', '--backend', 'cuda'], /Unknown backend 'cuda'/],
  [['verify'], /folder/],
];
const failures: [args: string[], expected: RegExp, env?: Record<string, string>][] = [
  [['verify', '/nowhere/at/all'], /\/nowhere\/at\/all/],
  [['bench', '--backend', 'cpu', ...tiny, '--json', '/nowhere/x.json'], /Cannot write '\/nowhere\/x.json'/],
  [['bench', '--backend', 'webgpu', ...tiny], /no adapter/, noAdapter],
  [['train', '--env', 'pendulum', '--backend', 'webgpu'], /no adapter/, noAdapter],
];

const wrong = suite('wrong input');
for (const [args, expected] of usage) {
  wrong(`'${args.join(' ')}' is refused with exit code 2`, () => {
    const outcome = run('node', args);
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.stderr.trim().split('\n').length, 1, outcome.stderr);
    assert.is(outcome.stdout, '');
    assert.is(outcome.code, 2);
  });
}
for (const [args, expected, env] of failures) {
  wrong(`'${args.join(' ')}' fails with exit code 1`, () => {
    const outcome = run('node', args, env);
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.code, 1);
  });
}
for (const [args, expected, code, env] of [
  [['bench', '--estimators', 'reverse-kl/path'], /Unknown estimator/, 2, {}],
  [['bench', '--batch', 'many'], /--batch/, 2, {}],
  [['verify', '/nowhere/at/all'], /nowhere/, 1, {}],
  [['bench', '--backend', 'webgpu', ...tiny], /no adapter/, 1, noAdapter],
] as [string[], RegExp, number, Record<string, string>][]) {
  wrong(`Deno tells '${args.join(' ')}' in one line too`, () => {
    const outcome = run('deno', args, env);
    assert.match(errorLine(outcome), expected);
    assert.is(outcome.code, code);
  });
}
wrong('a stack trace comes with --debug only', () => {
  const { code, stderr } = run('node', ['bench', '--estimators', 'reverse-kl/path', '--debug']);
  assert.is(code, 2);
  assert.match(stderr, /^divergrad: Unknown estimator.*\n(.*\n)*\s+at .*cli\.js:\d+/);
});
wrong.run();

// ---------------------------------------------------------------- bench and doctor

const results = suite('results');

const positiveFields = [
  'msPerUpdate',
  'kernelsPerUpdate',
  'flops',
  'bytes',
  'arenaBytes',
  'stateBytes',
] as const;

function checkBench(text: string, backend: string, estimators: string[]): void {
  const { kind, date, reports, absent } = JSON.parse(text) as BenchDocument;
  assert.is(kind, 'divergrad-cost');
  assert.ok(Math.abs(Date.parse(date) - Date.now()) < 600_000);
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
    backend === 'webgpu' ? ['fused', 'layered', 'tiled'] : ['fused', 'tiled'],
  );
  for (const { hostMsPerUpdate: host, msPerUpdate } of report.wholeUpdate) {
    if (backend !== 'webgpu') assert.is(host, null);
    // More than encoding would be waiting for the device, which takes milliseconds.
    else assert.ok(host !== null && host > 0 && host < msPerUpdate, `${host} of ${msPerUpdate} ms`);
  }
}

const three = ['reverse-kl/pathwise', 'reverse-kl/score:loo', 'forward-kl/snis:policy'];
const benchArgs = [
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

for (const runtime of everywhere) {
  for (const backend of ['cpu', 'wasm', 'webgpu']) {
    results(`${runtime}: bench --json - on ${backend}, and the process ends`, () => {
      const { code, stdout, stderr } = run(runtime, [...benchArgs, '--backend', backend, '--json', '-']);
      assert.is(code, 0, stderr);
      assert.is(stderr, '');
      checkBench(stdout, backend, three);
    });
  }
  results(`${runtime}: bench --scaling writes sizes, laws and a picture`, () => {
    const out = mkdtempSync(join(tmpdir(), 'divergrad-scaling-'));
    try {
      const [first] = three;
      const own = ['bench', '--quick', '--batch', '4', '--hidden', '8', '--estimators', first];
      const axis = ['--backend', 'cpu', '--scaling', 'depth', '--sizes', '16,1,2', '--out', out];
      const { code, stdout, stderr } = run(runtime, [...own, ...axis]);
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
    } finally {
      rmSync(out, { recursive: true });
    }
  });
  for (const [backend, clock, how] of [
    ['cpu', 'repetition', 'each run by itself'],
    ['webgpu', 'timestamps', 'by the timestamps of the device'],
  ] as const) {
    results(`${runtime}: bench --by-kernel on ${backend} splits the whole update, all of it`, () => {
      inFolder((folder) => {
        const file = join(folder, 'cost.json');
        const args = ['bench', ...tiny, '--by-kernel', '--backend', backend, '--json', file];
        const { code, stdout, stderr } = run(runtime, args);
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
        for (const { kernel, count } of kernels)
          assert.match(stdout, new RegExp(`^${kernel} +${count} `, 'm'));
      });
    });
  }
  results(`${runtime}: ends after an error that follows WebGPU's use`, () => {
    const args = ['bench', '--backend', 'webgpu', ...tiny, '--json', '/nowhere/x.json'];
    const outcome = run(runtime, args);
    assert.match(errorLine(outcome), /Cannot write/);
    assert.is(outcome.code, 1);
    assert.match(outcome.stdout, /reverse-kl\/pathwise/);
  });
  results(`${runtime}: ends after an error while recording for WebGPU`, () => {
    const args = ['bench', '--backend', 'webgpu', '--samples', '1', '--estimators', 'reverse-kl/score:loo'];
    const outcome = run(runtime, args);
    assert.match(errorLine(outcome), /at least 2 samples/);
    assert.is(outcome.code, 2);
  });
  results(`${runtime}: doctor finds the software adapter, and auto does not take it`, () => {
    const { code, stdout } = run(runtime, ['doctor', '--json']);
    const report = JSON.parse(stdout) as DoctorReport;
    assert.is(code, 0);
    assert.ok(report.versions[runtime]);
    assert.is(report.adapters.length, 1);
    assert.is(report.adapters[0].information.software, true);
    assert.is(report.auto.backend, 'wasm');
    assert.match(report.auto.reason, /software/);
  });
  results(`${runtime}: doctor without an adapter says what to install and does not fail`, () => {
    const { code, stdout } = run(runtime, ['doctor'], noAdapter);
    assert.is(code, 0);
    assert.match(stdout, /adapter +none:.*install/);
    assert.match(stdout, /auto picks wasm/);
  });
}

results('the table fits 110 columns and names backend, sizes and versions', () => {
  const { code, stdout } = run('node', [
    'bench',
    '--quick',
    '--backend',
    'cpu',
    '--batch',
    '8',
    '--hidden',
    '16',
  ]);
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
  ]) {
    assert.ok(table.includes(text), text);
  }
  for (const name of ['reverse-kl/score:value', 'forward-kl/snis:behaviour', 'forward-kl/snis:uniform']) {
    assert.ok(table.includes(name), name);
  }
  for (const line of stdout.split('\n')) assert.ok(line.length <= 110, `${line.length}: ${line}`);
  assert.not.ok(stdout.includes('\u001b'), 'no colours in a pipe');
});

results('--json FILE writes the same beside the table; without it no file appears', () => {
  inFolder((folder) => {
    const file = join(folder, 'cost.json');
    const { code, stdout } = run('node', [...benchArgs, '--backend', 'cpu', '--json', file]);
    assert.is(code, 0);
    assert.match(stdout, /ms\/update/);
    checkBench(readFileSync(file, 'utf8'), 'cpu', three);
  });
});

results('a missing backend does not keep the others from being measured', () => {
  const { code, stdout } = run('node', ['bench', ...tiny, '--json', '-'], noAdapter);
  const { reports, absent } = JSON.parse(stdout) as BenchDocument;
  assert.is(code, 0);
  assert.equal(
    reports.map(({ backend }) => backend),
    ['cpu', 'wasm'],
  );
  assert.is(absent[0].backend, 'webgpu');
});

results('discrete actions and other sizes are measured too', () => {
  const args = [
    '--distribution',
    'categorical',
    '--obs',
    '4',
    '--samples',
    '2',
    '--quick',
    '--batch',
    '3',
    '--hidden',
    '5-7',
  ];
  const { code, stdout, stderr } = run('node', ['bench', '--backend', 'cpu', '--json', '-', ...args]);
  assert.is(code, 0, stderr);
  const [{ settings, rows }] = (JSON.parse(stdout) as BenchDocument).reports;
  assert.equal(settings.hidden, [5, 7]);
  assert.equal([settings.observations, settings.actions], [4, 2]);
  for (const { samples } of rows) assert.is(samples, 2);
});

results.run();

// ---------------------------------------------------------------- endings

const endings = suite('endings');

/** Starts a command, does something to it at its first output (or after a moment), and waits for its end. */
function meddle(
  args: readonly string[],
  afterMs: number,
  act: (child: ReturnType<typeof spawn>) => void,
): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  return new Promise((settle) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (data) => (stderr += data));
    child.stdout?.resume();
    setTimeout(() => act(child), afterMs);
    const killer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.on('close', (code, signal) => {
      clearTimeout(killer);
      settle({ code, signal, stderr });
    });
  });
}

endings('a reader that goes away ends the command quietly', async () => {
  const args = ['bench', '--backend', 'cpu', '--quick'];
  const { code, signal, stderr } = await meddle(args, 0, (child) => child.stdout?.destroy());
  assert.is(signal, null);
  assert.is(stderr, '');
  assert.is(code, 0);
});

for (const args of [
  ['bench', '--backend', 'cpu'],
  ['train', '--env', 'pendulum', '--backend', 'cpu', '--steps', '1000000'],
]) {
  endings(`Ctrl-C ends ${args[0]} as a shell reports by 130`, async () => {
    const { code, signal } = await meddle(args, 2000, (child) => child.kill('SIGINT'));
    assert.ok(code === 130 || signal === 'SIGINT', `code ${code}, signal ${signal}`);
  });
}

endings.run();
