// The runner selects what a change can affect, counts what ran, and tells the truth by its exit code.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Pair {
  readonly name: string;
  readonly suite: unknown;
  readonly file: string;
}
interface Suite {
  readonly tier: 'test' | 'all';
  readonly minutes: number;
  files?(file: string): boolean;
}
const load = (file: string) => import(pathToFileURL(join(process.cwd(), file)).href);
const { suites, reads, foundations, entriesFor } = (await load('test/suites.mjs')) as {
  suites: Record<string, Suite>;
  reads: Record<string, string[]>;
  foundations: string[];
  entriesFor(table: Record<string, string[]>, file: string): string[];
};
const { parse } = (await load('test/runner/arguments.mjs')) as { parse(argv: string[]): object };
const { chosenFiles, testFiles } = (await load('test/runner/select.mjs')) as {
  chosenFiles(options: object): Pair[];
  testFiles(): string[];
};
const { affected } = (await load('test/runner/affected.mjs')) as {
  affected(pairs: Pair[], changed: string[]): Promise<Pair[]>;
};
const { faults, planted } = (await load('test/runner/mutants.mjs')) as {
  faults(): Promise<{ room: string; fault: string; file: string; from: string; to: string }[]>;
  planted(source: string, fault: object): string;
};

test('every test file is in a suite, and no suite runs a file twice in the same way', () => {
  const ways = Object.values(suites).filter(({ files }) => files);
  for (const file of testFiles()) {
    const tiers = ways.filter(({ files }) => files?.(file));
    assert.ok(tiers.length > 0, `no suite runs ${file}`);
  }
  const pairs = chosenFiles(parse(['--all']));
  const way = ({ suite, file }: Pair) => {
    const { runtime, backend, driver } = suite as { runtime: string; backend: string; driver?: string };
    return /^test\/(device|drivers)\//.test(file) ? `${runtime} ${backend} ${driver} ${file}` : file;
  };
  assert.is(new Set(pairs.map(way)).size, pairs.length);
});

test('every device test runs on every backend and in every runtime', () => {
  const pairs = chosenFiles(parse(['--all']));
  for (const file of testFiles().filter(
    (name) => name.startsWith('test/device/') && !name.includes('.long.'),
  )) {
    const ways = pairs
      .filter((pair) => pair.file === file && !('driver' in (pair.suite as object)))
      .map(({ suite }) => {
        const { runtime, backend } = suite as { runtime: string; backend: string };
        return `${runtime} ${backend}`;
      });
    const expected = [
      'node cpu',
      'node wasm',
      'node webgpu',
      'deno webgpu',
      'deno wasm',
      'chromium webgpu',
      'chromium wasm',
    ];
    assert.equal(ways.sort(), expected.sort(), file);
  }
});

test('the budgets leave npm test within five minutes on two cores, and everything within forty', () => {
  const minutes = (tiers: readonly string[]) =>
    Object.values(suites).reduce((sum, suite) => sum + (tiers.includes(suite.tier) ? suite.minutes : 0), 0);
  // Half a minute is for installing and building.
  assert.ok(minutes(['test']) <= 2 * 4.5, `${minutes(['test'])} min`);
  assert.ok(minutes(['test', 'all']) <= 2 * 40, `${minutes(['test', 'all'])} min`);
});

const affectedBy = async (...changed: string[]) => {
  const found = await affected(chosenFiles(parse([])), changed);
  return new Set(found.map(({ name, file }) => `${name} ${file}`));
};

test('a change affects the files that import it, load a bundle of it, or read it, and no others', async () => {
  const lock = await affectedBy('src/study/runs/lock.ts');
  assert.ok(lock.has('node test/study/runs/lock.test.ts') && lock.has('process test/process/study.test.ts'));
  assert.not.ok(lock.has('node test/math/philox.test.ts') || lock.has('wasm test/device/kernels.test.ts'));
  const shader = await affectedBy('shaders/adam.wgsl');
  assert.ok(shader.has('webgpu test/device/kernels.test.ts'));
  assert.not.ok(
    shader.has('wasm test/device/kernels.test.ts') || shader.has('cpu test/device/kernels.test.ts'),
  );
  const assembly = await affectedBy('src/backend/wasm/assembly/index.ts');
  assert.ok(
    assembly.has('wasm test/device/kernels.test.ts') && !assembly.has('webgpu test/device/kernels.test.ts'),
  );
  assert.ok((await affectedBy('test/golden/optim.json')).has('node test/backend/cpu-state.test.ts'));
  assert.ok((await affectedBy('web/main.ts')).has('web test/web/page.test.ts'));
  assert.is((await affectedBy('LICENSE')).size, 0);
  assert.is((await affectedBy('package-lock.json')).size, chosenFiles(parse([])).length);
});

const runWith = (env: Record<string, string>, ...args: string[]) =>
  spawnSync(process.execPath, ['test/run.mjs', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...env },
  });
const run = (...args: string[]) => runWith({}, ...args);

test('one test of one file runs alone, and the counts are written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-runner-'));
  try {
    const json = join(folder, 'report.json');
    const { status, stdout } = run('--only=math/philox', '--test=seed', `--json=${json}`);
    const { passed, failed, suites: rows } = JSON.parse(readFileSync(json, 'utf8'));
    assert.is(status, 0, stdout);
    const all = (readFileSync('test/math/philox.test.ts', 'utf8').match(/^\s*\w+\(\s*['"`]/gm) ?? []).length;
    assert.ok(passed > 0 && passed < all, `${passed} of ${all}`);
    assert.is(failed, 0);
    assert.equal(
      rows.map(({ suite }: { suite: string }) => suite),
      ['node'],
    );
    assert.match(stdout, new RegExp(`^${passed} passed, 0 failed$`, 'm'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('nothing that ran is a failure, and a file that does not exist is refused', () => {
  const none = run('--only=math/philox', '--test=no test has this name');
  assert.is(none.status, 1);
  assert.match(none.stdout, /^0 passed, 1 failed$/m);
  const nowhere = run('--only=no/such/file');
  assert.is(nowhere.status, 2);
  assert.match(nowhere.stderr, /no test file has 'no\/such\/file' in its path/);
  const unknown = run('--onyl=x');
  assert.is(unknown.status, 2);
  assert.match(unknown.stderr, /Unknown option '--onyl'/);
});

test('what a test file reads by name is listed, so that a change of it is seen', () => {
  const names = /'((?:test\/golden|docs\/)[\w./-]*|README\.md|CONTRIBUTING\.md)'/g;
  for (const file of testFiles()) {
    if (file.startsWith('test/runner/')) continue; // they speak of paths, and read them all
    const listed = [...foundations, ...entriesFor(reads, file)];
    for (const [, name] of readFileSync(file, 'utf8').matchAll(names))
      assert.ok(
        listed.some((start) => name.startsWith(start) || `${name}/`.startsWith(start)),
        `${file} names ${name}: is it in the table of what test files read?`,
      );
  }
});

/** Runs made-up test files in the runner, and gives their report. */
const runThese = (sources: Record<string, string>, ...args: string[]) => {
  const folder = mkdtempSync(join('test', 'made-up-'));
  const json = join(folder, 'report.json');
  try {
    for (const [name, source] of Object.entries(sources))
      writeFileSync(join(folder, `${name}.test.ts`), `import { suite, test } from 'uvu';\n${source}`);
    const { status, stdout, stderr } = run(`--only=${folder}`, `--json=${json}`, ...args);
    return { status, stdout, stderr, report: JSON.parse(readFileSync(json, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test('what fails is counted and named, once, whatever way it fails', () => {
  const { status, report } = runThese({
    passes: "test('passes', () => {});\ntest.run();",
    throws: "test('throws', () => { throw new Error('on purpose'); });\ntest.run();",
    exits: "test('exits', () => process.exit(0));\ntest.run();",
    broken: 'const = 3;',
    idle: "test('is never run', () => {});",
    half: "const a = suite('a');\nconst b = suite('b');\na('runs', () => {});\nb('does not', () => {});\na.run();",
    skipped: "test('runs', () => {});\ntest.skip('does not', () => {});\ntest.run();",
    only: "test('hidden', () => {});\ntest.only('shown', () => {});\ntest.run();",
    long: "test('prints', () => { process.stdout.write('x'.repeat(5e6)); throw new Error('after much'); });\ntest.run();",
  });
  assert.is(status, 1);
  const names: string[] = report.failures.map(
    ({ file, test }: { file: string; test: string }) => `${file.split('/').at(-1)} ${test}`,
  );
  assert.is(names.filter((name) => name.startsWith('throws.test.ts throws')).length, 1, String(names));
  for (const file of ['exits', 'broken', 'idle', 'half', 'only', 'skipped', 'long'])
    assert.ok(
      names.some((name) => name.startsWith(`${file}.test.ts`)),
      `${file}: ${names}`,
    );
  assert.is(report.failed, names.length, String(names));
});

test('--bail counts what failed, not what it stopped', () => {
  const { report } = runThese(
    {
      fails: "test('fails', () => { throw new Error('on purpose'); });\ntest.run();",
      waits: "test('waits', () => new Promise((done) => setTimeout(done, 20_000)));\ntest.run();",
    },
    '--bail',
  );
  assert.equal([report.passed, report.failed], [0, 1]);
  assert.is(report.failures.length, 1);
});

test('a file that cannot be bundled does not keep a selection from running', async () => {
  const folder = mkdtempSync(join('test', 'made-up-'));
  try {
    const file = `${folder}/broken.test.ts`;
    writeFileSync(file, 'const = 3;');
    const only = (name: string) => chosenFiles(parse([`--only=${name}`]));
    const pairs = [...only('test/math/'), ...only('test/rl/'), ...only(folder)];
    const found = await affected(pairs, ['src/math/crc32.ts', file]);
    assert.ok(found.some((pair) => pair.file === file));
    assert.ok(found.some((pair) => pair.file === 'test/rl/checkpoint-format.test.ts'));
    assert.not.ok(found.some((pair) => pair.file === 'test/math/special.test.ts'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('suites whose driver is absent are told by name and do not count, or have failed where they must run', () => {
  const asked = '--suite=deno-lavapipe,deno-opengl';
  const without = { DIVERGRAD_SYSTEM: '/nonexistent' };
  const told = runWith({ ...without, DIVERGRAD_DRIVERS: '' }, asked);
  const required = runWith({ ...without, DIVERGRAD_DRIVERS: 'required' }, asked);
  for (const { stdout } of [told, required]) {
    assert.match(stdout, /^absent deno-lavapipe: .*Vulkan.* \(Debian: mesa-vulkan-drivers\)$/m);
    assert.match(stdout, /^absent deno-opengl: .*OpenGL ES.* \(Debian: libegl-mesa0 .*libgles2\)$/m);
  }
  assert.not.match(told.stdout, /FAIL/);
  assert.match(told.stdout, /^0 passed, 0 failed$/m);
  assert.is(required.status, 1);
  assert.match(required.stdout, /^FAIL deno-lavapipe: no test ran$/m);
  assert.match(required.stdout, /^FAIL deno-opengl: no test ran$/m);
  assert.match(required.stdout, /^0 passed, 2 failed$/m);
});

/** Runs CI with stand-ins for what it calls: a command's name and the shell that it runs. */
function ci(commands: Record<string, string>): {
  status: number | null;
  last: string | undefined;
  stdout: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-ci-'));
  try {
    // Somebody who may not install, unless said otherwise.
    for (const [name, body] of Object.entries({ id: 'echo 1000', ...commands }))
      writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    const { status, stdout } = spawnSync('bash', ['.ci/run'], {
      encoding: 'utf8',
      env: { ...process.env, DIVERGRAD_DRIVERS: '', PATH: `${folder}:${process.env.PATH}` },
    });
    return { status, last: stdout.trimEnd().split('\n').at(-1), stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('CI adds the counts of both runs, and a run that does not count has failed', () => {
  const last = (first: string, second: string) => {
    const ended = ci({ npm: `if [ "$1" = test ]; then ${first}; else ${second}; fi` });
    return [ended.status, ended.last];
  };
  const ten = 'echo 10 passed, 0 failed';
  assert.equal(last(ten, 'echo 5 passed, 0 failed'), [0, '15 passed, 0 failed']);
  assert.equal(last(ten, 'echo 5 passed, 2 failed; exit 1'), [1, '15 passed, 2 failed']);
  assert.equal(last('printf crashed; exit 1', ten), [1, '10 passed, 1 failed']);
  assert.equal(last(`${ten}; exit 1`, ten), [1, '20 passed, 1 failed']);
  assert.equal(last('echo', 'printf nothing'), [1, '0 passed, 2 failed']);
});

test('CI installs the drivers where it may and they are missing; there their suites must run', () => {
  const npm = 'echo "drivers: $DIVERGRAD_DRIVERS"; echo 1 passed, 0 failed';
  const aptGet = 'echo "apt-get $*"';
  const missing = ci({ npm, id: 'echo 0', dpkg: 'exit 1', 'apt-get': aptGet }).stdout;
  assert.match(
    missing,
    /^apt-get update .*\napt-get install .*libegl-mesa0 libgl1-mesa-dri libgles2 mesa-vulkan-drivers$/m,
  );
  const there = ci({ npm, id: 'echo 0', dpkg: '', 'apt-get': aptGet }).stdout;
  const notRoot = ci({ npm, dpkg: 'exit 1', 'apt-get': aptGet }).stdout;
  for (const stdout of [there, notRoot]) assert.not.match(stdout, /apt-get/);
  for (const stdout of [missing, there]) assert.match(stdout, /^drivers: required$/m);
  assert.match(notRoot, /^drivers: $/m);
  // What cannot be installed is found by the suites, which then fail.
  const offline = ci({ npm, id: 'echo 0', dpkg: 'exit 1', 'apt-get': 'exit 100' });
  assert.match(offline.stdout, /^drivers: required$/m);
});

test('every planted fault still fits its file, exactly once', async () => {
  const all = await faults();
  for (const fault of all)
    assert.not.equal(planted(readFileSync(fault.file, 'utf8'), fault), readFileSync(fault.file, 'utf8'));
  assert.is(new Set(all.map(({ room, fault }) => `${room} ${fault}`)).size, all.length);
  assert.throws(() => planted('a a', { fault: 'x', file: 'f', from: 'a', to: 'b' }), /stands there 2 times/);
});

test.run();
