// What came of each file and command: counted, printed, and kept for the order of the next run.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suites } from '../suites.mjs';
import { root } from './bundles.mjs';
import { indent, last, readable } from './text.mjs';

const timesFile = join(root, 'node_modules', '.cache', 'divergrad', 'test-times.json');
const keyOf = ({ name, file, what }) => `${name} ${file ?? what}`;
const nameOf = ({ suite, name }) => [suite, name].filter(Boolean).join(' › ');

/** Times of earlier runs; only the order rests on them. */
function readTimes() {
  try {
    return JSON.parse(readFileSync(timesFile, 'utf8'));
  } catch {
    return {};
  }
}

export class Results {
  /** [{ suite, file, test, seconds }], the seconds since the run began. */
  failures = [];
  #begun = performance.now();
  #totals = new Map();
  #times = readTimes();

  /**
   * @param names suites whose counts are told
   * @param options verbose, and test: the part of a name that restricts the run
   */
  constructor(names, options) {
    this.options = options;
    for (const name of names) this.#totals.set(name, { passed: 0, failed: 0, skipped: 0, ms: 0 });
  }

  get seconds() {
    return (performance.now() - this.#begun) / 1000;
  }

  /** How long a job took the last time, in ms; one that never ran counts as a fair part of its suite. */
  expectedMs(job) {
    return this.#times[keyOf(job)] ?? (suites[job.name].minutes * 60_000) / 20;
  }

  fail(job, test) {
    this.failures.push({ suite: job.name, file: job.file ?? job.what, test, seconds: this.seconds });
  }

  count(job, { passed, failed, skipped = 0, ms }, details) {
    const total = this.#totals.get(job.name);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    total.ms += ms;
    if (passed + failed + skipped === 0) return; // --test left nothing of the file
    if (this.options.test === '') this.#times[keyOf(job)] = Math.round(ms);
    const counts = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
    const verdict = failed ? 'FAIL' : ' ok ';
    console.log(`${verdict} ${job.name.padEnd(8)} ${job.file ?? job.what} (${counts}, ${ms.toFixed(0)} ms)`);
    if (failed > 0) console.log(indent(readable(details.filter(Boolean).join('\n'))));
  }

  /** What came of a test file: its events, how its process ended, and what else it said. */
  file(job, { events, output, ending, stopped, ms }) {
    if (stopped) return;
    const ended = (type) => events.filter((event) => event.type === type);
    const done = ended('done')[0];
    const broken = [...ended('fail'), ...ended('hook')];
    for (const event of broken) this.fail(job, nameOf(event));
    const problems = broken.map((event) => `✘ ${nameOf(event)}\n${indent(event.error)}\n`);
    const counts = done ?? { passed: ended('pass').length, failed: ended('fail').length, skipped: 0 };
    if (!done || (ending !== 0 && !(ending === 1 && counts.failed > 0))) {
      const open = events.filter(({ type }) => ['start', 'pass', 'fail'].includes(type)).at(-1);
      const place = done ? ' after its tests' : open?.type === 'start' ? ` in "${nameOf(open)}"` : '';
      const how = typeof ending === 'number' ? `ended with exit code ${ending}` : ending;
      problems.push(`✘ the process ${how}${place}`);
      this.fail(job, `the process ${how}${place}`);
      counts.failed += 1;
    }
    this.count(job, { ...counts, ms }, [...problems, output.trim() && last(output, 60)]);
    if (!this.options.verbose || counts.failed > 0) return;
    for (const event of ended('pass'))
      console.log(`       ${event.ms.toFixed(0).padStart(6)} ms  ${nameOf(event)}`);
    if (output.trim()) console.log(indent(readable(output)));
  }

  /** What came of a command, which passes or fails as a whole. */
  command(job, { output, ending, stopped, ms }) {
    if (stopped) return;
    const failed = ending === 0 ? 0 : 1;
    if (failed) this.fail(job, job.what);
    this.count(job, { passed: 1 - failed, failed, ms }, [`✘ ${job.what}: ${ending}`, last(output, 80)]);
  }

  /**
   * Prints the counts, a suite a line, and last their sum.
   *
   * @param whole every suite had to run: one without a test has failed
   * @param nothing it is no failure that nothing ran
   * @returns the report that `--json` writes
   */
  summary(whole, nothing = false) {
    mkdirSync(dirname(timesFile), { recursive: true });
    writeFileSync(`${timesFile}.${process.pid}`, JSON.stringify(this.#times));
    renameSync(`${timesFile}.${process.pid}`, timesFile);
    console.log('');
    const list = [];
    for (const [suite, { ms, ...counts }] of this.#totals) {
      const { minutes: budget } = suites[suite];
      if (counts.passed + counts.failed === 0) {
        if (!whole) continue;
        console.log(`FAIL ${suite}: no test ran`);
        counts.failed += 1;
      }
      const minutes = ms / 60_000;
      list.push({ suite, ...counts, minutes, budget });
      const skipped = counts.skipped ? `, ${counts.skipped} skipped` : '';
      const over = minutes > budget ? '  over its budget' : '';
      console.log(
        `${suite.padEnd(18)} ${String(counts.passed).padStart(5)} passed, ${counts.failed} failed${skipped}, ${minutes.toFixed(2)} of ${budget} min${over}`,
      );
    }
    const sum = (of) => list.reduce((total, row) => total + row[of], 0);
    const report = { passed: sum('passed'), failed: sum('failed') };
    if (!whole && !nothing && report.passed + report.failed === 0) {
      const { test } = this.options;
      console.log(`FAIL no test${test ? ` has '${test}' in its name` : ' ran'}`);
      report.failed = 1;
    }
    console.log(`${(this.seconds / 60).toFixed(2)} min in all\n`);
    console.log(`${report.passed} passed, ${report.failed} failed`);
    return { ...report, minutes: this.seconds / 60, suites: list, failures: this.failures };
  }
}
