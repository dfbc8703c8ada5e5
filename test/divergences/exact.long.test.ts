// The divergences called exact over the whole range of parameters that training visits, for every family that has them.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qualityTargets } from '../../src/quality/problem.ts';
import { divergences } from '../helpers/box-reference.ts';
import { exactDevice } from '../helpers/devices.ts';
import { type Case, ExactPrograms, errorOf, expected } from './exact-cases.ts';

const test = suite('exact divergences over the whole range');
const names = Object.keys(divergences);
const kinked = 'total-variation/exact';
const logStds = [-6, -4, -2, 0, 1, 3];
const means = [-12, -3, 0.55];

/** What an estimate that passes may be off by. */
const within = (name: string): number => (name === kinked || name === 'renyi/exact:2' ? 1e-3 : 1e-4);
/** Heads of a family in one coordinate. */
const heads: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'tanh-gaussian': means.flatMap((mean) => logStds.map((logStd) => [mean, logStd])),
  // Shapes from 1 to 60.
  beta: [-5, 0, 5, 60].flatMap((a) => [-5, 1, 40].map((b) => [a, b])),
  'tanh-gaussian-mixture': [-9, 0.3].flatMap((mean) =>
    [-3, -1, 1, 2.5].map((logStd) => [
      ...[0.2, -0.5, 0.4, 0],
      ...[0, 1.3, -0.8, 3].map((x) => mean + x),
      ...[0, 0.5, -0.3, 0.2].map((x) => logStd + x),
    ]),
  ),
};

for (const [family, list] of Object.entries(heads)) {
  for (const temperature of [1e-3, 0.03, 0.5, 100]) {
    test(`one coordinate, ${family}, temperature ${temperature}`, async () => {
      const programs = new ExactPrograms(exactDevice());
      for (const target of qualityTargets.filter(
        ({ spaces, actions }) => spaces.includes('box') && actions === 1,
      )) {
        for (const head of list) {
          const problem: Case = { family, head, target, temperature };
          const right = expected(problem, names);
          for (const name of names) {
            const found = await programs.compute(name, problem);
            const off = errorOf(found, right[name]);
            const what = `${name}, ${target.name}, head ${head}: off by ${off}, says ${found.claimed}`;
            // Where π²/p is sharpest it is refused instead.
            const refused = name === 'renyi/exact:2' && temperature === 1e-3 && found.claimed > 0.01;
            assert.ok(refused || off < within(name), what);
          }
        }
      }
    });
  }
}

/** Heads in two coordinates; where policies are narrow the reference takes total variation nowhere. */
const planes: Readonly<Record<string, readonly (readonly number[])[]>> = {
  'tanh-gaussian': [
    [0.3, 0.2, -3, -2.5],
    [0.3, 0.2, 0, -0.5],
    [0.3, 0.2, 2, 1.6],
    [-9, 6, -6, -5],
    [-9, 6, 1, 2],
  ],
  beta: [
    [0, 1, 2, 0.5],
    [60, 40, 30, 200],
    [1000, 3, 900, 1],
  ],
  'tanh-gaussian-mixture': [-3, 0].map((logStd) => [
    ...[0.2, -0.5, 0.4, 0],
    ...[0, 0.4, 1.3, -0.5, -0.8, 0.9, 2, 1],
    ...[0, 0.3, 0.5, -0.4, -0.3, 0.1, 0.2, 0].map((x) => logStd + x),
  ]),
};

/** Rényi of order 2, Jensen–Shannon and mixtures are steep where narrow, which two coordinates have few nodes for. */
const inPlane = (name: string, family: string): number => {
  if (name === 'renyi/exact:2') return 3e-2;
  return family === 'tanh-gaussian-mixture' || name === 'jensen-shannon/exact' ? 1e-2 : 2e-4;
};

for (const [family, list] of Object.entries(planes)) {
  test(`two coordinates, ${family}`, async () => {
    const programs = new ExactPrograms(exactDevice());
    const [target] = qualityTargets.filter(({ spaces, actions }) => spaces.includes('box') && actions === 2);
    const smooth = names.filter((name) => name !== kinked);
    for (const temperature of [1e-3, 0.1, 100]) {
      for (const head of list) {
        const problem: Case = { family, head, target, temperature };
        const right = expected(problem, smooth);
        for (const name of smooth) {
          const found = await programs.compute(name, problem);
          const off = errorOf(found, right[name]);
          const what = `${name}, temperature ${temperature}, head ${head}: off by ${off}, says ${found.claimed}`;
          assert.ok(off < inPlane(name, family) || found.claimed > 0.01, what);
        }
      }
    }
  });
}

test("in two coordinates total variation's gradient is that of its value", async () => {
  const programs = new ExactPrograms(exactDevice());
  const [target] = qualityTargets.filter(({ spaces, actions }) => spaces.includes('box') && actions === 2);
  for (const [head, temperature] of [
    [[0.55, -0.4, -4, 1], 100],
    [[0.3, 0.2, -3, -2.5], 0.5],
    [[0.3, 0.2, 0, -0.5], 0.5],
  ] as const) {
    const at = (moved: readonly number[]) =>
      programs.compute(kinked, { family: 'tanh-gaussian', head: moved, target, temperature });
    const { gradient, claimed } = await at(head);
    const step = 3e-4;
    for (let j = 0; j < head.length; j++) {
      const [up, down] = [step, -step].map((by) => head.map((x, i) => (i === j ? x + by : x)));
      const slope = ((await at(up)).value - (await at(down)).value) / (2 * step);
      const off = Math.abs(slope - gradient[j]) / Math.hypot(...gradient);
      assert.ok(off < 1e-2 || claimed > 0.01, `${head}, part ${j}: ${gradient[j]}, by differences ${slope}`);
    }
  }
});

test.run();
