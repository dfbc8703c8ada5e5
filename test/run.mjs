// Every test, counted: node build.mjs test [--suite NAME[,NAME]] [--only TEXT] [--timeout SECONDS] [--verbose]
//
//   checks    types and lint
//   node      test/**/*.test.ts in Node, test/process/ (the built command line) among them
//   cpu       test/device/**/*.test.ts in Node on the CPU backend
//   wasm      the same files in Node on the SIMD backend
//   deno-wasm, chromium-wasm: the same in Deno and in a page
//   webgpu    the same files in Node on Dawn
//   deno      the same files in Deno on wgpu
//   chromium  the same files in a page of a headless Chromium
//   web       test/web/: the built page in that Chromium, with WebGPU and without
//
// A file is bundled once per kind of runtime and runs in a process of its own, two at a time, so a crash
// or a hang costs one file. WebGPU always means the software driver here: the same on every machine.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeOptions, shared } from '../build.mjs';
import { mark } from './runner/child.mjs';
import { denoPath, softwareVulkanEnv } from './runner/software-gpu.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const runner = (name) => join(root, 'test', 'runner', name);
const suiteNames = [
  'checks',
  'node',
  'cpu',
  'wasm',
  'webgpu',
  'deno',
  'deno-wasm',
  'chromium',
  'chromium-wasm',
  'web',
];

// ---------------------------------------------------------------- arguments

function usage(message) {
  console.error(`divergrad: ${message}`);
  console.error(
    `usage: npm test -- [--suite ${suiteNames.join('|')}] [--only TEXT] [--timeout SECONDS] [--verbose]`,
  );
  process.exit(2);
}

const options = { only: '', suites: suiteNames, timeoutSeconds: 300, verbose: false };
for (let args = process.argv.slice(2); args.length > 0; ) {
  const [flag, inline] = args.shift().split(/=(.*)/s);
  const value = () => inline ?? args.shift() ?? usage(`${flag} needs a value`);
  if (flag === '--only') options.only = value();
  else if (flag === '--suite') options.suites = value().split(',');
  else if (flag === '--timeout') options.timeoutSeconds = Number(value());
  else if (flag === '--verbose') options.verbose = true;
  else usage(`unknown argument ${flag}`);
}
for (const name of options.suites) if (!suiteNames.includes(name)) usage(`unknown suite ${name}`);
if (!(options.timeoutSeconds > 0)) usage('--timeout needs a number of seconds');

// ---------------------------------------------------------------- files and bundles

function* find(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) yield* find(file);
    else if (entry.name.endsWith('.test.ts')) yield relative(root, file).split(sep).join('/');
  }
}

const files = [...find(join(root, 'test'))].filter((file) => file.includes(options.only));
const deviceFiles = files.filter((file) => file.startsWith('test/device/'));
const webFiles = files.filter((file) => file.startsWith('test/web/'));
const nodeFiles = files.filter((file) => !/^test\/(device|web)\//.test(file));
// Files that start processes take longest: first, so that the two workers end together.
const startsProcesses = (file) => /^test\/(process|smoke)\//.test(file);
nodeFiles.sort((a, b) => startsProcesses(b) - startsProcesses(a));

/** Sends `import 'uvu'` of the tests through runner/uvu.mjs. */
const reporting = {
  name: 'reporting',
  setup(build) {
    build.onResolve({ filter: /^uvu$/ }, ({ importer }) =>
      importer === runner('uvu.mjs') ? undefined : { path: runner('uvu.mjs') },
    );
  },
};

const targets = {
  // Packages stay outside: Node finds them itself, and CommonJS ones run as they were written to.
  node: { ...nodeOptions, packages: 'external' },
  web: { ...shared, platform: 'browser' },
};

/** Bundles test files; returns the errors of those that could not be, by file. */
async function bundleTests(target, entries) {
  const esbuild = await import('esbuild');
  const failures = new Map();
  if (entries.length === 0) return failures;
  const outdir = `dist/test/${target}`;
  rmSync(join(root, outdir), { recursive: true, force: true });
  const build = (entryPoints, logLevel) =>
    esbuild.build({
      ...targets[target],
      entryPoints,
      outdir,
      outbase: 'test',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      plugins: [reporting],
      logLevel,
    });
  try {
    await build(entries, 'silent');
  } catch {
    for (const entry of entries) {
      await build([entry], 'silent').catch(async (error) => {
        const lines = await esbuild.formatMessages(error.errors ?? [{ text: String(error) }], {
          kind: 'error',
        });
        failures.set(entry, lines.join('\n'));
      });
    }
  }
  return failures;
}

const bundleOf = (target, file) => file.replace(/^test\//, `dist/test/${target}/`).replace(/\.ts$/, '.js');

/** Points the positions in a stack trace at the sources. */
function atSource(text) {
  return text.replace(
    /(?:file:\/\/|https?:\/\/[^/\s]+\/)?[^\s()]*?(dist\/[^\s():]+\.js)(?:\?[^\s:]*)?:(\d+):(\d+)/g,
    (whole, file, line, column) => {
      const map = sourceMap(file);
      const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry?.originalSource) return whole;
      const source = relative(root, join(root, dirname(file), entry.originalSource));
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    },
  );
}

const sourceMaps = new Map();
function sourceMap(file) {
  if (!sourceMaps.has(file)) {
    const path = join(root, `${file}.map`);
    sourceMaps.set(
      file,
      existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined,
    );
  }
  return sourceMaps.get(file);
}

// ---------------------------------------------------------------- running

/** Starts a program, at the latest killed after the timeout, and resolves to all it said. */
function start({ command, args, env }) {
  return new Promise((settle) => {
    const events = [];
    let output = '';
    let rest = '';
    let killed = '';
    const begun = performance.now();
    // In a group of its own, so that a kill reaches what it has started too.
    const child = spawn(command, args, {
      cwd: root,
      env: { ...inherited, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    running.add(child);
    const kill = (reason) => {
      killed ||= reason;
      stop(child);
    };
    const timer = setTimeout(
      () => kill(`took longer than ${options.timeoutSeconds} s`),
      options.timeoutSeconds * 1000,
    );
    let lingering;
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (data) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const at = line.indexOf(mark);
        if (at < 0) output += `${line}\n`;
        else {
          if (at > 0) output += `${line.slice(0, at)}\n`;
          const event = JSON.parse(line.slice(at + mark.length));
          events.push(event);
          if (event.type === 'done')
            lingering = setTimeout(() => kill('did not end by itself after its tests'), 20_000);
        }
      }
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (data) => (output += data));
    const finish = (ending) => {
      clearTimeout(timer);
      clearTimeout(lingering);
      running.delete(child);
      settle({ events, output: output + rest, ending, ms: performance.now() - begun });
    };
    child.on('error', (error) => finish(`could not start: ${error.message}`));
    child.on('close', (code, signal) => finish(killed || (signal ? `ended by ${signal}` : code)));
  });
}

const { FORCE_COLOR: _, ...inherited } = process.env; // it would win over NO_COLOR
const running = new Set();
function stop(child) {
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of running) stop(child);
    process.exit(130);
  });
}

const totals = new Map(options.suites.map((suite) => [suite, { passed: 0, failed: 0, skipped: 0, ms: 0 }]));

function report(suite, name, { passed, failed, skipped = 0, ms }, details) {
  const total = totals.get(suite);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  total.ms += ms;
  const counts = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
  console.log(`${failed ? 'FAIL' : ' ok '} ${suite.padEnd(8)} ${name} (${counts}, ${ms.toFixed(0)} ms)`);
  if (failed > 0) console.log(indent(readable(details.filter(Boolean).join('\n'))));
}

/** Without colours and control characters, and without the frames of the runner itself. */
function readable(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours and control characters
  const plain = text.replace(/\u001b\[[\d;]*m/g, '').replace(/[\u0000-\u0008\u000b-\u001f]/g, '');
  const internal = /^\s*at .*(test\/runner\/|node_modules\/uvu\/|node:internal|<anonymous>)/;
  return atSource(plain)
    .split('\n')
    .filter((line) => !internal.test(line))
    .join('\n');
}

const indent = (text) => text.replace(/\s+$/, '').replace(/^/gm, '       ');

function last(text, lines) {
  const all = text.trimEnd().split('\n');
  return (all.length > lines ? [`… ${all.length - lines} lines more`, ...all.slice(-lines)] : all).join('\n');
}

/** Runs one file of a suite and counts what came of it. */
async function runFile(suite, file, job) {
  const { events, output, ending, ms } = await start(job);
  const done = events.find((event) => event.type === 'done');
  const ended = (type) => events.filter((event) => event.type === type);
  const problems = [...ended('fail'), ...ended('hook')].map(
    ({ suite: group, name, error }) => `✘ ${[group, name].filter(Boolean).join(' › ')}\n${indent(error)}\n`,
  );
  let { passed, failed, skipped } = done ?? {
    passed: ended('pass').length,
    failed: ended('fail').length,
    skipped: 0,
  };
  if (!done || (ending !== 0 && !(ending === 1 && failed > 0))) {
    const open = events.filter(({ type }) => ['start', 'pass', 'fail'].includes(type)).at(-1);
    const place = done ? ' after its tests' : open?.type === 'start' ? ` in "${open.name}"` : '';
    problems.push(
      `✘ the process ${typeof ending === 'number' ? `ended with exit code ${ending}` : ending}${place}`,
    );
    failed += 1;
  }
  report(suite, file, { passed, failed, skipped, ms }, [...problems, output.trim() && last(output, 60)]);
  if (options.verbose && failed === 0) {
    for (const { name, ms: took } of ended('pass'))
      console.log(`       ${took.toFixed(0).padStart(6)} ms  ${name}`);
    if (output.trim()) console.log(indent(readable(output)));
  }
}

async function runCheck(name, args) {
  const { output, ending, ms } = await start({ command: process.execPath, args, env: {} });
  const failed = ending === 0 ? 0 : 1;
  report('checks', name, { passed: 1 - failed, failed, ms }, [`✘ ${name}: ${ending}`, last(output, 80)]);
}

const vulkan = softwareVulkanEnv();
const deno = denoPath();
const nodeEnv = {
  ...vulkan,
  DIVERGRAD_CLI: join(root, 'dist', 'cli.js'),
  ...(deno ? { DIVERGRAD_DENO: deno } : {}),
};
const denoEnv = {
  ...vulkan,
  DENO_DIR: join(root, 'node_modules', '.cache', 'divergrad', 'deno'),
  DENO_NO_UPDATE_CHECK: '1',
};
Object.assign(nodeEnv, { DENO_DIR: denoEnv.DENO_DIR, DENO_NO_UPDATE_CHECK: '1' });

const inNode = (backend) => (file) => ({
  command: process.execPath,
  args: [runner('child.mjs'), pathToFileURL(join(root, bundleOf('node', file))).href, backend],
  env: nodeEnv,
});
const inDeno = (backend) => (file) => ({
  command: deno ?? 'deno',
  args: [
    ...['run', '-A', '--no-config', '--no-remote', '--unstable-webgpu', runner('child.mjs')],
    ...[pathToFileURL(join(root, bundleOf('web', file))).href, backend],
  ],
  env: denoEnv,
});
const inChromium = (backend) => (file) => ({
  command: process.execPath,
  args: [runner('chromium.mjs'), bundleOf('web', file), backend],
  env: {},
});
const suites = {
  node: { target: 'node', files: nodeFiles, job: inNode('cpu') },
  cpu: { target: 'node', files: deviceFiles, job: inNode('cpu') },
  wasm: { target: 'node', files: deviceFiles, job: inNode('wasm') },
  webgpu: { target: 'node', files: deviceFiles, job: inNode('webgpu') },
  deno: { target: 'web', files: deviceFiles, job: inDeno('webgpu') },
  'deno-wasm': { target: 'web', files: deviceFiles, job: inDeno('wasm') },
  chromium: { target: 'web', files: deviceFiles, job: inChromium('webgpu') },
  'chromium-wasm': { target: 'web', files: deviceFiles, job: inChromium('wasm') },
  web: { target: 'node', files: webFiles, job: inNode('cpu') },
};

const begun = performance.now();
const wanted = options.suites.filter((name) => name !== 'checks').map((name) => [name, suites[name]]);
const failures = {};
for (const target of ['node', 'web']) {
  const entries = new Set(
    wanted.filter(([, suite]) => suite.target === target).flatMap(([, suite]) => suite.files),
  );
  failures[target] = await bundleTests(target, [...entries]);
}

const queue = [];
for (const [name, { target, files: list, job }] of wanted) {
  for (const file of list) {
    const error = failures[target].get(file);
    if (error)
      queue.push(async () =>
        report(name, file, { passed: 0, failed: 1, ms: 0 }, ['✘ cannot be bundled', error]),
      );
    else queue.push(() => runFile(name, file, job(file)));
  }
}
if (options.suites.includes('checks') && options.only === '') {
  queue.push(() => runCheck('types', [join(root, 'build.mjs'), 'typecheck', '--pretty', 'false']));
  queue.push(() => runCheck('lint', [join(root, 'build.mjs'), 'lint', '--reporter=summary', '.']));
}

const workers = Math.min(2, Math.max(1, availableParallelism()));
await Promise.all(
  Array.from({ length: workers }, async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await job();
  }),
);

// ---------------------------------------------------------------- totals

console.log('');
let passed = 0;
let failed = 0;
for (const [suite, total] of totals) {
  if (total.passed + total.failed === 0 && options.only === '') {
    console.log(`FAIL ${suite}: no test ran`);
    total.failed += 1;
  }
  const skipped = total.skipped ? `, ${total.skipped} skipped` : '';
  console.log(
    `${suite.padEnd(8)} ${String(total.passed).padStart(5)} passed, ${total.failed} failed${skipped} (${(total.ms / 1000).toFixed(1)} s)`,
  );
  passed += total.passed;
  failed += total.failed;
}
console.log(`${((performance.now() - begun) / 1000).toFixed(1)} s in all\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);
