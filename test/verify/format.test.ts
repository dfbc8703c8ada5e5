// The reader of golden vectors, folders of them, and the report.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { DataError } from '../../src/errors.ts';
import { readFolder } from '../../src/verify/folder.ts';
import { type Expectation, parseJson, readGolden } from '../../src/verify/format.ts';
import { failureLine, groupLine, summarise, totalLine } from '../../src/verify/report.ts';
import { type CaseReport, verifyCase, verifyGroup } from '../../src/verify/runner.ts';

const device = new Device(createCpuBackend());

// ---- the report ---------------------------------------------------------------------------------------

test('the report counts what is beyond the tolerance and never counts unbuilt cases as passed', () => {
  const base = { group: 'g', allowed: 10 };
  const cases: CaseReport[] = [
    { ...base, name: 'a', status: 'passed', factor: 0.5 },
    { ...base, name: 'b', status: 'passed', factor: 4 },
    { ...base, name: 'c', status: 'failed', factor: 12, detail: 'y [0]' },
    { ...base, name: 'd', status: 'not built' },
  ];
  const report = summarise('g', cases);
  assert.equal(report.counts, { passed: 2, failed: 1, 'not built': 1, 'not applicable': 0 });
  assert.is(report.worst, 12);
  assert.is(report.beyond, 2);
  assert.match(
    groupLine(report, true),
    '2 passed, 1 failed, 1 not built, worst error 12× of the tolerance, 2 needed',
  );
  assert.not.match(groupLine(report, false), 'needed');
  assert.match(failureLine(cases[2]), 'g c: y [0] (12× of the tolerance, 10× allowed)');
  assert.match(totalLine([report, report]), '4 passed, 2 failed, 2 not built');
});

// ---- the reader ---------------------------------------------------------------------------------------

const bound = { rtol: 0, atol: 0 };
const document = (change: (entry: Record<string, unknown>) => void = () => undefined) => {
  const entry: Record<string, unknown> = {
    name: 'unary/exp',
    inputs: { x: { shape: [2], data: [0, 1] } },
    params: { op: 'exp' },
    expect: { y: { shape: [2], data: [1, Math.E] } },
    tolerance: { y: { f32: bound, f64: bound } },
  };
  change(entry);
  return JSON.stringify({ group: 'ops', cases: [entry] });
};
const read = (text: string) => readGolden(parseJson(text, 'file.json'));

test('reads a document', () => {
  const [golden] = read(document()).cases;
  assert.equal([...(golden.inputs.get('x')?.values ?? [])], [0, 1]);
});

const illFormed: [string, string, RegExp][] = [
  ['no JSON', '{"group": NaN}', /^file\.json: is not JSON/],
  ['no object', '[]', /^file\.json: must be an object, is an array$/],
  ['no cases', '{"group": "ops"}', /^file\.json: 'cases' is missing$/],
  ['no group', '{"cases": []}', /'group' is missing/],
  ['no name', document((c) => delete c.name), /cases\[0\]: 'name' is missing/],
  ['no inputs', document((c) => delete c.inputs), /case 'unary\/exp': 'inputs' is missing/],
  ['no tolerance', document((c) => delete c.tolerance), /case 'unary\/exp': 'tolerance' is missing/],
  ['a result without tolerance', document((c) => (c.tolerance = {})), /tolerance: 'y' is missing/],
  ['no results', document((c) => (c.expect = {})), /expect: holds no results/],
  [
    'a wrong length',
    document((c) => (c.inputs = { x: { shape: [3], data: [0, 1] } })),
    /inputs: x: data: holds 2 values, but shape \[3\] needs 3/,
  ],
  [
    'a wrong type of element',
    document((c) => (c.inputs = { x: { shape: [1], dtype: 'f16', data: [0] } })),
    /x: dtype: must be 'i32' or 'bool'/,
  ],
  [
    'an index that is not whole',
    document((c) => (c.inputs = { x: { shape: [1], dtype: 'i32', data: [0.5] } })),
    /element 0 is 0\.5, which is no i32/,
  ],
  [
    'a flag that is neither 0 nor 1',
    document((c) => (c.inputs = { x: { shape: [1], dtype: 'bool', data: [2] } })),
    /which is no bool/,
  ],
  [
    'a shape that is not whole',
    document((c) => (c.inputs = { x: { shape: [-1], data: [] } })),
    /shape\[0\]: must be a whole number from 0/,
  ],
  [
    'a shape past all memory',
    document((c) => (c.inputs = { x: { shape: [1e6, 1e6], gen: { seed: 1, scale: 1 } } })),
    /is too large/,
  ],
  [
    'null for NaN',
    document((c) => (c.expect = { y: { shape: [2], data: [1, Number.NaN] } })),
    /expect: y: data: element 1 must be a finite number, is null/,
  ],
  [
    'an infinite number',
    document().replace('[0,1]', '[0,1e999]'),
    /element 1 must be a finite number, is Infinity/,
  ],
  [
    'a text for a number',
    document().replace('[0,1]', '[0,"1"]'),
    /element 1 must be a finite number, is '1'/,
  ],
  [
    'a negative tolerance',
    document((c) => (c.tolerance = { y: { f32: { rtol: -1, atol: 0 }, f64: bound } })),
    /rtol: must be at least 0/,
  ],
  [
    'a probe of an element past the end',
    document((c) => {
      const probe = { sum: 0, sumsq: 0, dot_seeds: [], dots: [], idx: [2], val: [0] };
      c.expect = { y: { shape: [2], probe } };
    }),
    /idx\[0\]: is past the 2 elements/,
  ],
];
for (const [what, text, pattern] of illFormed) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => read(text),
      (error: unknown) =>
        error instanceof DataError && pattern.test(error.message) && !error.message.includes('\n'),
    );
  });
}

test('a case may have any key, __proto__ among them', async () => {
  const text = document()
    .replace('"inputs":{', '"inputs":{"__proto__":{"shape":[],"data":[1]},')
    .replace('"params":{', '"params":{"__proto__":1,"constructor":2,');
  const [golden] = read(text).cases;
  assert.is(golden.inputs.size, 2);
  const lenient = { rtol: 1e-6, atol: 0 };
  const y = { ...golden.expect.get('y'), bounds: { f32: lenient, f64: lenient } } as Expectation;
  const report = await verifyCase('g', { ...golden, expect: new Map([['y', y]]) }, device, {
    precision: 'f32',
  });
  assert.is(report.status, 'passed', report.detail);
});

test('a case own input takes the place of a shared one', () => {
  const text = document().replace(
    '{"group"',
    '{"shared":{"x":{"shape":[],"data":[9]},"s":{"shape":[],"data":[3]}},"group"',
  );
  const [golden] = read(text).cases;
  assert.equal([...golden.inputs.keys()].sort(), ['s', 'x']);
  assert.equal(golden.inputs.get('x')?.shape, [2]);
});

// ---- folders ------------------------------------------------------------------------------------------

async function inFolder(
  files: Record<string, string>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'divergrad-golden-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function refusal(folder: string): Promise<string> {
  try {
    await readFolder(folder);
  } catch (error) {
    assert.instance(error, DataError);
    return (error as Error).message;
  }
  throw new Error('was read');
}

test('a folder that is missing, is a file, or holds nothing is refused in one line', async () => {
  assert.match(await refusal('test/no-such-folder'), 'cannot be read: it does not exist');
  assert.match(await refusal('package.json'), 'cannot be read: it is not a folder');
  await inFolder({ 'README.md': 'text' }, async (folder) => {
    assert.match(await refusal(folder), 'holds no golden vectors');
  });
});

test('an ill-formed file is named', async () => {
  await inFolder({ 'good.json': document(), 'torn.json': document().slice(0, 40) }, async (folder) => {
    assert.match(await refusal(folder), 'torn.json: is not JSON');
  });
});

test('trajectories are found in the folder itself as well, and a wrong row fails', async () => {
  const trajectory = {
    initial_state: [0, 0, 0, 0],
    initial_obs: [0, 0, 0, 0],
    actions: [1],
    states: [[0, 0.19512195, 0, -0.29268293]],
    obs: [[0, 0.19512195, 0, -0.29268293]],
    rewards: [1],
    terminated: [false],
    truncated: [false],
  };
  const text = (rewards: number[]) =>
    JSON.stringify({ group: 'envs', env: 'CartPole-v1', cases: [{ ...trajectory, rewards }] });
  await inFolder({ 'a.json': text([1]), 'b.json': text([0]) }, async (folder) => {
    const [envs] = await readFolder(folder);
    const [a, b] = await verifyGroup(envs, device, { precision: 'f32' });
    // The state is given to 8 digits, the check to 1e-9.
    assert.match(a.detail ?? '', 'state after step 0');
    assert.match(b.detail ?? '', 'reward of step 0 [0] is 1, expected 0');
  });
  await inFolder({ 'a.json': text([1]).replace('CartPole-v1', 'Unknown-v0') }, async (folder) => {
    const [envs] = await readFolder(folder);
    assert.is((await verifyGroup(envs, device, { precision: 'f32' }))[0].status, 'not built');
  });
});

test.run();
