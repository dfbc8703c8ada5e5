// Runs one bundled test file, in Node, Deno or a page, and reports on the console, an event a line.
// From a command line: <runtime> child.mjs URL-OF-BUNDLE BACKEND NAME; NAME restricts it to tests that hold it, '' to none.

/** Marks the lines of the console that are events. */
export const mark = '\u0001divergrad ';

/** Asks a test file to end. */
export const stopSignal = 'SIGUSR2';

/** What uvu prints while it runs: the events say the same. */
export const isUvuNoise = (text) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours
  const plain = String(text).replace(/\u001b\[\d+m/g, '');
  const name = /^ (.+) {2}$/.exec(plain);
  return /^(• |✘ | {2}\(\d+ \/ \d+\)\n?)$/.test(plain) || (name !== null && suites.has(name[1]));
};
const suites = new Set();

/** Imports a bundle, runs the suites it declares, and returns the counts. */
export async function runFile(url, backend, name = '') {
  const emit = (event) => console.log(mark + JSON.stringify(event));
  globalThis.DIVERGRAD_TEST_BACKEND = backend;
  globalThis.DIVERGRAD_TEST_NAME = name;
  globalThis.DIVERGRAD_TEST_EMIT = emit;
  globalThis.DIVERGRAD_TEST_SUITES = suites;
  const waiting = new Set();
  globalThis.DIVERGRAD_TEST_WAITING = waiting;
  globalThis.UVU_DEFER = true; // uvu then only queues its suites
  globalThis.UVU_QUEUE = [[]];
  const done = { type: 'done', passed: 0, failed: 0, skipped: 0 };
  try {
    await import(url);
    if (waiting.size > 0) {
      emit({
        type: 'fail',
        name: '(file)',
        error: 'declares tests that are never run: is a `.run()` missing?',
      });
      done.failed += 1;
    }
    for (const run of globalThis.UVU_QUEUE[0]) {
      try {
        const [, passed, skipped, total] = await run();
        done.passed += passed;
        done.skipped += skipped;
        done.failed += total - passed;
      } catch {
        done.failed += 1; // an `after` hook threw; its event has said so
      }
    }
    if (done.passed + done.failed === 0 && name === '') {
      emit({ type: 'fail', name: '(file)', error: 'declares no test: is `test.run()` missing?' });
      done.failed += 1;
    }
  } catch (error) {
    emit({ type: 'fail', name: '(import)', error: String(error?.stack ?? error?.message ?? error) });
    done.failed += 1;
  }
  emit(done);
  return done;
}

const args = globalThis.Deno?.args ?? globalThis.process?.argv?.slice(2);
if (args?.length === 3 && /child\.mjs$/.test(globalThis.Deno?.mainModule ?? globalThis.process.argv[1])) {
  const write = globalThis.process.stdout.write.bind(globalThis.process.stdout);
  globalThis.process.stdout.write = (text, ...rest) => isUvuNoise(text) || write(text, ...rest);
  // Through exit handlers, which end what the tests have started.
  globalThis.process.on(stopSignal, () => globalThis.process.exit(143));
  const { failed } = await runFile(...args);
  // No process.exit(): that the process ends by itself after using a device is part of the test.
  globalThis.process.exitCode = failed > 0 ? 1 : 0;
}
