// Pictures of states: plain finite data inside their view, and the geometry that the dynamics imply.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BimodalBandit, bimodalReward } from '../../src/envs/bimodal-bandit.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { environments, makeEnvironment } from '../../src/envs/registry.ts';
import type { Point, Scene, Shape } from '../../src/envs/scene.ts';

const pointsOf = (shape: Shape): readonly Point[] =>
  shape.kind === 'circle' ? [shape.centre] : shape.points;

function sceneAt(environment: Environment, physics: readonly number[]): Scene {
  environment.reset(0);
  environment.setState({ ...environment.getState(), physics });
  const scene = environment.scene?.();
  if (scene === undefined) throw new Error(`${environment.name} has no scene`);
  return scene;
}

/** Ends of the lines of a tone, in order. */
const lines = (scene: Scene, tone: Shape['tone']) =>
  scene.shapes.flatMap((shape) => (shape.kind === 'line' && shape.tone === tone ? [shape.points] : []));

const near = (actual: Point, expected: Point) =>
  assert.ok(
    Math.hypot(actual[0] - expected[0], actual[1] - expected[1]) < 1e-12,
    `${actual}, expected ${expected}`,
  );

for (const { name, make } of environments.filter(({ prepare }) => prepare === undefined)) {
  test(`${name}: a scene is plain finite data inside its view, and follows the state`, () => {
    const environment = make();
    environment.reset(3);
    const seen = new Set<string>();
    for (let t = 0; t < 40; t++) {
      const scene = environment.scene?.();
      if (scene === undefined) throw new Error('no scene');
      assert.equal(JSON.parse(JSON.stringify(scene)), scene);
      seen.add(JSON.stringify(scene));
      const { left, right, bottom, top } = scene.view;
      for (const shape of scene.shapes)
        for (const [x, y] of pointsOf(shape))
          assert.ok(x >= left && x <= right && y >= bottom && y <= top, `${name}: ${x}, ${y}`);
      const { actionSpace } = environment;
      const action = actionSpace.kind === 'box' ? actionSpace.high.map((high) => high / (t + 1)) : [t % 2];
      const { terminated, truncated } = environment.step(action);
      if (terminated || truncated) {
        seen.add(JSON.stringify(environment.scene?.()));
        environment.reset();
      }
    }
    assert.ok(seen.size > 15, `${seen.size} different pictures`);
  });
}

test('a pendulum stands up at 0 and falls to the left for positive angles', () => {
  const end = (angle: number) => lines(sceneAt(makeEnvironment('pendulum'), [angle, 0]), 'limb')[0][1];
  near(end(0), [0, 1]);
  near(end(Math.PI / 2), [-1, 0]);
  near(end(Math.PI), [0, -1]);
});

test('a pole leans to the right for positive angles, on its cart', () => {
  const [[axle, top]] = lines(sceneAt(makeEnvironment('cartpole'), [1.2, 0, 0.2, 0]), 'limb');
  near([top[0] - axle[0], top[1] - axle[1]], [Math.sin(0.2), Math.cos(0.2)]);
  assert.is(axle[0], 1.2);
});

test("the acrobot's hand is as high as the condition of its end says", () => {
  for (const [first, second] of [
    [0, 0],
    [0.7, -1.9],
    [3, 0.5],
  ]) {
    const scene = sceneAt(makeEnvironment('acrobot'), [first, second, 0, 0]);
    const hand = lines(scene, 'body')[0][1];
    near(hand, [Math.sin(first) + Math.sin(first + second), -Math.cos(first) - Math.cos(first + second)]);
    near(lines(scene, 'accent')[0][0], [-2.2, 1]); // above which it must swing
  }
});

test('the wheels of a mountain car stand on the road, on both sides of where it is', () => {
  for (const name of ['mountain-car', 'mountain-car-continuous']) {
    const road = (x: number) => 0.45 * Math.sin(3 * x) + 0.55;
    const scene = sceneAt(makeEnvironment(name), [-0.9, 0]);
    const wheels = scene.shapes.flatMap((shape) => (shape.kind === 'circle' ? [shape] : []));
    assert.is(wheels.length, 2);
    assert.ok(wheels[0].centre[0] < -0.88 && wheels[1].centre[0] > -0.92);
    for (const { centre, radius } of wheels) {
      const gap = Math.min(
        ...Array.from({ length: 400 }, (_, i) => {
          const x = centre[0] - 0.1 + i / 2000;
          return Math.hypot(x - centre[0], road(x) - centre[1]);
        }),
      );
      assert.ok(Math.abs(gap - radius) < 0.01, `${name}: a wheel of ${radius} is ${gap} from the road`);
    }
  }
});

test('the bandit shows its last action on the density of its target', () => {
  const [action] = lines(sceneAt(new BimodalBandit(), [0.4]), 'accent');
  near(action[0], [0.4, 0]);
  near(action[1], [0.4, Math.exp(bimodalReward(0.4))]);
});

test.run();
