// Plants small faults, one at a time, in a copy of the sources, and says which test found each and after how long:
// node build.mjs mutants [--only=TEXT] [--all] [--jobs=N] [--json=FILE]
//
// The faults are the lists in test/mutants/, a file a room. A fault that no test of `npm test` finds (with --all: of
// `npm run test:all`) is a survivor, and the exit code is 1.
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { suites } from '../suites.mjs';
import { root } from './bundles.mjs';

const folder = join(root, 'test', 'mutants');
const trees = join(root, 'dist', 'mutants');
const children = new Set();
let interrupted = false;

/** Every fault: { room, fault, file, from, to }. */
export async function faults() {
  const all = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.mjs'))) {
    const { default: list } = await import(join(folder, name));
    for (const entry of list) all.push({ room: name.replace('.mjs', ''), ...entry });
  }
  return all;
}

/** The text with the fault in it. @throws where the text to replace does not stand there exactly once */
export function planted(source, { fault, file, from, to }) {
  const times = source.split(from).length - 1;
  if (times !== 1) throw new Error(`${file}: '${from}' stands there ${times} times, not once (${fault})`);
  return source.replace(from, () => to);
}

/** A copy of the sources with what is built, in which files can be changed. */
function copyTree(target) {
  rmSync(target, { recursive: true, force: true });
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const file of listed.stdout.split('\n').filter((name) => name && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(root, file), join(target, file), { preserveTimestamps: true });
  }
  // Some tests ask git which files there are.
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
  ])
    spawnSync('git', args, { cwd: target });
  symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'), 'junction');
  for (const name of readdirSync(join(root, 'dist')).filter(
    (entry) => entry !== 'mutants' && entry !== 'test',
  ))
    cpSync(join(root, 'dist', name), join(target, 'dist', name), {
      recursive: true,
      preserveTimestamps: true,
    });
}

function tests(tree, { file }, all) {
  const tier = Object.entries(suites).filter(([, suite]) => suite.files && (all || suite.tier === 'test'));
  const report = join(tree, 'dist', 'mutant.json');
  rmSync(report, { force: true });
  const args = ['--bail', '--jobs=1', `--affected-by=${file}`, `--json=${report}`];
  args.push(`--suite=${tier.map(([name]) => name)}`);
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(tree, 'build.mjs'), 'test', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('close', () => children.delete(child));
    child.on('close', (code) =>
      done({
        code,
        output,
        report: existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined,
      }),
    );
  });
}

/** Plants one fault in a tree, runs what it can affect, and takes it out again. */
async function tryFault(tree, entry, all) {
  const file = join(tree, entry.file);
  const source = readFileSync(file, 'utf8');
  const begun = performance.now();
  writeFileSync(file, planted(source, entry));
  try {
    const { code, output, report } = await tests(tree, entry, all);
    const seconds = (performance.now() - begun) / 1000;
    const [first] = report?.failures ?? [];
    if (first) return { ...entry, found: `${first.suite} ${first.file}: ${first.test}`, seconds };
    if (code !== 0 && !interrupted)
      return { ...entry, found: `the build: ${output.trim().split('\n').at(-1)}`, seconds };
    return { ...entry, found: null, seconds };
  } finally {
    writeFileSync(file, source);
  }
}

const usage = 'usage: node build.mjs mutants [--only=TEXT] [--all] [--jobs=N] [--json=FILE]';

const defaults = { only: '', all: false, jobs: '2', json: '' };

async function main(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  const { values } = parseArgs({
    args,
    options: { only: text, jobs: text, json: text, all: flag, help: flag },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const options = { ...defaults, ...values };
  if (!(Number(options.jobs) >= 1)) throw new Error(`--jobs is ${options.jobs}; it must be a number from 1`);
  const queue = (await faults()).filter(({ room, fault, file }) =>
    `${room} ${file} ${fault}`.includes(options.only),
  );
  if (queue.length === 0) throw new Error(`no fault has '${options.only}' in its room, file or text`);
  for (const entry of queue) planted(readFileSync(join(root, entry.file), 'utf8'), entry);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, async () => {
      interrupted = true;
      queue.length = 0;
      for (const child of children) child.kill('SIGTERM');
      await Promise.all([...children].map((child) => new Promise((done) => child.once('close', done))));
      rmSync(trees, { recursive: true, force: true });
      process.exit(130);
    });
  }
  const results = [];
  await Promise.all(
    Array.from({ length: Math.min(Number(options.jobs), queue.length) }, async (_, i) => {
      const tree = join(trees, String(i));
      copyTree(tree);
      for (let entry = queue.shift(); entry; entry = queue.shift()) {
        const result = await tryFault(tree, entry, options.all);
        results.push(result);
        console.log(
          `${result.found ? 'found   ' : 'SURVIVED'} ${result.seconds.toFixed(1).padStart(6)} s  ${entry.room}: ${entry.fault}\n                    ${result.found ?? entry.file}`,
        );
      }
      rmSync(tree, { recursive: true, force: true });
    }),
  );
  const survivors = results.filter(({ found }) => found === null);
  const sorted = results
    .filter(({ found }) => found)
    .map(({ seconds }) => seconds)
    .sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  console.log(
    `${results.length} faults planted, ${sorted.length} found (median ${median.toFixed(1)} s), ${survivors.length} survived`,
  );
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  return survivors.length > 0 ? 1 : 0;
}

if (process.argv[1]?.endsWith('mutants.mjs')) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`divergrad: ${error.message}\n${usage}`);
    process.exitCode = 2;
  }
}
