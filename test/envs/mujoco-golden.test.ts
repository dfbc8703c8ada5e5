// How close the MuJoCo tasks come to the published figures and trajectories, and that the comparison notices what is
// wrong. That all are within tolerance is tested in test/verify/golden.test.ts too, as `verify` does it.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Hopper, hopperModel } from '../../src/envs/mujoco/hopper.ts';
import { CompiledModel } from '../../src/envs/mujoco/simulation.ts';
import { prepareEnvironment } from '../../src/envs/registry.ts';
import { parseJson } from '../../src/verify/format.ts';
import { type MujocoCase, readMujoco, verifyMujoco } from '../../src/verify/mujoco.ts';

const folder = 'test/golden/mujoco';
const read = (file: string): MujocoCase[] =>
  readMujoco(parseJson(readFileSync(`${folder}/${file}`, 'utf8'), file));
const all = ['facts', 'trajectories'].flatMap((part) =>
  readdirSync(`${folder}/${part}`).flatMap((file) => read(`${part}/${file}`)),
);

await prepareEnvironment('hopper');

/** The largest share of the tolerance that any case of a kind may need: far below one, so that a drift shows. */
const kinds: [what: string, belongs: (name: string) => boolean, count: number, share: number][] = [
  ['facts', (name) => name.endsWith('/facts'), 9, 0.2],
  ['trajectories', (name) => /^\w+\/(?!facts)\w+$/.test(name), 26, 0.01],
  // Ant's reward has lost the position before the step, by as much as the tolerance allows for.
  ['single steps', (name) => name.endsWith('single steps') && !name.startsWith('Ant/'), 22 + 1, 0.3],
  ['single steps of Ant', (name) => name.endsWith('single steps') && name.startsWith('Ant/'), 3, 1],
];

for (const [what, belongs, count, share] of kinds) {
  test(`${what} need less than ${share} of their tolerance`, async () => {
    const cases = all.filter(({ name }) => belongs(name));
    assert.is(cases.length, count);
    for (const each of cases) {
      const found = await verifyMujoco(each);
      assert.ok(found && found.factor < share, `${each.name}: ${found?.factor} ${found?.detail}`);
    }
  });
}

test('a task that is not here is not verified', async () => {
  const [first] = all;
  assert.is(await verifyMujoco({ ...first, environment: 'Pusher-v5' }), undefined);
});

// ---- the comparison can fail --------------------------------------------------------------------------

/** The hopper from another model. */
function altered(change: (xml: string) => string): Hopper {
  const xml = hopperModel();
  assert.is.not(change(xml), xml);
  const made = new Hopper();
  const other = new CompiledModel(change(xml));
  const simulation = (made as unknown as { simulation: { model: CompiledModel } }).simulation;
  Object.assign(simulation, { model: other });
  Object.assign(made, { model: other });
  return made;
}

const defects: [what: string, change: (xml: string) => string][] = [
  ['a radius 0.01% too large', (xml) => xml.replace('size="0.06"', 'size="0.060006"')],
  ['a gear 0.1% too strong', (xml) => xml.replace('gear="200"', 'gear="200.2"')],
  ['friction 1% too high', (xml) => xml.replace('friction="2 ', 'friction="2.02 ')],
  ['a joint damped 0.1% too much', (xml) => xml.replace('damping="1"', 'damping="1.001"')],
  ['another integrator', (xml) => xml.replace('RK4', 'Euler')],
];

for (const [what, change] of defects) {
  test(`${what} is noticed in the facts and in a trajectory`, () => {
    const made = altered(change);
    const factors = all
      .filter(({ name }) => ['Hopper/facts', 'Hopper/onward', 'Hopper/onward/single steps'].includes(name))
      .map((each) => each.deviation(made).factor);
    assert.is(factors.length, 3);
    for (const factor of factors) assert.ok(factor > 1, `${factors}`);
    made.dispose();
  });
}

test('wrong observations, rewards and ends are noticed', () => {
  const source = readFileSync(`${folder}/trajectories/Hopper.large.json`, 'utf8');
  const document = JSON.parse(source) as {
    obs: number[][];
    reward: number[];
    terminated: boolean[];
    tolerance: { obs: number[]; reward: number[] };
  };
  const made = new Hopper();
  const factorOf = (change: (copy: typeof document) => void) => {
    const copy = structuredClone(document);
    change(copy);
    const [trajectory] = readMujoco(parseJson(JSON.stringify(copy), 'changed'));
    return trajectory.deviation(made);
  };
  assert.ok(factorOf(() => {}).factor < 0.01);
  const { obs, reward } = document.tolerance;
  const moved = factorOf((copy) => {
    copy.obs[4][2] += 1.1 * obs[4];
  });
  assert.ok(moved.factor > 1 && /observation after action 4 \[2\]/.test(moved.detail), moved.detail);
  const paid = factorOf((copy) => {
    copy.reward[5] += 1.1 * reward[5] * Math.max(1, Math.abs(copy.reward[5]));
  });
  assert.ok(paid.factor > 1 && /reward after action 5/.test(paid.detail), paid.detail);
  const ended = factorOf((copy) => {
    copy.terminated[3] = !copy.terminated[3];
  });
  assert.ok(ended.factor === Number.POSITIVE_INFINITY && /terminated/.test(ended.detail), ended.detail);
  made.dispose();
});

test.run();
