// Densities of an estimator's own samples come from their latents: far out in a tanh an action has lost what its latent
// was, and its inverse is limited to the nearest float32 inside the box.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import {
  constant,
  grad,
  literal,
  mul,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate, lowered } from '../helpers/devices.ts';

/** Σ_k w_k ∂(−log N(u_k))/∂(mean, log-std), w ∝ exp(Q/α)/q with q half the policy and half uniform. */
function mixtureSlope(latents: readonly number[], mean: number, logStd: number, q: (a: number) => number) {
  const logVolume = (u: number) =>
    2 * (Math.LN2 - u - Math.log1p(Math.exp(-2 * Math.abs(u))) - Math.max(0, -2 * u));
  const z = latents.map((u) => (u - mean) * Math.exp(-logStd));
  const logs = latents.map((u, k) => {
    const logPolicy = -0.5 * z[k] ** 2 - logStd - 0.5 * Math.log(2 * Math.PI) - logVolume(u);
    const most = Math.max(logPolicy, -Math.LN2);
    const logProposal = most + Math.log(0.5 * Math.exp(logPolicy - most) + 0.5 * Math.exp(-Math.LN2 - most));
    return q(Math.tanh(u)) - logProposal;
  });
  const top = Math.max(...logs);
  const total = logs.reduce((s, v) => s + Math.exp(v - top), 0);
  return logs.reduce(
    ([m, l], v, k) => {
      const w = Math.exp(v - top) / total;
      return [m - w * z[k] * Math.exp(-logStd), l - w * (z[k] ** 2 - 1)];
    },
    [0, 0],
  );
}

for (const [mean, logStd] of [
  [10, -2],
  [-12, -1],
  [0.5, -0.4],
]) {
  test(`forward-kl/snis:mixture at mean ${mean}, log-std ${logStd}: the gradient is that of its samples`, async () => {
    const K = 16;
    const found = await evaluate(
      ({ input }) => {
        const head = input('head', [1, 2]);
        const policy = distributionFamily('tanh-gaussian').make(head, 1);
        let drawn: Tensor | undefined;
        let at: Tensor | undefined;
        const watched = Object.assign(Object.create(policy) as Distribution, {
          sample: (count: number) => {
            const sample = policy.sample(count);
            drawn = sample.latent;
            return sample;
          },
        });
        const { loss } = chooseEstimator('forward-kl/snis:mixture').loss({
          policy: watched,
          samples: K,
          target: boltzmann(
            (a) => {
              at = a;
              return reshape(mul(-1, square(sub(a, 0.3))), [1, K, 1]);
            },
            { temperature: 0.5 },
          ),
        });
        return { slope: grad(loss, [head])[0], latents: drawn as Tensor, actions: at as Tensor };
      },
      { head: [mean, logStd] },
      { seed: 3 },
    );
    const wide = [...found.actions].slice(K / 2).map((a) => Math.atanh(a));
    const latents = [...found.latents, ...wide];
    const expected = mixtureSlope(latents, mean, logStd, (a) => (-1 * (a - 0.3) ** 2) / 0.5);
    allclose(found.slope, expected, { rtol: 1e-7, atol: 1e-9 }, 'slope');
  });
}

test('no estimator but those of replayed actions and of integrals asks for the density of an action', () => {
  const unasked = (policy: Distribution): Distribution =>
    Object.assign(Object.create(policy) as Distribution, {
      logProb: () => {
        throw new Error('asked for the density of an action');
      },
      detach: () => unasked(policy.detach()),
      logProbLatent: (latent: Tensor) => policy.logProbLatent(latent),
    });
  let tried = 0;
  for (const choice of estimatorChoices()) {
    if (choice.quality === 'exact' || choice.needs.includes('replayedActions')) continue;
    for (const family of distributionFamilies) {
      // Where nothing is squashed the latent is the action.
      if (!/^tanh-/.test(family.name) || missingNeeds(choice.needs, family, 2).length > 0) continue;
      lowered(({ input }) => {
        const policyOf = (name: string) => unasked(family.make(input(name, [3, family.parameters(2)]), 2));
        const { loss } = choice.loss({
          policy: policyOf('policy'),
          behaviour: policyOf('behaviour'),
          reference: policyOf('reference'),
          target: boltzmann((a) => reshape(mul(-1, sum(square(a), -1)), [1, 4, 3]), { temperature: 1 }),
          samples: 4,
          value: literal([0, 0, 0], [3]),
          duals: Object.fromEntries(
            Object.keys(choice.estimator.duals ?? {}).map((name) => [name, constant(1)]),
          ),
        });
        return { loss };
      });
      tried++;
    }
  }
  assert.ok(tried > 60, `${tried}`);
});

test.run();
