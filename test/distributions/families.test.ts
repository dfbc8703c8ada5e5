// Every family against quadrature written here: mass, entropy, KL, samples, mode; its bounds; and its detached copy.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Distribution, DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { RelaxedCategorical } from '../../src/distributions/relaxed-categorical.ts';
import { grad, literal, sum, type Tensor } from '../../src/tape/index.ts';
import { evaluate } from '../helpers/devices.ts';

const test = suite('families');

/** One state, one coordinate: location beside log-scale where there are such, and a second policy for KL. */
const heads: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
  ...Object.fromEntries(
    distributionFamilies
      .filter((family) => family.parameters(1) === 2)
      .map(({ name }) => [
        name,
        [
          [0.4, -0.6],
          [-0.1, 0.1],
        ],
      ]),
  ),
  ...Object.fromEntries(
    ['gaussian-mixture', 'tanh-gaussian-mixture'].map((name) => [
      name,
      [
        [0.2, 0.9, -0.3, 0, -0.8, 0.3, 1.1, 0, -0.5, -0.9, -0.4, -0.7],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ],
    ]),
  ),
};
const boxes = distributionFamilies.filter(({ name }) => name in heads);

test('every family with a density over a box has a head here', () => {
  const wanted = distributionFamilies.filter(
    ({ capabilities: { density, actionKind } }) => density && actionKind === 'box',
  );
  assert.equal(
    wanted.filter((family) => !boxes.includes(family)).map(({ name }) => name),
    [],
  );
});

/** Middles of the cells of a grid that holds all but 1e-6 of the mass, for tails that fall like |a|^−5 too. */
function gridOf({ capabilities }: DistributionFamily): { at: number[]; width: number[] } {
  const count = 6000;
  if (capabilities.bounded) {
    const at = Array.from({ length: count }, (_, i) => (2 * i + 1) / count - 1);
    return { at, width: at.map(() => 2 / count) };
  }
  // a = sinh u
  const [reach, step] = [4.5, 9 / count];
  const u = Array.from({ length: count }, (_, i) => -reach + (i + 0.5) * step);
  return { at: u.map(Math.sinh), width: u.map((x) => step * Math.cosh(x)) };
}

const head = (values: readonly number[]): Tensor => literal(values, [1, values.length]);
const points = (values: readonly number[]): Tensor => literal(values, [values.length, 1, 1]);
const near = (actual: number, expected: number, within: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= within, `${what}: ${actual}, expected ${expected} ± ${within}`);

for (const family of boxes)
  test(`${family.name}: mass, entropy, KL and moments of samples are those of its density`, async () => {
    const { at, width } = gridOf(family);
    const [mine, others] = heads[family.name];
    const found = await evaluate<string>(() => {
      const none = literal([0], [1]);
      const [one, other] = [family.make(head(mine), 1), family.make(head(others), 1)];
      const drawn = one.sample(20_000);
      return {
        ...{
          p: one.logProb(points(at)),
          q: other.logProb(points(at)),
          drawn: drawn.actions,
          log: drawn.logProb,
        },
        entropy: one.entropy?.() ?? none,
        kl: one.kl?.(other) ?? none,
        ...(one.rsample ? { pathwise: one.rsample(4000).actions } : {}),
        closed: literal([Number(one.entropy !== undefined), Number(one.kl !== undefined)], [2]),
      };
    });
    const over = (of: (x: number, i: number) => number) =>
      at.reduce((total, x, i) => total + width[i] * Math.exp(found.p[i]) * of(x, i), 0);
    near(
      over(() => 1),
      1,
      2e-4,
      'mass',
    );
    const entropy = -over((_, i) => found.p[i]);
    if (found.closed[0]) near(found.entropy[0], entropy, 2e-3, 'entropy');
    if (found.closed[1])
      near(
        found.kl[0],
        over((_, i) => found.p[i] - found.q[i]),
        2e-3,
        'KL',
      );
    // Of tanh x, which has all its moments whatever the tails.
    const [mean, second] = [over((x) => Math.tanh(x)), over((x) => Math.tanh(x) ** 2)];
    for (const [what, sample] of Object.entries({
      sample: found.drawn,
      rsample: found.pathwise ?? found.drawn,
    })) {
      const values = Array.from(sample, Math.tanh);
      const average = (of: (x: number) => number) => values.reduce((a, x) => a + of(x), 0) / values.length;
      const fourth = over((x) => Math.tanh(x) ** 4);
      near(
        average((x) => x),
        mean,
        4.5 * Math.sqrt((second - mean ** 2) / values.length),
        `mean of ${what}`,
      );
      near(
        average((x) => x * x),
        second,
        4.5 * Math.sqrt((fourth - second ** 2) / values.length),
        `second moment of ${what}`,
      );
    }
    const spread = Math.sqrt(over((_, i) => found.p[i] ** 2) - entropy ** 2);
    const logs = found.log.reduce((a, b) => a + b) / found.log.length;
    near(logs, -entropy, 4.5 * (spread / Math.sqrt(20_000)), 'mean log-density of samples');
  });

test('a full Gaussian has the covariance of its factor', async () => {
  // L = [[e^−0.3, 0], [0.7, e^0.2]]; what stands above the diagonal is ignored.
  const [a, b, c] = [Math.exp(-0.3), 0.7, Math.exp(0.2)];
  const full = distributionFamily('gaussian-full');
  const values = [0.5, -1, -0.3, 9, b, 0.2];
  const probes = [
    [0.5, -1],
    [1.2, 0.3],
    [-0.4, 0.9],
  ];
  const found = await evaluate(() => {
    const pi = full.make(head(values), 2);
    const { actions } = pi.sample(20_000);
    return { log: pi.logProb(literal(probes.flat(), [3, 1, 2])), actions };
  });
  const determinant = (a * c) ** 2;
  const [s11, s12, s22] = [a * a, a * b, b * b + c * c];
  probes.forEach(([x, y], i) => {
    const [dx, dy] = [x - 0.5, y + 1];
    const square = (s22 * dx * dx - 2 * s12 * dx * dy + s11 * dy * dy) / determinant;
    near(
      found.log[i],
      -0.5 * square - 0.5 * Math.log(determinant) - Math.log(2 * Math.PI),
      1e-9,
      `density ${i}`,
    );
  });
  let product = 0;
  for (let i = 0; i < 40_000; i += 2) product += (found.actions[i] - 0.5) * (found.actions[i + 1] + 1);
  near(product / 20_000, s12, 4.5 * Math.sqrt((s11 * s22 + s12 ** 2) / 20_000), 'covariance of samples');
});

test('the relaxed categorical over two choices integrates to 1 at any temperature', async () => {
  for (const relaxation of [0.3, 0.7, 2]) {
    const count = 4000;
    // y = (s, 1 − s) with s = 1/(1 + e^−u)
    const step = 60 / count;
    const s = Array.from({ length: count }, (_, i) => 1 / (1 + Math.exp(30 - (i + 0.5) * step)));
    const latents = s.flatMap((x) => [Math.log(x), Math.log1p(-x)]);
    const { log } = await evaluate(() => ({
      log: new RelaxedCategorical(head([0.4, -0.5]), 2, relaxation).logProbLatent(
        literal(latents, [count, 1, 2]),
      ),
    }));
    const mass = s.reduce((total, x, i) => total + step * x * (1 - x) * Math.exp(log[i]), 0);
    near(mass, 1, 1e-3, `temperature ${relaxation}`);
  }
});

test('the mode is what each family says it is', async () => {
  const softplus = (x: number) => Math.log1p(Math.exp(x));
  const [alpha, beta] = [1 + softplus(0.4), 1 + softplus(-0.6)];
  const expected: Readonly<Record<string, number>> = {
    ...{ gaussian: 0.4, 'gaussian-full': 0.4, laplace: 0.4, 'student-t': 0.4, logistic: 0.4 },
    ...{ 'tanh-gaussian': Math.tanh(0.4), beta: (2 * alpha) / (alpha + beta) - 1 },
    // The second component is the likeliest.
    ...{ 'gaussian-mixture': 0.3, 'tanh-gaussian-mixture': Math.tanh(0.3) },
  };
  for (const family of boxes) {
    const { mode } = await evaluate(() => ({ mode: family.make(head(heads[family.name][0]), 1).mode() }));
    assert.ok(family.name in expected, `${family.name}: its mode, ${mode[0]} or not, is not given here`);
    near(mode[0], expected[family.name], 1e-9, family.name);
  }
  for (const [name, wanted] of [
    ['categorical', [0, 0, 1]],
    ['relaxed-categorical', [0, 0, 1]],
    ['deterministic', [-0.3, 0.2, 0.9].map(Math.tanh)],
  ] as const) {
    const { mode } = await evaluate(() => ({
      mode: distributionFamily(name)
        .make(head([-0.3, 0.2, 0.9]), 3)
        .mode(),
    }));
    wanted.forEach((value, i) => {
      near(mode[i], value, 1e-9, name);
    });
  }
});

test('entropy and KL of choices are the sums over them', async () => {
  const [a, b] = [
    [0.3, -0.8, 1.1],
    [-0.2, 0.4, 0.9],
  ];
  const logs = (logits: readonly number[]) => {
    const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    return logits.map((x) => x - total);
  };
  const family = distributionFamily('categorical');
  const found = await evaluate<string>(() => {
    const [one, other] = [family.make(head(a), 3), family.make(head(b), 3)];
    return answers(one, other, literal([0, 1, 0, 0, 0, 1], [2, 1, 3]));
  });
  const [p, q] = [logs(a), logs(b)];
  const over = (of: (i: number) => number) => p.reduce((sum, log, i) => sum + Math.exp(log) * of(i), 0);
  near(found.entropy[0], -over((i) => p[i]), 1e-12, 'entropy');
  near(
    found.to[0],
    over((i) => p[i] - q[i]),
    1e-12,
    'KL',
  );
  near(
    found.from[0],
    q.reduce((sum, log, i) => sum + Math.exp(log) * (log - p[i]), 0),
    1e-12,
    'KL the other way',
  );
  near(found.log[0], p[1], 1e-12, 'log-probability of the second');
  near(found.log[1], p[2], 1e-12, 'log-probability of the third');
});

// ---- bounds ---------------------------------------------------------------------------------------------

/** Families whose second half of the head is a log-scale that is bounded, with where it stands. */
const bounded = boxes.filter(({ name }) => name !== 'beta');
const withScale = (family: DistributionFamily, logScale: number): Tensor => {
  const values = heads[family.name][0];
  const scales = values.length > 2 ? 4 : 1;
  return head([...values.slice(0, -scales), ...Array.from({ length: scales }, () => logScale)]);
};
const probes = [-3, -0.9, 0.1, 0.4, 0.9, 2.5];
const probesOf = ({ capabilities }: DistributionFamily) =>
  points(probes.map((x) => (capabilities.bounded ? Math.tanh(x) : x)));

for (const family of bounded)
  test(`${family.name}: log-scales end at their bounds, by default at −20 and 2`, async () => {
    for (const [options, low, high] of [
      [undefined, -20, 2],
      [{ logStd: [-1, 0.5] }, -1, 0.5],
      [{ logStd: [-25, 4] }, -25, 4],
    ] as const) {
      const log = (logScale: number) =>
        family.make(withScale(family, logScale), 1, options).logProb(probesOf(family));
      const found = await evaluate(() => ({
        ...{ above: log(high + 3), high: log(high), within: log(high - 0.5) },
        ...{ below: log(low - 3), low: log(low), inside: log(low + 0.5) },
      }));
      assert.equal(found.above, found.high, `above ${high}`);
      assert.equal(found.below, found.low, `below ${low}`);
      assert.not.equal(found.within, found.high, `just below ${high}`);
      assert.not.equal(found.inside, found.low, `just above ${low}`);
    }
  });

test('actions stay in the box where a family says so, whatever its noise', async () => {
  for (const family of distributionFamilies) {
    if (!family.capabilities.bounded) continue;
    const width = family.parameters(2);
    const { actions } = await evaluate(() => ({
      actions: family.make(head(Array.from({ length: width }, (_, i) => (i % 2 ? 3 : -3))), 2).sample(2000)
        .actions,
    }));
    assert.ok(
      actions.every((x) => x >= -1 && x <= 1),
      family.name,
    );
  }
});

// ---- copies ---------------------------------------------------------------------------------------------

/** All that a policy answers, at fixed points and from given noise. */
function answers(pi: Distribution, other: Distribution, at: Tensor): Record<string, Tensor> {
  const density = pi.family !== 'deterministic';
  return {
    mode: pi.mode(),
    ...(density ? { log: pi.logProb(at), latent: pi.logProbLatent(at) } : {}),
    ...(pi.entropy ? { entropy: pi.entropy() } : {}),
    ...(pi.kl && other.kl ? { to: pi.kl(other), from: other.kl(pi) } : {}),
  };
}

const named = (word: string, entries: readonly (readonly [string, Tensor])[]): Record<string, Tensor> =>
  Object.fromEntries(entries.map(([name, x]) => [`${word} ${name}`, x]));

for (const family of distributionFamilies)
  test(`${family.name}: a detached copy answers the same, without a gradient; samples have none either`, async () => {
    const width = family.parameters(2);
    // Three states: log-scales within the bounds, at them and beyond.
    const values = [1, -2, 5].flatMap((scale) =>
      Array.from({ length: width }, (_, i) => scale * (0.4 * Math.sin(3 * i + 1) + (i % 3))),
    );
    const action = family.capabilities.actionKind === 'discrete' ? [0.3, 0.7] : [0.3, -0.6];
    for (const options of [undefined, { logStd: [-0.7, 0.2] }, { logStd: [-30, 6] }] as const) {
      const found = await evaluate<string>(
        ({ input }) => {
          const parameters = input('head', [3, width]);
          const at = literal([...action, ...action, ...action], [1, 3, 2]);
          const pi = family.make(parameters, 2, options);
          const copy = pi.detach();
          assert.equal(
            [copy.family, copy.bounded, copy.batch, copy.actions],
            [family.name, pi.bounded, 3, 2],
          );
          const slope = (x: Tensor) => grad(sum(x), [parameters])[0];
          const copied = Object.entries(answers(copy, copy, at));
          return {
            ...named('own', Object.entries(answers(pi, pi, at))),
            ...named('copy', copied),
            ...named(
              'slope',
              copied.map(([name, x]) => [name, slope(x)]),
            ),
            'slope of actions': slope(pi.sample(3).actions),
            'slope of latents': slope(pi.sample(3).latent),
            ...(copy.rsample ? { 'slope of rsample': slope(copy.rsample(3).actions) } : {}),
          };
        },
        { head: values },
      );
      for (const [name, array] of Object.entries(found)) {
        const what = `${name}, ${JSON.stringify(options)}`;
        if (name.startsWith('slope'))
          assert.ok(
            array.every((x) => x === 0),
            what,
          );
        if (name.startsWith('own')) assert.equal(array, found[name.replace('own', 'copy')], what);
      }
    }
  });

test('the temperature of a relaxed categorical is kept by its copy', async () => {
  const found = await evaluate(() => {
    const at = literal([0.3, 0.7, 0.6, 0.4], [2, 1, 2]);
    const pi = new RelaxedCategorical(head([0.4, -0.5]), 2, 0.25);
    return { own: pi.logProb(at), copy: pi.detach().logProb(at) };
  });
  assert.equal(found.own, found.copy);
});

test.run();
