// Selects tests, runs them, counts: npm test -- --help. The suites are in suites.mjs.
//
// A file is bundled once per kind of runtime and runs in a process of its own, two at a time, so a crash or a hang costs
// one file. WebGPU always means the software driver here: the same on every machine.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildWeb, bundle, compileKernels, install } from '../build.mjs';
import { affected, changedSince } from './runner/affected.mjs';
import { parse } from './runner/arguments.mjs';
import { bundleTests, root, sweep } from './runner/bundles.mjs';
import { commandOf, isStopping, jobOf, start, stopAll, targetOf } from './runner/processes.mjs';
import { chosenFiles, chosenSuites } from './runner/select.mjs';
import { indent, last, readable } from './runner/text.mjs';
import { watch } from './runner/watch.mjs';
import { builds, entriesFor, suites } from './suites.mjs';

const options = parse(process.argv.slice(2));

if (options.list) {
  for (const [name, { tier, minutes, proves }] of Object.entries(suites))
    console.log(`${tier === 'test' ? 'test    ' : 'test:all'}  ${name.padEnd(18)} ${minutes} min  ${proves}`);
  process.exit(0);
}
if (options.watch) await watch(options);

// ---------------------------------------------------------------- what to run

const chosen = chosenSuites(options);
let pairs = chosenFiles(options);
if (pairs.length === 0 && (options.only || options.test)) {
  console.error(`divergrad: no test file has '${options.only}' in its path`);
  process.exit(2);
}

sweep();
install();
await compileKernels();
const partial = options.only !== '' || options.test !== '';
let commands = partial
  ? []
  : chosen.flatMap(([name, suite]) =>
      Object.entries(suite.commands ?? {}).map(([what, args]) => ({ name, what, args })),
    );
let checks = !partial && chosen.some(([name]) => name === 'checks');
if (options.changed || options.affectedBy) {
  const changed = options.affectedBy ? options.affectedBy.split(',') : changedSince(options.changed);
  pairs = await affected(pairs, changed);
  checks &&= changed.some((file) => /\.(ts|mjs|json|css)$/.test(file));
  commands = [];
  console.log(`${changed.length} changed files can affect ${pairs.length} runs of test files`);
  if (pairs.length === 0 && !checks) process.exit(0);
}

const timesFile = join(root, 'node_modules', '.cache', 'divergrad', 'test-times.json');
const times = existsSync(timesFile) ? JSON.parse(readFileSync(timesFile, 'utf8')) : {};
const keyOf = ({ name, file, what }) => `${name} ${file ?? what}`;
// A file that never ran counts as a fair part of its suite.
const expected = (job) => times[keyOf(job)] ?? (suites[job.name].minutes * 60_000) / 20;

// ---------------------------------------------------------------- builds

const needed = new Set(pairs.flatMap(({ file }) => entriesFor(builds, file)));
if (needed.delete('page')) {
  await buildWeb();
  needed.add('cli.js');
}
await bundle({ only: [...needed] });
for (const folder of new Set(pairs.flatMap(({ suite }) => suite.packages ?? [])))
  install(folder, `the packages of ${folder}`);
const failures = {};
for (const target of ['node', 'web']) {
  const entries = pairs.filter(({ suite }) => targetOf(suite) === target).map(({ file }) => file);
  failures[target] = await bundleTests(target, [...new Set(entries)]);
}

// ---------------------------------------------------------------- running

const begun = performance.now();
const totals = new Map(
  [...new Set([...chosen.map(([name]) => name), ...pairs.map(({ name }) => name)])].map((name) => [
    name,
    { passed: 0, failed: 0, skipped: 0, ms: 0 },
  ]),
);
const failed = [];

function report(job, { passed, failed: broken, skipped = 0, ms }, details) {
  const total = totals.get(job.name);
  total.passed += passed;
  total.failed += broken;
  total.skipped += skipped;
  total.ms += ms;
  if (passed + broken + skipped === 0) return; // --test left nothing of the file
  if (options.test === '') times[keyOf(job)] = Math.round(ms);
  const counts = `${passed} passed, ${broken} failed${skipped ? `, ${skipped} skipped` : ''}`;
  const line = `${broken ? 'FAIL' : ' ok '} ${job.name.padEnd(8)} ${job.file ?? job.what} (${counts}, ${ms.toFixed(0)} ms)`;
  console.log(line);
  if (broken > 0) console.log(indent(readable(details.filter(Boolean).join('\n'))));
}

const nameOf = ({ suite, name }) => [suite, name].filter(Boolean).join(' › ');
const seconds = () => (performance.now() - begun) / 1000;

/** Runs one file of a suite and counts what came of it. */
async function runFile(job) {
  const { events, output, ending, ms } = await start(
    jobOf(job.suite, job.file, options.test),
    options.deadline,
  );
  const done = events.find((event) => event.type === 'done');
  const ended = (type) => events.filter((event) => event.type === type);
  const broken = [...ended('fail'), ...ended('hook')];
  for (const event of broken)
    failed.push({ suite: job.name, file: job.file, test: nameOf(event), seconds: seconds() });
  const problems = broken.map((event) => `✘ ${nameOf(event)}\n${indent(event.error)}\n`);
  const counts = done ?? { passed: ended('pass').length, failed: ended('fail').length, skipped: 0 };
  if (!done || (ending !== 0 && !(ending === 1 && counts.failed > 0))) {
    const open = events.filter(({ type }) => ['start', 'pass', 'fail'].includes(type)).at(-1);
    const place = done ? ' after its tests' : open?.type === 'start' ? ` in "${nameOf(open)}"` : '';
    const what = `the process ${typeof ending === 'number' ? `ended with exit code ${ending}` : ending}${place}`;
    problems.push(`✘ ${what}`);
    failed.push({ suite: job.name, file: job.file, test: what, seconds: seconds() });
    counts.failed += 1;
  }
  report(job, { ...counts, ms }, [...problems, output.trim() && last(output, 60)]);
  if (options.verbose && counts.failed === 0) {
    for (const event of ended('pass'))
      console.log(`       ${event.ms.toFixed(0).padStart(6)} ms  ${nameOf(event)}`);
    if (output.trim()) console.log(indent(readable(output)));
  }
}

/** Runs one command of build.mjs, which passes or fails as a whole. */
async function runCommand(job) {
  const { output, ending, ms } = await start(commandOf(job.args), options.deadline);
  const broken = ending === 0 ? 0 : 1;
  if (broken) failed.push({ suite: job.name, file: job.what, test: job.what, seconds: seconds() });
  report(job, { passed: 1 - broken, failed: broken, ms }, [`✘ ${job.what}: ${ending}`, last(output, 80)]);
}

const queue = pairs.map((job) => {
  const error = failures[targetOf(job.suite)].get(job.file);
  const run = error
    ? async () => {
        failed.push({ suite: job.name, file: job.file, test: 'cannot be bundled', seconds: seconds() });
        report(job, { passed: 0, failed: 1, ms: 0 }, ['✘ cannot be bundled', error]);
      }
    : () => runFile(job);
  return { run, ms: expected(job) };
});
for (const job of commands) queue.push({ run: () => runCommand(job), ms: expected(job) });
if (checks) {
  for (const job of [
    { name: 'checks', what: 'types', args: ['typecheck', '--pretty', 'false'] },
    { name: 'checks', what: 'lint', args: ['lint', '--reporter=summary', '.'] },
  ])
    queue.push({ run: () => runCommand(job), ms: expected(job) });
}
// The longest first, so that the processes end together; of a selection the quickest, so that a verdict comes soon.
const quick = options.bail || options.changed || options.affectedBy;
queue.sort((a, b) => (quick ? a.ms - b.ms : b.ms - a.ms));

let bailed = false;
await Promise.all(
  Array.from({ length: options.jobs }, async () => {
    for (let job = queue.shift(); job && !isStopping(); job = queue.shift()) {
      await job.run();
      if (options.bail && failed.length > 0 && !bailed) {
        bailed = true;
        stopAll();
      }
    }
  }),
);
mkdirSync(dirname(timesFile), { recursive: true });
writeFileSync(timesFile, JSON.stringify(times));

// ---------------------------------------------------------------- totals

console.log('');
const sum = { passed: 0, failed: 0 };
const whole = !partial && !options.changed && !options.affectedBy && !bailed;
for (const [name, total] of totals) {
  if (total.passed + total.failed === 0) {
    if (!whole) continue;
    console.log(`FAIL ${name}: no test ran`);
    total.failed += 1;
  }
  const budget = suites[name].minutes;
  const minutes = total.ms / 60_000;
  const skipped = total.skipped ? `, ${total.skipped} skipped` : '';
  console.log(
    `${name.padEnd(18)} ${String(total.passed).padStart(5)} passed, ${total.failed} failed${skipped}, ${minutes.toFixed(2)} of ${budget} min${minutes > budget ? '  over its budget' : ''}`,
  );
  sum.passed += total.passed;
  sum.failed += total.failed;
}
if (bailed) console.log('stopped at the first failure');
if (!whole && sum.passed + sum.failed === 0) {
  console.log(`FAIL no test${options.test ? ` has '${options.test}' in its name` : ' ran'}`);
  sum.failed += 1;
}
console.log(`${(seconds() / 60).toFixed(2)} min in all\n`);
if (options.json) {
  const ran = [...totals].filter(([, { passed, failed: broken }]) => whole || passed + broken > 0);
  const list = ran.map(([name, { ms, ...counts }]) => ({
    ...{ suite: name, ...counts, minutes: ms / 60_000, budget: suites[name].minutes },
  }));
  writeFileSync(
    options.json,
    `${JSON.stringify({ ...sum, minutes: seconds() / 60, suites: list, failures: failed }, null, 2)}\n`,
  );
}
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
console.log(`${sum.passed} passed, ${sum.failed} failed`);
