// Selects tests, runs them, counts: npm test -- --help. The suites are in suites.mjs.
//
// A file is bundled once per kind of runtime and runs in a process of its own, two at a time, so a crash or a hang costs
// one file. WebGPU always means the software driver here: the same on every machine.
import { writeFileSync } from 'node:fs';
import { buildWeb, bundle, compileKernels, install, packPackage } from '../build.mjs';
import { affected, changedSince, inWaves } from './runner/affected.mjs';
import { parse } from './runner/arguments.mjs';
import { bundleTests, sweep } from './runner/bundles.mjs';
import { commandOf, isStopping, jobOf, start, stopAll, targetOf } from './runner/processes.mjs';
import { Results } from './runner/results.mjs';
import { absentDrivers, chosenFiles, chosenSuites } from './runner/select.mjs';
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

const asked = chosenSuites(options);
const absent = absentDrivers(asked);
for (const { name, what, packages } of absent)
  console.log(`absent ${name}: this machine lacks ${what} (Debian: ${packages.join(' ')})`);
const isAbsent = (suite) => absent.some(({ name }) => name === suite);
/** Whether a suite must run though its driver is absent, and then fails. */
const required = process.env.DIVERGRAD_DRIVERS === 'required';
const chosen = asked.filter(([name]) => required || !isAbsent(name));
const pairs = chosenFiles(options).filter(({ name }) => !isAbsent(name));
const partial = options.only !== '' || options.test !== '';
if (pairs.length === 0 && partial) {
  console.error(
    `divergrad: ${options.only ? `no test file has '${options.only}' in its path` : 'these suites have no test files'}`,
  );
  process.exit(2);
}
sweep();
install();
await compileKernels();

const commands = partial
  ? []
  : chosen.flatMap(([name, suite]) =>
      Object.entries(suite.commands ?? {}).map(([what, args]) => ({ name, what, args })),
    );
const selected = options.changed !== '' || options['affected-by'] !== '';
/** Lists of jobs, one list after the other. */
let waves = [[...pairs, ...commands]];
if (selected) {
  const changed = options['affected-by'] ? options['affected-by'].split(',') : changesSince(options.changed);
  const found = await affected(pairs, changed);
  const checked = changed.some((file) => /\.(ts|mjs|json|css)$/.test(file));
  const [near, unit, built] = inWaves(found, changed);
  waves = [near, [...unit, ...commands.filter(({ name }) => checked && name === 'checks')], built];
  console.log(`changed files: ${changed.length}; runs of test files that they can affect: ${found.length}`);
}

function changesSince(commit) {
  try {
    return changedSince(commit);
  } catch (error) {
    console.error(`divergrad: ${error.message}`);
    process.exit(2);
  }
}

// ---------------------------------------------------------------- running

/** Builds what the jobs need; returns the errors of test files that cannot be bundled, by kind of bundle and file. */
async function build(jobs) {
  const files = jobs.filter(({ file }) => file);
  const needed = new Set(files.flatMap(({ file }) => entriesFor(builds, file)));
  if (needed.delete('page')) await buildWeb();
  if (needed.delete('package')) await packPackage();
  if (needed.size > 0) await bundle({ only: [...needed] });
  for (const folder of new Set(files.flatMap(({ suite }) => suite.packages ?? [])))
    install(folder, `the packages of ${folder}`);
  const errors = {};
  for (const target of ['node', 'web']) {
    const entries = files.filter(({ suite }) => targetOf(suite) === target).map(({ file }) => file);
    errors[target] = await bundleTests(target, [...new Set(entries)]);
  }
  return errors;
}

const results = new Results(
  new Set([...chosen.map(([name]) => name), ...pairs.map(({ name }) => name)]),
  options,
);

async function runJob(job, errors) {
  if (!job.file) return results.command(job, await start(commandOf(job.args), options.deadline));
  const error = errors[targetOf(job.suite)].get(job.file);
  if (!error)
    return results.file(job, await start(jobOf(job.suite, job.file, options.test), options.deadline));
  results.fail(job, 'cannot be bundled');
  results.count(job, { passed: 0, failed: 1, ms: 0 }, ['✘ cannot be bundled', error]);
}

// The longest first, so that the processes end together; of a selection the quickest, so that a verdict comes soon.
const order = selected || options.bail ? 1 : -1;
for (const wave of waves) {
  if (isStopping()) break;
  const errors = await build(wave);
  const queue = wave.toSorted((a, b) => order * (results.expectedMs(a) - results.expectedMs(b)));
  await Promise.all(
    Array.from({ length: options.jobs }, async () => {
      for (let job = queue.shift(); job && !isStopping(); job = queue.shift()) {
        await runJob(job, errors);
        if (options.bail && results.failures.length > 0) stopAll();
      }
    }),
  );
}

if (isStopping())
  console.log(options.bail && results.failures.length > 0 ? '\nstopped at the first failure' : '\nstopped');
const nothing = selected && waves.flat().length === 0;
const report = results.summary(!partial && !selected && !isStopping(), nothing);
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
process.exitCode = report.failed > 0 || (report.passed === 0 && !nothing) ? 1 : 0;
