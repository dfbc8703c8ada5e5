// Drawings of MuJoCo models against the geometry that their joints imply.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MujocoEnvironment } from '../../src/envs/mujoco/base.ts';
import { fromMjcf } from '../../src/envs/mujoco/mjcf.ts';
import { environments, makeEnvironment } from '../../src/envs/registry.ts';
import type { Scene } from '../../src/envs/scene.ts';

const tasks = environments.filter(({ prepare }) => prepare !== undefined);
const finite = (scene: Scene) => assert.equal(JSON.parse(JSON.stringify(scene)), scene); // NaN would become null
const made = (name: string): MujocoEnvironment => {
  const environment = makeEnvironment(name);
  if (!(environment instanceof MujocoEnvironment)) throw new Error(`${name} is another kind`);
  return environment;
};
const near = (actual: readonly number[], expected: readonly number[], tolerance = 1e-9) =>
  actual.forEach((x, i) => {
    assert.ok(Math.abs(x - expected[i]) <= tolerance, `${actual}, expected ${expected}`);
  });

test('every task is drawn: all its shapes, in view at the start, moving with the state', async () => {
  for (const { name, prepare } of tasks) {
    await prepare?.();
    const environment = made(name);
    environment.reset(1);
    const first = environment.scene();
    finite(first);
    const moving = first.shapes.filter(({ tone }) => tone === 'body' || tone === 'limb');
    assert.ok(moving.length >= 2, `${name} has ${moving.length} moving shapes`);
    const { left, right, bottom, top } = first.view;
    for (const shape of moving)
      for (const [x, y] of shape.kind === 'circle' ? [shape.centre] : shape.points)
        assert.ok(x > left && x < right && y > bottom && y < top, `${name}: ${x}, ${y} is out of view`);
    // The drawing lags a little: two steps show the first.
    for (let t = 0; t < 2; t++) environment.step(environment.actionSpace.high.map((high) => high / 50));
    finite(environment.scene());
    assert.not.equal(environment.scene(), first, name);
    environment.dispose();
  }
});

test('the hopper stands on its foot as its published lengths say, and turns with its joint', () => {
  const environment = made('hopper');
  const limbs = (qpos: number[]) => {
    environment.startAt(qpos, [0, 0, 0, 0, 0, 0]);
    return environment
      .scene()
      .shapes.flatMap((shape) => (shape.kind === 'line' && shape.tone !== 'ground' ? [shape] : []));
  };
  const ends = (line: { points: readonly (readonly number[])[] }) =>
    [...line.points].sort((a, b) => (Math.abs(a[1] - b[1]) > 1e-6 ? a[1] - b[1] : a[0] - b[0])).flat();
  const still = limbs([0.5, 1.25, 0, 0, 0, 0]);
  assert.equal(still.map(({ width }) => Math.round(width * 1000) / 1000).sort(), [0.08, 0.1, 0.1, 0.12]);
  const [torso] = still.filter((line) => ends(line)[1] > 1);
  near(ends(torso), [0.5, 1.05, 0.5, 1.45]);
  const foot = still.find(({ width }) => Math.abs(width - 0.12) < 1e-9);
  near(ends(foot ?? torso), [0.5 - 0.13, 0.1, 0.5 + 0.26, 0.1], 1e-6);
  // A positive turn about y tips the head forward.
  const [tipped] = limbs([0.5, 1.25, 0.15, 0, 0, 0]).filter((line) => ends(line)[1] > 1);
  const [x, y] = ends(tipped).slice(2);
  near([x, y], [0.5 + 0.2 * Math.sin(0.15), 1.25 + 0.2 * Math.cos(0.15)], 1e-9);
});

test('the camera follows a runner along the floor, not its height', () => {
  const environment = made('hopper');
  const view = (x: number, z: number) => {
    environment.startAt([x, z, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]);
    return environment.scene().view;
  };
  const [here, there, high] = [view(0, 1.25), view(7.5, 1.25), view(0, 2)];
  near([there.left - here.left, there.right - here.right], [7.5, 7.5]);
  assert.equal(high, here);
});

test("a user's own model is drawn: boxes and ellipsoids by their outlines", async () => {
  const xml = `<mujoco><worldbody><body pos="0 0 1"><joint name="j" type="hinge" axis="0 1 0"/>
    <geom type="box" size="0.3 0.2 0.1"/><geom type="ellipsoid" size="0.2 0.1 0.4" pos="0 0 0.5"/></body></worldbody>
    <actuator><motor joint="j" ctrlrange="-1 1"/></actuator></mujoco>`;
  const environment = (await fromMjcf(xml, { reward: () => 0 }))();
  environment.startAt([Math.PI / 2], [0]);
  const outlines = environment
    .scene()
    .shapes.flatMap((shape) => (shape.kind === 'polygon' ? [shape.points] : []));
  assert.is(outlines.length, 2);
  const range = (points: readonly (readonly number[])[], k: number) => [
    Math.min(...points.map((point) => point[k])),
    Math.max(...points.map((point) => point[k])),
  ];
  const box = outlines.find((points) => points.length < 9) ?? [];
  near(range(box, 0), [-0.1, 0.1]); // a quarter turn: what was 0.3 long is now upright
  near(range(box, 1), [0.7, 1.3]);
  const ellipsoid = outlines.find((points) => points !== box) ?? [];
  near(range(ellipsoid, 0), [0.1, 0.9], 0.01);
  near(range(ellipsoid, 1), [0.8, 1.2], 0.01);
});

test.run();
