// What a study's file may say, and what is said of one that may not.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../../src/errors.ts';
import { planStudy, readStudy, runName } from '../../src/study/config.ts';
import { trainArguments } from '../../src/study/runs/settings.ts';

const small = 'estimators: [reverse-kl/pathwise]\nenvironments: [pendulum]\n';

test('defaults, overrides of an environment, seeds and order', async () => {
  const config = readStudy(`
title: small
estimators: [reverse-kl/pathwise, 'reverse-kl/score']
environments: [pendulum, { name: cartpole, steps: 300 }]
seeds: [4, 7]
settings: { steps: 500, hidden: [8], temperature: 0.3 }
`);
  const { runs, refused } = await planStudy(config, 100);
  // Pathwise gradients need actions that can be differentiated, which choices cannot.
  assert.equal(
    refused.map(({ environment, estimator }) => [environment, estimator]),
    [['cartpole', 'reverse-kl/pathwise']],
  );
  assert.match(refused[0].reason, /reparameter|differentiable/);
  assert.equal(
    runs.map((run) => [
      run.environment,
      run.estimator,
      run.distribution,
      run.seed,
      run.steps,
      run.temperature,
    ]),
    [104, 107].flatMap((seed) => [
      ['pendulum', 'reverse-kl/pathwise', 'tanh-gaussian', seed, 500, 0.3],
      ['pendulum', 'reverse-kl/score:loo', 'tanh-gaussian', seed, 500, 0.3],
      ['cartpole', 'reverse-kl/score:loo', 'categorical', seed, 300, 0.3],
    ]),
  );
  assert.is(new Set(runs.map(runName)).size, runs.length);
  assert.match(trainArguments(runs[0]).join(' '), '--env pendulum --estimator reverse-kl/pathwise');
});

test('JSON is read as YAML is', () => {
  const value = { estimators: ['mpo/decoupled'], environments: [{ name: 'pendulum', batch: 32 }], seeds: 2 };
  assert.equal(readStudy(JSON.stringify(value)).environments, [{ name: 'pendulum', batch: 32 }]);
  assert.equal(readStudy(JSON.stringify(value)).seeds, [0, 1]);
});

const wrong: readonly [text: string, message: RegExp][] = [
  ['- a', /^the study is \["a"\]; it must be a mapping/],
  ['estimators: [', /not YAML or JSON/],
  [`${small}seedss: 3`, /seedss is not a setting; did you mean 'seeds'\?/],
  [
    `${small}settings: { learningrate: 1 }`,
    /settings\.learningrate is not a setting; did you mean 'learningRate'\?/,
  ],
  [`${small}settings: { batch: 0 }`, /settings\.batch is 0; it must be a whole number from 1 to 16777216/],
  [`${small}settings: { hidden: [64, x] }`, /settings\.hidden\[1\] is "x"/],
  [
    `${small}settings: { temperature: hot }`,
    /settings\.temperature is "hot"; it must be auto, or a finite number from 0.000001 to 1000000/,
  ],
  [`${small}seeds: []`, /seeds is \[\]; it must be a list of at least 1/],
  [`${small}seeds: [1, -1]`, /seeds\[1\] is -1/],
  [
    'estimators: [reverse-kl/pathwse]\nenvironments: [pendulum]',
    /estimators\[0\]: Unknown estimator.*reverse-kl\/pathwise/,
  ],
  [
    'estimators: [reverse-kl/pathwise]\nenvironments: [pendulm]',
    /environments\[0\]: Unknown environment.*pendulum/,
  ],
  ['estimators: [reverse-kl/pathwise]\nenvironments: [pendulum, pendulum]', /environments\[1\].*named once/],
  ['environments: [pendulum]', /estimators is nothing; it must be a list/],
  [`${small}__proto__: { polluted: 1 }`, /__proto__ is not a setting/],
];

test('what is wrong is named by its key', () => {
  for (const [text, message] of wrong)
    assert.throws(
      () => readStudy(text),
      (error: Error) => error instanceof DataError && message.test(error.message),
      text,
    );
  assert.is(({} as { polluted?: number }).polluted, undefined);
});

test('combinations that cannot be are an error where asked for', async () => {
  const config = readStudy(
    'estimators: [reverse-kl/pathwise]\nenvironments: [cartpole]\nonIncompatible: error',
  );
  let message = '';
  await planStudy(config, 0).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /1 combinations cannot be; the first: reverse-kl\/pathwise with categorical/);
});

test('no text whatever does more than throw a DataError', () => {
  const keys = fc.constantFrom(
    'estimators',
    'environments',
    'seeds',
    'settings',
    'title',
    'x',
    '__proto__',
    'constructor',
  );
  const values = fc.oneof(fc.jsonValue(), fc.constant(['reverse-kl/pathwise']), fc.constant(['pendulum']));
  const texts = fc.oneof(
    fc.string(),
    fc.dictionary(keys, values).map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        readStudy(text);
      } catch (error) {
        assert.instance(error, DataError);
      }
    }),
    { numRuns: 500, seed: 5 },
  );
});

test.run();
