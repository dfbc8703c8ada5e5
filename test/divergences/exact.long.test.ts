// The divergences called exact over the whole range of parameters that training visits, for every family that has them.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUADRATURE_BOUND } from '../../src/divergences/exact.ts';
import { qualityTarget, qualityTargets } from '../../src/quality/problem.ts';
import { divergences } from '../helpers/box-reference.ts';
import { exactDevice } from '../helpers/devices.ts';
import { type Case, ExactPrograms, errorOf, expected } from './exact-cases.ts';

const test = suite('exact divergences over the whole range');
const names = Object.keys(divergences);
const kinked = 'total-variation/exact';
const logStds = [-6, -4, -2, 0, 1, 3];
const means = [-12, -3, 0.55];

/** What a number that is not refused may be off by. */
const within = (name: string): number => (name === kinked ? 1e-3 : 1e-4);
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
            const refused = name === 'renyi/exact:2' && found.claimed > QUADRATURE_BOUND;
            assert.ok(refused || off < within(name), what);
          }
        }
      }
    });
  }
}

test('a mixture is resolved where one narrow component gives way to another', async () => {
  const programs = new ExactPrograms(exactDevice());
  const problem: Case = {
    family: 'tanh-gaussian-mixture',
    head: [-1.82, 0.44, 1.57, 1.42, 10.52, -0.74, 2, -10.44, -5.4, -2.4, -5.39, -3.59],
    target: qualityTarget('bimodal'),
    temperature: 0.225,
  };
  const names = ['reverse-kl/exact', 'forward-kl/exact', 'hellinger/exact'];
  const right = expected(problem, names);
  for (const name of names) {
    const off = errorOf(await programs.compute(name, problem), right[name]);
    assert.ok(off < 5e-6, `${name}: off by ${off}`);
  }
});

test('of a mixture the crossings with the target are looked at closely', async () => {
  const programs = new ExactPrograms(exactDevice());
  const problem: Case = {
    family: 'tanh-gaussian-mixture',
    head: [1.31, -0.98, -0.77, 1.36, 7.75, 2.67, -2.14, 7.3, -5.81, -6, -5.62, -6],
    target: qualityTarget('bimodal'),
    temperature: 0.898,
  };
  const names = ['jensen-shannon/exact', 'total-variation/exact'];
  const right = expected(problem, names);
  for (const name of names) {
    const off = errorOf(await programs.compute(name, problem), right[name]);
    assert.ok(off < (name.startsWith('total') ? 1e-3 : 5e-5), `${name}: off by ${off}`);
  }
});

test('at corners of critics a number is right or refused', async () => {
  const programs = new ExactPrograms(exactDevice());
  // Narrow peaks over a plain; numbers by adaptive quadrature.
  for (const [name, head, curvature, centre, temperature, value, gradient] of [
    [
      ...['reverse-kl/exact', [1.210677718743682, 14.830888928247692], 27419.70326128905, 0.3715055155288427],
      ...[0.009878859510787938, 995420.0040546841, [-14604.841974361212, 4797.7485398994]],
    ],
    [
      ...[
        'reverse-kl/exact',
        [1.8044405431150643, 5.272571848980382],
        72138.44211069815,
        0.37314459598157557,
      ],
      ...[0.7789335197124627, 11241.833738315112, [-932.2018664448265, 695.1992324805477]],
    ],
    [
      ...[
        'renyi/exact:2',
        [15.554821879031925, 222.58631946415676],
        20913.703844500415,
        -0.20148756001610313,
      ],
      ...[0.2797276070580542, 34876.131951900265, [5.169484973056546, -4.244157592033364]],
    ],
  ] as [string, number[], number, number, number, number, number[]][]) {
    const target = {
      ...qualityTarget('unimodal'),
      height: [0, -1e4],
      curvature: [curvature, 1],
      centre: [centre, 0],
    };
    const found = await programs.compute(name, { family: 'beta', head, target, temperature });
    const off = errorOf(found, { value, gradient });
    assert.ok(
      off < 1e-4 || found.claimed > QUADRATURE_BOUND,
      `${name}: off by ${off}, says ${found.claimed}`,
    );
  }
});

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

for (const [family, list] of Object.entries(planes)) {
  test(`two coordinates, ${family}`, async () => {
    const programs = new ExactPrograms(exactDevice());
    const [target] = qualityTargets.filter(({ spaces, actions }) => spaces.includes('box') && actions === 2);
    const smooth = names.filter((name) => name !== kinked);
    let [numbers, refused] = [0, 0];
    for (const temperature of [1e-3, 0.1, 100]) {
      for (const head of list) {
        const problem: Case = { family, head, target, temperature };
        const right = expected(problem, smooth);
        for (const name of smooth) {
          const found = await programs.compute(name, problem);
          const off = errorOf(found, right[name]);
          const what = `${name}, temperature ${temperature}, head ${head}: off by ${off}, says ${found.claimed}`;
          assert.ok(off < within(name) || found.claimed > QUADRATURE_BOUND, what);
          if (found.claimed > QUADRATURE_BOUND) refused++;
          numbers++;
        }
      }
    }
    // Along the ridges of a mixture lie no nodes.
    const most = family === 'tanh-gaussian-mixture' ? 0.4 : 0.02;
    assert.ok(refused <= most * numbers, `${refused} of ${numbers} are refused`);
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
      assert.ok(
        off < 1e-2 || claimed > QUADRATURE_BOUND,
        `${head}, part ${j}: ${gradient[j]}, by differences ${slope}`,
      );
    }
  }
});

test.run();
