// The mean of each estimated gradient against the exact one, by quadrature or enumeration: equal within 4 standard
// errors where the estimator is unbiased; where it is consistent, off by a bias that falls like 1/K.
import * as assert from 'uvu/assert';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { type EstimatorInput, missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices, estimators } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import {
  broadcastTo,
  constant,
  grad,
  literal,
  mul,
  reshape,
  square,
  sub,
  sum,
} from '../../src/tape/index.ts';
import { evaluate } from '../helpers/devices.ts';

/** Outputs of the policy for one state: not far from the target, so that no importance weight has infinite variance. */
const heads: Readonly<Record<string, readonly number[]>> = {
  'tanh-gaussian': [0.1, -0.3],
  beta: [-0.5, -1],
  'tanh-gaussian-mixture': [0.2, -0.1, 0, 0.3, -0.5, 0.1, 0.4, 0.8, -0.4, -0.2, -0.3, -0.5],
  categorical: [0.3, -0.2, 0.1],
};

interface Mean {
  readonly mean: number;
  readonly error: number;
}

/** Mean over states and runs of the gradient in each output of the policy, with its standard error. */
async function meanGradient(name: string, family: string, samples: number, states: number): Promise<Mean[]> {
  const choice = chooseEstimator(name);
  const { make, capabilities } = distributionFamily(family);
  const actions = capabilities.discrete ? 3 : 1;
  const head = heads[family];
  const { g } = await evaluate(
    ({ input }) => {
      const outputs = input('head', [states, head.length]);
      const given: EstimatorInput = {
        policy: make(outputs, actions),
        target: boltzmann(
          (a) =>
            reshape(
              mul(-0.5, sum(square(sub(a, literal([0.4, 0.1, 0.3].slice(0, actions), [actions]))), -1)),
              [1, a.shape[0], states],
            ),
          { temperature: 0.5 },
        ),
        samples,
        behaviour: make(
          broadcastTo(
            literal(
              head.map((v) => 0.7 * v),
              [1, head.length],
            ),
            [states, head.length],
          ),
          actions,
        ).detach(),
        value: broadcastTo(constant(-0.2), [states]),
      };
      return { g: grad(choice.loss(given).loss, [outputs])[0] };
    },
    { head: Array.from({ length: states }, () => head).flat() },
    { seed: 3 },
  );
  return head.map((_, part) => {
    const values = Array.from({ length: states }, (__, b) => g[b * head.length + part] * states);
    const mean = values.reduce((a, b) => a + b) / states;
    const squares = values.reduce((a, v) => a + (v - mean) ** 2, 0);
    return { mean, error: Math.sqrt(squares / (states - 1) / states) };
  });
}

const exactMeans = new Map<string, Promise<Mean[]>>();
/** Of an exact estimator, for which one state and one sample are enough; computed once. */
function exactGradient(name: string, family: string): Promise<Mean[]> {
  const key = `${name} ${family}`;
  const known = exactMeans.get(key) ?? meanGradient(name, family, 1, 1);
  exactMeans.set(key, known);
  return known;
}

/** The exact estimator of the same divergence, with the order where it has one. */
function exactOf(name: string, variant: string): string | undefined {
  const divergence = name.split('/')[0];
  if (!estimators.some((estimator) => estimator.name === `${divergence}/exact`)) return undefined;
  return divergence === 'renyi' ? `renyi/exact:${variant.replace('-uncentred', '')}` : `${divergence}/exact`;
}

/** Tested beside the estimators: a factor 1 − 1/K, and what equals another estimator's gradient. */
const otherwise = ['reverse-kl/score:mean', 'forward-kl/moment'];

export interface MeanCase {
  readonly name: string;
  /** Samples of a beta move with its parameters by an integral, which takes long. */
  readonly long: boolean;
  readonly check: () => Promise<void>;
}

export const meanCases: MeanCase[] = [];
for (const { name, estimator, variant, needs, quality } of estimatorChoices()) {
  const reference = exactOf(estimator.name, variant);
  const wanted = ['unbiased', 'consistent'].includes(quality);
  if (!reference || !wanted || otherwise.includes(name)) continue;
  for (const family of Object.keys(heads)) {
    const fits = (needed: typeof needs) => missingNeeds(needed, distributionFamily(family), 1).length === 0;
    if (!fits(needs) || !fits(chooseEstimator(reference).needs)) continue;
    // Uniform actions are every choice once: nothing is random, and nothing biased.
    const enumerates = name === 'forward-kl/snis:uniform' && family === 'categorical';
    if (quality === 'unbiased' || enumerates) {
      const check = async () => {
        const exact = await exactGradient(reference, family);
        const parts = await meanGradient(name, family, 4, enumerates ? 1 : 4000);
        parts.forEach(({ mean, error }, i) => {
          const off = Math.abs(mean - exact[i].mean);
          const allowed = enumerates ? 1e-9 : 4 * error + 1e-9;
          assert.ok(off < allowed, `part ${i}: ${mean} ± ${error}, exactly ${exact[i].mean}`);
        });
        const size = Math.max(...exact.map(({ mean }) => Math.abs(mean)));
        assert.ok(enumerates || parts.every(({ error }) => error < 0.25 * size), 'too few states to tell');
      };
      const what = `${name} with ${family}: the mean gradient is that of ${reference}`;
      meanCases.push({ name: what, long: false, check });
    } else {
      const check = async () => {
        const exact = await exactGradient(reference, family);
        const few = await meanGradient(name, family, 4, 2000);
        const many = await meanGradient(name, family, 64, 500);
        const size = Math.max(...exact.map(({ mean }) => Math.abs(mean)));
        many.forEach(({ mean, error }, i) => {
          const [biasOfFew, bias] = [few[i].mean, mean].map((each) => Math.abs(each - exact[i].mean));
          // 16 times the samples: a sixteenth of the bias, and room for the next order.
          const allowed = (biasOfFew + 4 * few[i].error) / 8 + 4 * error + 0.01 * size;
          assert.ok(
            bias < allowed,
            `part ${i}: ${mean} ± ${error}, exactly ${exact[i].mean}, ${few[i].mean} at K = 4`,
          );
          assert.ok(error < 0.4 * size, 'too few states to tell');
        });
      };
      const what = `${name} with ${family}: off from ${reference} by a bias that falls like 1/K`;
      meanCases.push({ name: what, long: family === 'beta' && /\/(pathwise|dreg)/.test(name), check });
    }
  }
}
