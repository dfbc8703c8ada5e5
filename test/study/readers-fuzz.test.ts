// Damaged JSON gives the readers' typed error or is read; nothing else is thrown, and no name reaches a prototype.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hopperModel } from '../../src/envs/mujoco/hopper.ts';
import { fromMjcf } from '../../src/envs/mujoco/mjcf.ts';
import { DataError, DivergradError } from '../../src/errors.ts';
import { reportOf } from '../../src/report/report.ts';
import { parsePolicy } from '../../src/rl/policy-file.ts';
import { readStudy } from '../../src/study/config.ts';
import { readStudyResults } from '../../src/study/results.ts';
import { readTrajectories } from '../../src/verify/environments.ts';
import { parseJson, readGolden } from '../../src/verify/format.ts';

const hostile = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '../../etc/passwd',
  '',
  'x'.repeat(10_000),
];
const value = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1.5, 1e300, -0, [], {}, [[]], [null], ...hostile),
  fc.jsonValue({ maxDepth: 2 }),
);
/** Which node of the document, and what becomes of it. */
const edit = fc.record({
  at: fc.nat(100_000),
  value,
  drop: fc.boolean(),
  rename: fc.option(fc.constantFrom(...hostile)),
});

type Parent = Record<string, unknown>;

/** Replaces, drops or renames one node of a JSON document. */
function apply(
  document: unknown,
  { at, value, drop, rename }: { at: number; value: unknown; drop: boolean; rename: string | null },
): void {
  const places: [Parent, string][] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    // Long arrays of numbers stand for themselves with a few of their elements.
    for (const key of Object.keys(node).slice(0, 40)) {
      places.push([node as Parent, key]);
      walk((node as Parent)[key]);
    }
  };
  walk(document);
  if (places.length === 0) return;
  const [parent, key] = places[at % places.length];
  if (rename !== null) {
    Object.defineProperty(parent, rename, {
      value: parent[key],
      enumerable: true,
      configurable: true,
      writable: true,
    });
    if (!Array.isArray(parent)) delete parent[key];
  } else if (drop && !Array.isArray(parent)) delete parent[key];
  else parent[key] = value;
}

function survives(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.instance(error, DataError, String((error as Error).stack));
    assert.not.match((error as Error).message, '\n');
    assert.ok((error as Error).message.length < 2000, 'the message is short');
  }
  assert.is(Object.keys(Object.prototype).length, 0);
  assert.is(({} as Record<string, unknown>).polluted, undefined);
}

// A failure prints its seed; this one is fixed, so that everybody runs the same.
const settings = { numRuns: 400, seed: 5, includeErrorInReport: true };

for (const file of readdirSync('test/golden').filter((name) => name.endsWith('.json'))) {
  const text = readFileSync(`test/golden/${file}`, 'utf8');
  if (text.length > 300_000) continue;
  test(`golden ${file}`, () => {
    const whole = JSON.parse(text);
    // A few cases, so that an edit often meets what is checked.
    whole.cases = whole.cases?.slice(0, 2);
    const short = JSON.stringify(whole);
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const document = JSON.parse(short);
        for (const each of edits) apply(document, each);
        survives(() => readGolden(parseJson(JSON.stringify(document), file)));
        survives(() => readTrajectories(parseJson(JSON.stringify(document), file)));
      }),
      { ...settings, numRuns: 60 },
    );
  });
}

test('text that is no JSON, or is cut off', () => {
  const text = readFileSync('test/golden/optim.json', 'utf8').slice(0, 3000);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat(3000).map((length) => text.slice(0, length)),
      ),
      (broken) => survives(() => readGolden(parseJson(broken, 'file.json'))),
    ),
    settings,
  );
});

const policy = {
  ...{ kind: 'divergrad-policy', version: 1, environment: 'pendulum', estimator: 'reverse-kl/pathwise' },
  ...{ distribution: 'tanh-gaussian', observations: 3, actions: 1, hidden: [2], activation: 'relu' },
  parameters: Array.from({ length: 4 * 2 + 3 * 2 }, (_, i) => i / 10),
};

test('saved policies', () => {
  parsePolicy(policy, 'policy.json');
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const document = structuredClone(policy);
      for (const each of edits) apply(document, each);
      survives(() => parsePolicy(JSON.parse(JSON.stringify(document)), 'policy.json'));
    }),
    { ...settings, numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (any) => survives(() => parsePolicy(any, 'policy.json'))),
    settings,
  );
});

test('studies, as JSON with damaged nodes and as YAML with damaged text', () => {
  const study = {
    title: 'A study',
    estimators: ['reverse-kl/pathwise', 'reverse-kl/score:loo'],
    distributions: ['tanh-gaussian'],
    environments: ['pendulum', { name: 'linear-quadratic', steps: 5000 }],
    seeds: [0, 1],
    settings: {
      steps: 100,
      batch: 8,
      hidden: [4, 4],
      learningRate: 0.001,
      temperature: 'auto',
      backend: 'cpu',
    },
    onIncompatible: 'skip',
  };
  readStudy(JSON.stringify(study));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const document = structuredClone(study);
      for (const each of edits) apply(document, each);
      survives(() => readStudy(JSON.stringify(document)));
    }),
    { ...settings, numRuns: 2000 },
  );
  const yaml = readFileSync('docs/study/study.yaml', 'utf8');
  const mutation = fc.record({
    at: fc.nat(yaml.length),
    length: fc.nat(20),
    text: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('&a [*a, *a]', '!!js/function x', '<<: {a: 1}', '\t', '{', '---\n', '1e999', '? :'),
    ),
  });
  fc.assert(
    fc.property(mutation, ({ at, length, text }) =>
      survives(() => readStudy(yaml.slice(0, at) + text + yaml.slice(at + length))),
    ),
    { ...settings, numRuns: 1500 },
  );
});

test('folders of runs, for a report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-fuzz-'));
  const run = join(folder, 'runs', 'one');
  mkdirSync(run, { recursive: true });
  const names = { environment: 'pendulum', estimator: 'reverse-kl/pathwise', distribution: 'tanh-gaussian' };
  const config = { kind: 'divergrad-run', ...names, seed: 0, adapter: 'cpu' };
  const at = (step: number) => ({
    step,
    updates: step,
    seconds: 1,
    returns: [1],
    meanReturn: -1,
    metrics: {},
  });
  const result = { kind: 'divergrad-result', seconds: 1, evaluations: [at(1), at(2)] };
  const read = async (files: Readonly<Record<string, unknown>>) => {
    for (const [name, document] of Object.entries(files))
      writeFileSync(join(run, name), JSON.stringify(document) ?? '');
    const outcome = await readStudyResults(folder)
      .then((study) => reportOf([study], { resamples: 100 }))
      .catch((error: unknown) => error);
    survives(() => {
      if (outcome instanceof Error) throw outcome;
    });
  };
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.boolean(), async (edits, which) => {
      const files = { 'config.json': structuredClone(config), 'result.json': structuredClone(result) };
      for (const each of edits) apply(which ? files['config.json'] : files['result.json'], each);
      await read(files);
    }),
    settings,
  );
  rmSync(folder, { recursive: true });
});

test('models in MJCF', async () => {
  const xml = hopperModel();
  const mutation = fc.record({
    at: fc.nat(xml.length),
    length: fc.nat(30),
    text: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('nan', '-1', '1e999', '<body>', '"', '<include file="/etc/passwd"/>'),
    ),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ at, length, text }) => {
      const changed = xml.slice(0, at) + text + xml.slice(at + length);
      try {
        const environment = (await fromMjcf(changed, { reward: () => 0 }))();
        environment.reset(1);
        environment.step(environment.actionSpace.low);
        environment.dispose();
      } catch (error) {
        assert.instance(error, DivergradError, `${(error as Error).stack}\n${text} at ${at}, ${length}`);
      }
    }),
    { ...settings, numRuns: 150 },
  );
});

test.run();
