// Stands in for `uvu` in the test bundles: uvu's own suites, with every handler reported as it ends.
//
// uvu prints its results for people and drops some errors (a hook that throws, a thrown non-Error).
// Here each test sends one event, so a run that dies half-way still says what had passed, and where it died.
import * as uvu from 'uvu';

const emit = (event) => globalThis.DIVERGRAD_TEST_EMIT?.(event);

function describe(error) {
  if (!(error instanceof Error)) {
    const text = error?.message ?? JSON.stringify(error) ?? String(error);
    return `threw ${error?.constructor?.name ?? typeof error}: ${text}`;
  }
  const { message, operator = '', details = '' } = error;
  const text = [`${error.name}: ${message}${operator ? ` (${operator})` : ''}`, details];
  text.push(
    ...String(error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s*at /.test(line)),
  );
  if (error.cause !== undefined) text.push(`caused by ${describe(error.cause)}`);
  return text.filter(Boolean).join('\n');
}

const asError = (error) => (error instanceof Error ? error : new Error(describe(error)));

function reported(suite, name, handler) {
  return async (state) => {
    const start = performance.now();
    emit({ type: 'start', suite, name });
    try {
      await handler(state);
      emit({ type: 'pass', suite, name, ms: performance.now() - start });
    } catch (error) {
      emit({ type: 'fail', suite, name, ms: performance.now() - start, error: describe(error) });
      throw asError(error);
    }
  };
}

function hook(suite, kind, handler) {
  return async (state) => {
    try {
      await handler(state);
    } catch (error) {
      emit({ type: 'hook', suite, name: kind, error: describe(error) });
      throw asError(error);
    }
  };
}

/** Whether `--test` leaves a test in. */
const wanted = (suite, name) => `${suite} › ${name}`.includes(globalThis.DIVERGRAD_TEST_NAME ?? '');

function wrap(inner, suite) {
  globalThis.DIVERGRAD_TEST_SUITES?.add(suite);
  const test = (name, handler) => {
    if (!wanted(suite, name)) return;
    globalThis.DIVERGRAD_TEST_WAITING?.add(test);
    inner(name, reported(suite, name, handler));
  };
  test.only = (name) => {
    throw new Error(`test.only would hide the other tests; run '${name}' by --test`);
  };
  test.skip = (name) => {
    throw new Error(`'${name}' would be skipped; mend it, or take it out and say why`);
  };
  test.run = () => {
    globalThis.DIVERGRAD_TEST_WAITING?.delete(test);
    inner.run();
  };
  for (const kind of ['before', 'after']) {
    test[kind] = (handler) => inner[kind](hook(suite, kind, handler));
    test[kind].each = (handler) => inner[kind].each(hook(suite, `${kind}.each`, handler));
  }
  return test;
}

export const suite = (name = '', state = {}) => wrap(uvu.suite(name, state), name);
export const test = wrap(uvu.test, '');
