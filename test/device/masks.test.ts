// Masked choices on every backend: values in closed form over the choices that are left.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { Categorical } from '../../src/distributions/categorical.ts';
import { GaussianMixture } from '../../src/distributions/gaussian-mixture.ts';
import { RelaxedCategorical } from '../../src/distributions/relaxed-categorical.ts';
import { add, grad, literal, max, reshape, sum, where } from '../../src/tape/index.ts';
import { evaluate, openDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

const none = Number.NEGATIVE_INFINITY;

function close(what: string, actual: number, expected: number): void {
  const ok = Number.isFinite(expected)
    ? Math.abs(actual - expected) <= 2e-6 * (1 + Math.abs(expected))
    : Object.is(actual, expected);
  assert.ok(ok, `${what} is ${actual}, expected ${expected}`);
}

test('categorical: entropy, log-probabilities, KL, samples and gradients', async () => {
  // Of two choices with logits 0 and ½, and of two others.
  const p = 1 / (1 + Math.exp(-0.5));
  const q = 1 / (1 + Math.exp(-1));
  const entropy = -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  const kl = p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  for (const mask of [none, -3.4e38, -3e38]) {
    const r = await evaluate(
      ({ input }) => {
        const free = input('logits', [1, 3]);
        // As users write it.
        const logits = where(literal([1, 1, 0], [3]), free, mask);
        const [one, other] = [new Categorical(logits, 3), new Categorical(literal([0, 1, mask], [1, 3]), 3)];
        const open = new Categorical(literal([0, 1, 0], [1, 3]), 3);
        const all = literal([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 1, 3]);
        const sample = one.sample(64);
        return {
          ...{
            entropy: one.entropy(),
            logProb: one.logProb(all),
            kl: one.kl(other),
            support: one.support().logProb,
          },
          ...{ wider: one.kl(open), outside: open.kl(one), mode: one.mode(), drawn: max(sample.actions, 0) },
          dEntropy: grad(sum(one.entropy()), [free])[0],
          dKl: grad(sum(one.kl(other)), [free])[0],
          dLogProb: grad(sum(sample.logProb), [free])[0],
          added: new Categorical(add(free, literal([0, 0, mask], [3])), 3).entropy(),
        };
      },
      { logits: [0, 0.5, 7] },
      { device },
    );
    close('entropy', r.entropy[0], entropy);
    close('entropy of a sum', r.added[0], entropy);
    close('log-probability', r.logProb[1], Math.log(p));
    close('log-probability of what is masked', r.logProb[2], none);
    close('KL', r.kl[0], kl);
    close('KL to one that allows more', r.wider[0], Math.log((1 + Math.E + 1) / (1 + Math.E)) + kl);
    close('KL to one that allows less', r.outside[0], Number.POSITIVE_INFINITY);
    assert.equal([...r.mode], [0, 1, 0]);
    assert.equal([...r.drawn], [1, 1, 0]);
    close('gradient of the entropy', r.dEntropy[1], -p * (Math.log(p) + entropy));
    close('gradient of the KL', r.dKl[1], p * (Math.log(p / q) - kl));
    for (const gradient of [r.dEntropy, r.dKl, r.dLogProb]) {
      assert.ok(gradient.every(Number.isFinite));
      assert.is(Math.abs(gradient[2]), 0);
    }
  }
});

test('a state in which everything is masked gives NaN, and no other does', async () => {
  const r = await evaluate(
    () => {
      const logits = literal([none, none, 0, none], [2, 2]);
      const [one, relaxed] = [new Categorical(logits, 2), new RelaxedCategorical(logits, 2)];
      const noise = literal([0, 0, 0, 0], [1, 2, 2]);
      return { entropy: one.entropy(), relaxed: relaxed.rsample(1, { noise }).logProb };
    },
    {},
    { device },
  );
  assert.ok(Number.isNaN(r.entropy[0]) && Number.isNaN(r.relaxed[0]));
  assert.is(Math.abs(r.entropy[1]), 0);
});

test('relaxed choices and components of a mixture: the same as without what is masked', async () => {
  const [logits, noise] = [normals(4, 1), normals(8, 2)];
  const [mean, logStd] = [normals(3, 3), normals(3, 4, 0.3)];
  const r = await evaluate(
    () => {
      const given = literal([logits[0], none, logits[2], logits[3]], [1, 4]);
      const fewer = literal([logits[0], logits[2], logits[3]], [1, 3]);
      const [all, some] = [new RelaxedCategorical(given, 4), new RelaxedCategorical(fewer, 3)];
      const drawn = all.rsample(2, { noise: literal(noise, [2, 1, 4]) });
      const same = some.rsample(2, {
        noise: literal(
          [...noise].filter((_, i) => i % 4 !== 1),
          [2, 1, 3],
        ),
      });
      const mixture = (kept: readonly number[], weights: readonly number[]) =>
        new GaussianMixture(
          literal(weights, [1, kept.length]),
          literal(
            kept.map((i) => mean[i]),
            [1, kept.length, 1],
          ),
          literal(
            kept.map((i) => logStd[i]),
            [1, kept.length, 1],
          ),
          { squashed: false },
        );
      const at = literal([-1, 0.2, 2], [3, 1, 1]);
      const parts = literal([0.3, none, -0.4], [1, 3]);
      const three = new GaussianMixture(parts, literal(mean, [1, 3, 1]), literal(logStd, [1, 3, 1]), {
        squashed: false,
      });
      return {
        ...{ actions: drawn.actions, logProb: drawn.logProb, given: all.logProb(drawn.actions) },
        expected: same.logProb,
        outside: all.logProb(literal([0.5, 0.5, 0, 0], [1, 1, 4])),
        dLogits: grad(sum(drawn.logProb), [given])[0],
        dFewer: grad(sum(same.logProb), [fewer])[0],
        ...{ density: three.logProb(at), two: mixture([0, 2], [0.3, -0.4]).logProb(at) },
        dParts: grad(sum(three.logProb(at)), [parts])[0],
        shares: reshape(three.responsibilities(at), [9]),
      };
    },
    {},
    { device },
  );
  r.expected.forEach((expected, i) => {
    close('log-density of a sample', r.logProb[i], expected);
    close('log-density of an action', r.given[i], expected);
    assert.is(r.actions[4 * i + 1], 0);
  });
  close('log-density of what is masked', r.outside[0], none);
  for (const [i, at] of [0, 2, 3].entries()) close('gradient', r.dLogits[at], r.dFewer[i]);
  assert.is(Math.abs(r.dLogits[1]), 0);
  for (const [i, expected] of r.two.entries()) close('mixture', r.density[i], expected);
  assert.is(Math.abs(r.dParts[1]), 0);
  assert.ok(r.dParts.every(Number.isFinite));
  for (const at of [1, 4, 7]) assert.is(r.shares[at], 0);
});

test.run();
