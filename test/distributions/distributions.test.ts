// Distributions against quadrature, sample moments and each other; tails stay finite.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { Gaussian, inverseTanh } from '../../src/distributions/gaussian.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { UsageError } from '../../src/errors.ts';
import { grad, literal, mul, sum, type Tensor } from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate } from '../helpers/devices.ts';
import { gradcheck, randomInput } from '../helpers/gradcheck.ts';

const actions = 2;
/** One state: mean beside log-std, or logits. */
const heads: Readonly<Record<string, readonly number[]>> = {
  gaussian: [0.4, -1.2, -0.3, 0.2],
  'tanh-gaussian': [0.4, -0.7, -0.3, -0.6],
  categorical: [0.3, -0.8],
};
const makeOne = (name: string, head: Tensor): Distribution => distributionFamily(name).make(head, actions);
const headTensor = (name: string): Tensor => literal(heads[name], [1, heads[name].length]);

const mean = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0) / x.length;
const standardError = (x: ArrayLike<number>) => {
  const m = mean(x);
  return Math.sqrt(Array.from(x).reduce((a, v) => a + (v - m) ** 2, 0) / (x.length - 1) / x.length);
};

/** The first three families; those that came later have tests of their own beside this file. */
const families = distributionFamilies.filter(({ name }) => name in heads);

for (const { name, capabilities } of families) {
  test(`${name}: the density of a sample is that of its action`, async () => {
    const { at, byAction, byLatent } = await evaluate(() => {
      const pi = makeOne(name, headTensor(name));
      const { actions: a, latent, logProb } = pi.sample(500);
      return { at: logProb, byAction: pi.logProb(a), byLatent: pi.logProbLatent(latent) };
    });
    allclose(byLatent, at, { rtol: 1e-12, atol: 1e-12 }, 'by latent');
    // Inverting the tanh loses digits near ±1.
    allclose(byAction, at, { rtol: 1e-6, atol: 1e-6 }, 'by action');
  });

  test(`${name}: probabilities add up to 1 and entropy is −mean logProb`, async () => {
    const n = 300;
    const grid: number[] = [];
    let cell = 1;
    if (capabilities.discrete) grid.push(1, 0, 0, 1);
    else {
      const bound = capabilities.bounded ? 1 : 9;
      cell = ((2 * bound) / n) ** 2;
      for (let i = 0; i < n * n; i++)
        grid.push(bound * ((2 * Math.floor(i / n) + 1) / n - 1), bound * ((2 * (i % n) + 1) / n - 1));
    }
    const points = grid.length / actions;
    const { density, sampled, entropy } = await evaluate(() => {
      const pi = makeOne(name, headTensor(name));
      const { logProb } = pi.sample(20_000);
      return {
        density: pi.logProb(literal(grid, [points, 1, actions])),
        sampled: logProb,
        ...(pi.entropy ? { entropy: pi.entropy() } : { entropy: literal([0], [1]) }),
      };
    });
    const total = density.reduce((s, l) => s + Math.exp(l) * cell, 0);
    assert.ok(Math.abs(total - 1) < 2e-3, `the density integrates to ${total}`);
    const byQuadrature = -density.reduce((s, l) => s + Math.exp(l) * l * cell, 0);
    const bySampling = -mean(sampled);
    const error = standardError(sampled);
    assert.ok(
      Math.abs(bySampling - byQuadrature) < 4 * error + 5e-3,
      `${bySampling} against ${byQuadrature}`,
    );
    if (name !== 'tanh-gaussian') assert.ok(Math.abs(entropy[0] - bySampling) < 4 * error, `${entropy[0]}`);
  });

  test(`${name}: kl is that of sampling, 0 to itself, and only within the family`, async () => {
    const { kl, self, p, q } = await evaluate(() => {
      const one = makeOne(name, headTensor(name));
      const other = makeOne(
        name,
        literal(
          heads[name].map((v, i) => v + 0.4 - 0.3 * i),
          [1, heads[name].length],
        ),
      );
      const { latent, actions: a, logProb } = one.sample(20_000);
      const at = name === 'categorical' ? other.logProb(a) : other.logProbLatent(latent);
      if (!one.kl) throw new Error('no kl');
      return { kl: one.kl(other), self: one.kl(one), p: logProb, q: at };
    });
    const difference = p.map((v, i) => v - q[i]);
    assert.ok(
      Math.abs(kl[0] - mean(difference)) < 4 * standardError(difference),
      `${kl[0]} ${mean(difference)}`,
    );
    assert.ok(kl[0] > 1e-3 && Math.abs(self[0]) < 1e-12);
    const foreign = families.find((family) => family.name !== name)?.name as string;
    await evaluate(() => {
      const one = makeOne(name, headTensor(name));
      assert.throws(
        () => one.kl?.(makeOne(foreign, headTensor(foreign))),
        (e: Error) => e instanceof UsageError,
      );
      return {};
    });
  });

  test(`${name}: sample stops the gradient of its actions, detach that of everything`, async () => {
    const width = heads[name].length;
    const r = await evaluate(
      ({ input }) => {
        const head = input('head', [1, width]);
        const pi = makeOne(name, head);
        const { actions: a, latent, logProb } = pi.sample(8);
        const [dActions] = grad(sum(mul(a, 3)), [head]);
        const [dLatent] = grad(sum(latent), [head]);
        const [dLogProb] = grad(sum(logProb), [head]);
        // The score at fixed actions, from the density alone.
        const fixed = name === 'categorical' ? pi.logProb(a) : pi.logProbLatent(latent);
        const [score] = grad(sum(fixed), [head]);
        const still = pi.detach();
        const [dDetached] = grad(sum(still.sample(8).logProb), [head]);
        const [dDensity] = grad(sum(still.logProb(a)), [head]);
        return { dActions, dLatent, dLogProb, score, dDetached, dDensity };
      },
      { head: heads[name] },
    );
    const zeros = heads[name].map(() => 0);
    for (const part of ['dActions', 'dLatent', 'dDetached', 'dDensity'] as const)
      assert.equal([...r[part]], zeros, part);
    assert.ok(r.dLogProb.some((v) => Math.abs(v) > 1e-3));
    allclose(r.dLogProb, r.score, { rtol: 1e-10, atol: 1e-12 }, 'score');
  });

  test(`${name}: gradients of density, entropy and kl by differences`, async () => {
    const width = heads[name].length;
    const head = { shape: [1, width], values: heads[name] };
    const fixed = capabilities.discrete ? [1, 0, 0, 1, 1, 0] : [0.3, -0.5, 0.8, 0.1, -0.9, 0.6];
    await gradcheck(({ head }) => makeOne(name, head).logProb(literal(fixed, [3, 1, 2])), { head });
    if (!capabilities.discrete) {
      const value = { shape: [3, 1, 2], values: fixed };
      await gradcheck(({ head, value }) => makeOne(name, head).logProbLatent(value), { head, value });
      const noise = randomInput([5, 1, 2], 6);
      await gradcheck(
        ({ head }) => {
          const pi = makeOne(name, head);
          if (!pi.rsample) throw new Error('no rsample');
          const s = pi.rsample(5, { noise: literal(noise.values, noise.shape) });
          return sum(mul(sum(s.actions, -1), s.logProb));
        },
        { head },
      );
    }
    const other = { shape: [1, width], values: heads[name].map((v) => v * 0.5 + 0.2) };
    await gradcheck(({ head, other }) => makeOne(name, head).kl?.(makeOne(name, other)) as Tensor, {
      head,
      other,
    });
    const entropic = name !== 'tanh-gaussian';
    if (entropic) await gradcheck(({ head }) => makeOne(name, head).entropy?.() as Tensor, { head });
  });
}

test('moments of samples: those of the distribution', async () => {
  const { g, c, t, mode } = await evaluate(() => ({
    g: makeOne('gaussian', headTensor('gaussian')).sample(20_000).actions,
    c: makeOne('categorical', headTensor('categorical')).sample(20_000).actions,
    t: makeOne('tanh-gaussian', headTensor('tanh-gaussian')).sample(20_000).actions,
    mode: makeOne('tanh-gaussian', headTensor('tanh-gaussian')).mode(),
  }));
  const column = (x: Float64Array, i: number) => x.filter((_, at) => at % 2 === i);
  for (const i of [0, 1]) {
    const x = column(g, i);
    const [mu, std] = [heads.gaussian[i], Math.exp(heads.gaussian[2 + i])];
    assert.ok(Math.abs(mean(x) - mu) < 4 * standardError(x));
    const squares = x.map((v) => (v - mu) ** 2);
    assert.ok(Math.abs(mean(squares) - std ** 2) < 4 * standardError(squares));
  }
  const [a, b] = heads.categorical.map(Math.exp);
  assert.ok(Math.abs(mean(column(c, 0)) - a / (a + b)) < 4 * standardError(column(c, 0)));
  for (let i = 0; i < c.length; i += 2)
    assert.ok(c[i] + c[i + 1] === 1 && c[i] * c[i + 1] === 0, 'samples are one-hot');
  assert.ok(t.every((v) => Math.abs(v) <= 1));
  allclose(mode, [Math.tanh(0.4), Math.tanh(-0.7)], { rtol: 1e-6 });
});

test('tails: finite values and gradients at the box, at both clamps of log-std, at logits ±80', async () => {
  const edge = 1 - 2 ** -24;
  const gaussianHeads = [
    [0, -20],
    [0, 2],
    [30, -20],
    [-30, 2],
    [5, -60],
    [0.5, 60],
  ];
  const finite = (name: string, values: Float64Array) =>
    assert.ok(values.every(Number.isFinite), `${name}: ${[...values].slice(0, 6)}`);
  for (const squash of [false, true]) {
    for (const [mu, logStd] of gaussianHeads) {
      const r = await evaluate(
        ({ input }) => {
          const head = input('head', [1, 2]);
          const pi = new Gaussian(head, 1, squash);
          const s = pi.rsample(64);
          // A replayed action on the bound is inverted; a latent far out is not.
          const onBox = pi.logProb(literal([1, -1, edge, -edge, 0], [5, 1, 1]));
          const wide = logStd >= 0 ? onBox : s.logProb;
          return {
            actions: s.actions,
            logProb: s.logProb,
            onBox,
            dPath: grad(sum(s.logProb), [head])[0],
            dActions: grad(sum(s.actions), [head])[0],
            dBox: grad(sum(wide), [head])[0],
          };
        },
        { head: [mu, logStd] },
      );
      for (const [part, values] of Object.entries(r)) finite(`${squash} ${mu} ${logStd} ${part}`, values);
    }
  }
  const { logProb, sampled, d, entropy } = await evaluate(
    ({ input }) => {
      const logits = input('logits', [2, 3]);
      const pi = distributionFamily('categorical').make(logits, 3);
      const onehot = literal([0, 1, 0, 1, 0, 0], [1, 2, 3]);
      const logProb = pi.logProb(onehot);
      return {
        logProb,
        sampled: pi.sample(50).logProb,
        d: grad(sum(logProb), [logits])[0],
        entropy: pi.entropy?.() as Tensor,
      };
    },
    { logits: [80, -80, 0, -80, 80, 80] },
  );
  for (const [part, values] of Object.entries({ logProb, sampled, d, entropy })) finite(part, values);
  allclose(logProb, [-160, -160 - Math.LN2], { rtol: 1e-12 });
});

test('the latent of a stored action is as near as the float32 of the action lets it be', async () => {
  const known = Float32Array.from({ length: 4001 }, (_, i) => -10 + i / 200);
  const stored = known.map((u) => Math.tanh(u));
  for (const precision of ['f64', 'f32'] as const) {
    const device = new Device(createCpuBackend({ precision }));
    const { u } = await evaluate(
      ({ input }) => ({ u: inverseTanh(input('a', [known.length])) }),
      { a: stored },
      { device },
    );
    known.forEach((expected, i) => {
      const most = (1.1 * 2 ** -25) / (1 - Math.tanh(expected) ** 2) + 3e-7 * Math.abs(expected);
      if (Math.abs(expected) <= 8) assert.ok(Math.abs(u[i] - expected) <= most, `${u[i]}, not ${expected}`);
      assert.ok(Math.abs(Math.tanh(u[i]) - Math.tanh(expected)) <= 1.01 * 2 ** -24);
      assert.ok(Math.abs(u[i]) < 9.02);
    });
  }
});

test('log-std passes its gradient at the bounds and not beyond', async () => {
  const { inside, beyond } = await evaluate(() => {
    const at = (logStd: number) => {
      const head = literal([0, logStd], [1, 2]);
      const pi = new Gaussian(head, 1, false, { logStd: [-5, 2] });
      return grad(sum(pi.logProb(literal([0.5], [1, 1, 1]))), [head])[0];
    };
    return { inside: at(2), beyond: at(2.5) };
  });
  assert.ok(Math.abs(inside[1]) > 0.1);
  assert.is(beyond[1] + 0, 0);
});

test('support: every choice once, with its probability', async () => {
  const { choices, logProb } = await evaluate(() => {
    const support = makeOne('categorical', headTensor('categorical')).support?.();
    if (!support) throw new Error('no support');
    return { choices: support.actions, logProb: support.logProb };
  });
  assert.equal([...choices], [1, 0, 0, 1]);
  allclose([logProb.reduce((s, l) => s + Math.exp(l), 0)], [1], { rtol: 1e-12 });
});

test.run();
