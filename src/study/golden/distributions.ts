import { Beta } from '../../distributions/beta.ts';
import { Categorical, oneHot } from '../../distributions/categorical.ts';
import type { Distribution } from '../../distributions/distribution.ts';
import { Gaussian, inverseTanh } from '../../distributions/gaussian.ts';
import { FullGaussian } from '../../distributions/gaussian-full.ts';
import { standardLaplace } from '../../distributions/laplace.ts';
import { LocationScale } from '../../distributions/location-scale.ts';
import {
  add,
  argMax,
  clamp,
  div,
  exp,
  greaterEqual,
  literal,
  matmul,
  minimum,
  reshape,
  softmax,
  sum,
  type Tensor,
  tanh,
} from '../../tape/index.ts';
import { always, named, type Recipe } from './recipe.ts';
import { type Setting, single, unwrap } from './setting.ts';

/** The reference does not limit log-std. */
export const unlimited = { logStd: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] } as const;

const gaussianOf = (c: Setting, squash: boolean, suffix = ''): Gaussian =>
  Gaussian.of(c.input(`mean${suffix}`), c.input(`log_std${suffix}`), squash, unlimited);

/** A result with its gradients under the prefix of its name; `weights` is the input that is its cotangent. */
function emitWithGradients(c: Setting, key: string, value: Tensor, weights: string): void {
  c.emit(key, value);
  c.emitGradients(`${key}.`, value, c.input(weights));
}

const emitKl = (c: Setting, squash: boolean): void =>
  emitWithGradients(c, 'kl', gaussianOf(c, squash).kl(gaussianOf(c, squash, '2')), 'c');

export const gaussianRecipe: Recipe = {
  computes: named('dist/gaussian'),
  transcendental: always,
  record: (c) => {
    const policy = gaussianOf(c, false);
    emitDensity(c, policy);
    const { actions } = policy.rsample(1, { noise: single(c.input('eps')) });
    emitWithGradients(c, 'sample', unwrap(actions), 'g');
    emitKl(c, false);
  },
};

export const tanhGaussianRecipe: Recipe = {
  computes: named('dist/tanh_gaussian/'),
  transcendental: always,
  record: (c) => {
    const policy = gaussianOf(c, true);
    if (c.has('u')) {
      const u = c.input('u');
      c.emit('a', tanh(u));
      emitWithGradients(c, 'log_prob', unwrap(policy.logProbLatent(single(u))), 'c');
    } else if (c.has('a')) {
      const a = c.input('a');
      const clip = c.golden.params.get('clip')?.number();
      c.emit('u', inverseTanh(a));
      const inside = clip === undefined ? a : clamp(a, clip - 1, 1 - clip);
      emitWithGradients(c, 'log_prob', unwrap(policy.logProb(single(inside))), 'c');
    } else {
      const { actions, logProb } = policy.rsample(1, { noise: single(c.input('eps')) });
      emitWithGradients(c, 'a', unwrap(actions), 'g');
      emitWithGradients(c, 'log_prob', unwrap(logProb), 'c');
      emitKl(c, true);
    }
  },
};

export const categoricalRecipe: Recipe = {
  computes: named('dist/categorical'),
  transcendental: always,
  record: (c) => {
    const logits = c.input('logits');
    const [batch, choices] = logits.shape;
    const policy = new Categorical(logits, choices);
    const action = oneHot(reshape(c.input('action'), [1, batch, 1]), choices);
    emitWithGradients(c, 'log_prob', unwrap(policy.logProb(action)), 'c');
    emitWithGradients(c, 'entropy', policy.entropy(), 'c');
    emitWithGradients(c, 'kl', policy.kl(new Categorical(c.input('logits2'), choices)), 'c');
    const { actions } = policy.sample(1, { noise: single(c.input('gumbel')) });
    c.emit('sample_gumbel', unwrap(argMax(actions, -1)));
    c.emit('sample_icdf', inverseCdf(policy, c.input('u')));
    const noisy = add(logits, c.input('gumbel'));
    emitWithGradients(c, 'relaxed', softmax(div(noisy, c.scalar('tau')), -1), 'g');
  },
};

export const laplaceRecipe: Recipe = {
  computes: named('dist/laplace'),
  transcendental: always,
  record: (c) => {
    const of = (suffix: string) =>
      new LocationScale(standardLaplace, c.input(`loc${suffix}`), c.input(`log_scale${suffix}`), unlimited);
    const policy = of('');
    emitDensity(c, policy);
    const { actions } = policy.rsample(1, { noise: single(c.input('u')) });
    emitWithGradients(c, 'sample', unwrap(actions), 'g');
    if (policy.kl) emitWithGradients(c, 'kl', policy.kl(of('2')), 'c');
  },
};

export const fullGaussianRecipe: Recipe = {
  computes: named('dist/full_gaussian'),
  transcendental: always,
  record: (c) => {
    const of = (suffix: string) =>
      new FullGaussian(c.input(`mean${suffix}`), c.input(`L_raw${suffix}`), unlimited);
    const policy = of('');
    emitDensity(c, policy);
    const { actions } = policy.rsample(1, { noise: single(c.input('eps')) });
    emitWithGradients(c, 'sample', unwrap(actions), 'g');
    emitWithGradients(c, 'kl', policy.kl(of('2')), 'c');
  },
};

export const betaRecipe: Recipe = {
  computes: ({ name }) => name === 'dist/beta',
  transcendental: always,
  record: (c) => {
    const of = (suffix: string) => new Beta(c.input(`alpha${suffix}`), c.input(`beta${suffix}`));
    const policy = of('');
    emitDensity(c, policy);
    emitWithGradients(c, 'kl', policy.kl(of('2')), 'c');
    // The family's most likely action is no number for some shapes, so its mode is the mean.
    c.emit('mean', policy.mode());
  },
};

/** Log-density at `a`, and entropy where there is a closed form. */
function emitDensity(c: Setting, policy: Distribution): void {
  emitWithGradients(c, 'log_prob', unwrap(policy.logProb(single(c.input('a')))), 'c');
  if (policy.entropy) emitWithGradients(c, 'entropy', policy.entropy(), 'c');
}

/** How many cumulative probabilities are at most u [batch]: the choice by the inverse distribution function. */
function inverseCdf({ logProbs, batch, actions }: Categorical, u: Tensor): Tensor {
  const upTo = Array.from({ length: actions ** 2 }, (_, i) => Number(Math.floor(i / actions) <= i % actions));
  const cumulative = matmul(exp(logProbs), literal(upTo, [actions, actions]));
  return minimum(sum(greaterEqual(reshape(u, [batch, 1]), cumulative), -1), actions - 1);
}
