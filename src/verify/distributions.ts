import { Beta } from '../distributions/beta.ts';
import { Categorical, oneHot } from '../distributions/categorical.ts';
import type { Distribution } from '../distributions/distribution.ts';
import { Gaussian, inverseTanh } from '../distributions/gaussian.ts';
import { FullGaussian } from '../distributions/gaussian-full.ts';
import { GaussianMixture } from '../distributions/gaussian-mixture.ts';
import { standardLaplace } from '../distributions/laplace.ts';
import { LocationScale } from '../distributions/location-scale.ts';
import { standardStudentT } from '../distributions/student-t.ts';
import {
  add,
  argMax,
  clamp,
  concat,
  div,
  exp,
  grad,
  greaterEqual,
  literal,
  matmul,
  minimum,
  mul,
  reshape,
  softmax,
  sqrt,
  sum,
  type Tensor,
  tanh,
} from '../tape/index.ts';
import { betaQuantile } from './beta-quantile.ts';
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

export const betaQuantileRecipe: Recipe = {
  computes: named('dist/beta_inverse_cdf'),
  transcendental: always,
  record: (c) => {
    const [alpha, beta] = [c.input('alpha'), c.input('beta')];
    const [shapes, { values: others }, { values: levels }] = [
      c.array('alpha'),
      c.array('beta'),
      c.array('u'),
    ];
    // The family draws from gamma variates and takes given actions as its noise.
    const quantiles = shapes.values.map((shape, i) => 2 * betaQuantile(shape, others[i], levels[i]) - 1);
    const column = (x: Tensor) => reshape(x, [x.size, 1]);
    const noise = single(column(c.given('quantiles', shapes.shape, quantiles)));
    const { actions } = new Beta(column(alpha), column(beta)).rsample(1, { noise });
    c.emit('a', reshape(actions, shapes.shape));
    const [dAlpha, dBeta] = grad(sum(actions), [alpha, beta]);
    c.emit('da_dalpha', dAlpha);
    c.emit('da_dbeta', dBeta);
  },
};

export const studentTRecipe: Recipe = {
  computes: named('dist/student_t'),
  transcendental: always,
  record: (c) => {
    const df = c.input('df');
    const policy = new LocationScale(standardStudentT(df), c.input('loc'), c.input('log_scale'), unlimited);
    emitDensity(c, policy);
    const noise = single(mul(c.input('z'), sqrt(div(df, c.input('chi2')))));
    emitWithGradients(c, 'sample', unwrap(policy.rsample(1, { noise }).actions), 'g');
  },
};

/** Gumbel noise that decides for its component whatever the logits are. */
const decisive = 1e6;

export const mixtureRecipe: Recipe = {
  computes: named('dist/mixture'),
  transcendental: always,
  record: (c) => {
    const [logits, mean, logStd, eps] = [
      c.input('logits'),
      c.input('mean'),
      c.input('log_std'),
      c.input('eps'),
    ];
    const [batch, components] = logits.shape;
    const policy = new GaussianMixture(logits, mean, logStd, { ...unlimited, squashed: false });
    const a = single(c.input('a'));
    emitWithGradients(c, 'log_prob', unwrap(policy.logProb(a)), 'c');
    c.emit('responsibilities', unwrap(policy.responsibilities(a)));
    const choice = oneHot(reshape(c.input('comp'), [batch, 1]), components);
    const noise = single(concat([mul(decisive, choice), eps], -1));
    c.emit('sample', unwrap(policy.sample(1, { noise }).actions));
    // A mixture's own samples are constants; of a given component they are a Gaussian's.
    const pick = (x: Tensor) => sum(mul(reshape(choice, [batch, components, 1]), x), 1);
    const component = Gaussian.of(pick(mean), pick(logStd), false, unlimited);
    c.emitGradients('sample.', unwrap(component.rsample(1, { noise: single(eps) }).actions), c.input('g'));
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
