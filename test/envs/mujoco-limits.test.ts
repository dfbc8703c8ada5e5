// One bad model costs that model: what asks for more than the engine survives is refused before it is parsed, and an engine
// that ends all the same takes nothing else with it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fromMjcf, type MjcfOptions } from '../../src/envs/mujoco/mjcf.ts';
import { makeEnvironment, prepareEnvironment } from '../../src/envs/registry.ts';
import { DataError, EnvironmentError, UsageError } from '../../src/errors.ts';

type Kind = typeof DataError | typeof EnvironmentError | typeof UsageError;

async function refused(kind: Kind, message: RegExp, body: () => unknown): Promise<void> {
  let thrown: unknown;
  try {
    await body();
  } catch (error) {
    thrown = error;
  }
  assert.instance(thrown, kind, `${thrown}`);
  assert.match((thrown as Error).message, message);
}

const link = '<body><joint type="hinge" axis="0 1 0"/><geom size=".1"/></body>';
/** A hinge that gravity does not turn, with a motor of 2 N·m. */
const good = `<mujoco><option gravity="0 0 0" timestep="0.01"/><worldbody><body><joint name="x" type="hinge" axis="0 1 0"/>
  <geom type="sphere" size="0.1" pos="1 0 0" mass="1"/></body></worldbody>
  <actuator><motor joint="x" ctrlrange="-1 1" gear="2"/></actuator></mujoco>`;
const options: MjcfOptions = { reward: () => 0 };
const world = (inner: string, before = '') => `<mujoco>${before}<worldbody>${inner}</worldbody></mujoco>`;
const nested = (tag: string, times: number, attributes = '') =>
  world(`${`<${tag}${attributes}>`.repeat(times)}${link}${`</${tag}>`.repeat(times)}`);

/** The good model turns as Newton has it: ω = τ t / I after one step of 10 ms, with the sphere's I = m (r² + ⅖ a²). */
async function goodRuns(): Promise<void> {
  const environment = (await fromMjcf(good, options))();
  environment.reset(0);
  const [, speed] = environment.step([1]).observation;
  const expected = (2 * 0.01) / (1 + 0.4 * 0.01);
  assert.ok(Math.abs(speed - expected) < 1e-6, `ω is ${speed}, expected ${expected}`);
  environment.dispose();
}

const bad: readonly (readonly [name: string, xml: string, message: RegExp])[] = [
  ['200 nested bodies', nested('body', 200), /within each other: 101, more than 100/],
  ['nested frames', nested('frame', 300), /within each other/],
  ['nested defaults', `<mujoco><default>${'<default class="a">'.repeat(200)}`, /within each other/],
  ['nested garbage', '<a>'.repeat(100_000), /within each other/],
  ['nkey', world(link, '<size nkey="1e8"/>'), /size nkey: 100000000, more than 100000/],
  ['nkey by its characters', world(link, "<size nkey = '&#49;&#x30;0000000'/>"), /size nkey: 100000000/],
  ['memory', world(link, '<size memory="100G"/>'), /size memory: 107374182400/],
  ['stack', world(link, '<size nstack="1000000000"/>'), /size nstack/],
  ['user data', world(link, '<size nuser_body="100000000"/>'), /size nuser_body/],
  ['a replicate', nested('replicate', 1, ' count="1000000" offset="1 0 0"'), /replicate count: 1000000/],
  [
    'replicates of replicates',
    nested('replicate', 4, ' count="100"'),
    /replicated ones among them: \d+, more than 20000/,
  ],
  ['a replicate without end', nested('replicate', 1, ' count="Infinity"'), /replicate count: Infinity/],
  [
    'a cable',
    world('<body><composite type="cable" count="100000 1 1"/></body>'),
    /within each other: 100004/,
  ],
  ['a cloth', world('<flexcomp type="grid" count="300 300 1" name="f"/>'), /flexcomp count: 90000/],
  [
    'a landscape',
    '<mujoco><asset><hfield nrow="100000" ncol="100000"/></asset></mujoco>',
    /nrow × ncol: 10000000000/,
  ],
  ['a picture', '<mujoco><asset><texture width="100000" height="90000"/></asset></mujoco>', /width × height/],
  ['many bodies', world(link.repeat(5000)), /bodies, replicated ones among them: 3001, more than 3000/],
  ['many shapes', world('<geom size="1"/>'.repeat(20_000)), /elements, replicated ones among them: 20001/],
  ['a long name', world(`<geom size="1" name="${'x'.repeat(2 ** 23)}"/>`), /XML of so many bytes/],
];

test('models that the engine would not survive are refused by name, and the next good one runs', async () => {
  const before = (await fromMjcf(good, options))();
  before.reset(1);
  for (const [name, xml, message] of bad) {
    await refused(DataError, message, () => fromMjcf(xml, options)).catch((error) => {
      throw new Error(`${name}: ${error.message}`);
    });
  }
  await goodRuns();
  assert.ok(before.step([0.5]).observation.every(Number.isFinite));
});

test('what is in files counts too, where it is included', async () => {
  const inner = `<mujoco>${'<body>'.repeat(60)}${link}${'</body>'.repeat(60)}</mujoco>`;
  const files = { 'inner.xml': inner };
  const outer = world(`${'<body>'.repeat(50)}<include file="inner.xml"/>${'</body>'.repeat(50)}`);
  await refused(DataError, /within each other/, () => fromMjcf(outer, { ...options, files }));
  const bytes = { 'inner.xml': new TextEncoder().encode(inner) };
  await refused(DataError, /within each other/, () => fromMjcf(outer, { ...options, files: bytes }));
  const copied = world('<replicate count="1000"><include file="links.xml"/></replicate>');
  const links = { 'links.xml': `<mujoco>${link.repeat(100)}</mujoco>` };
  await refused(DataError, /replicated ones/, () => fromMjcf(copied, { ...options, files: links }));
  // What includes itself is MuJoCo's to refuse.
  const self = { 'a.xml': '<mujoco><include file="a.xml"/></mujoco>' };
  await refused(DataError, /cannot|can compile/, () =>
    fromMjcf('<mujoco><include file="a.xml"/></mujoco>', { ...options, files: self }),
  );
  await goodRuns();
});

test('comments and text are not elements; a model just within the limits is one', async () => {
  const noise = `<!-- ${'<body>'.repeat(200)} --><custom><text name="t" data="&lt;body> <replicate count='9999999'>"/></custom>`;
  const chain = `${'<body pos="0.5 0 0"><joint type="hinge" axis="0 1 0"/><geom size=".1"/>'.repeat(90)}${'</body>'.repeat(90)}`;
  const xml = `<mujoco>${noise}<worldbody><body><joint name="x"/><geom size=".1"/>${chain}</body></worldbody>
    <actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>`;
  const environment = (await fromMjcf(xml, options))();
  assert.is(environment.reset(0).length, 2 * 91);
  environment.dispose();
});

test('an engine that has ended takes its own model along, and no other', async () => {
  const [mine, other] = [(await fromMjcf(good, options))(), (await fromMjcf(good, options))()];
  for (const each of [mine, other]) each.reset(0);
  const state = mine.getState();
  mine.model.instance.note(new WebAssembly.RuntimeError('memory access out of bounds'));
  for (const use of [
    () => mine.step([0]),
    () => mine.reset(0),
    () => mine.getState(),
    () => mine.setState(state),
  ])
    await refused(EnvironmentError, /engine that holds this model has ended: memory access/, use);
  mine.dispose();
  assert.ok(other.step([0]).observation.every(Number.isFinite));
  await goodRuns();
});

test('the engine of the tasks starts anew after its end', async () => {
  await prepareEnvironment('hopper');
  const before = makeEnvironment('hopper');
  const first = before.reset(3);
  const { instance } = (before as unknown as { model: { instance: { note(cause: unknown): string } } }).model;
  instance.note(new WebAssembly.RuntimeError('unreachable'));
  await refused(UsageError, /not loaded/, () => makeEnvironment('hopper'));
  await prepareEnvironment('hopper');
  assert.equal(makeEnvironment('hopper').reset(3), first);
  await refused(EnvironmentError, /has ended: unreachable/, () => before.step([0, 0, 0]));
});

test('an error of the engine in a simulation is one of the environment', async () => {
  // All of them lie in one place: their contacts need more memory than the engine gives them by itself.
  const crowd = `${'<body><joint type="hinge"/><geom size=".1"/>'.repeat(96)}${'</body>'.repeat(96)}`;
  const xml = `<mujoco><worldbody>${crowd}<body><joint name="x"/><geom size=".1"/></body></worldbody>
    <actuator><motor joint="x" ctrlrange="-1 1"/></actuator></mujoco>`;
  await refused(EnvironmentError, /cannot simulate the model: .*memory.*<size memory/, () =>
    fromMjcf(xml, options),
  );
  await goodRuns();
});

test.run();
