import { Gaussian } from '../distributions/gaussian.ts';
import { snisWeights } from '../divergences/forward-kl.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import {
  add,
  constant,
  div,
  logMeanExp,
  mean,
  mul,
  reshape,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { unlimited } from './distributions.ts';
import { always, named, type Recipe } from './recipe.ts';
import { emitObjective, type Scene, sceneOf } from './scene.ts';

export const pathwiseRecipe: Recipe = {
  computes: named('a/reverse_kl/pathwise/'),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { policy, target, samples, noise, temperature } = scene;
    const { loss } = chooseEstimator('reverse-kl/pathwise').loss({ policy, target, samples, noise });
    emitObjective(c, scene.net, { loss });
    c.emit('sac_loss', mul(temperature, loss));
    const { actions, logProb } = policy.rsample(samples, { noise });
    c.emit('a', actions);
    c.emit('log_pi', logProb);
    c.emit('q', reshape(target.critics(actions), logProb.shape));
  },
};

export const stlRecipe: Recipe = {
  computes: named('a2/reverse_kl/stl/'),
  transcendental: always,
  record: (c) => {
    const { net, policy, target, samples, noise } = sceneOf(c);
    const { loss } = chooseEstimator('reverse-kl/pathwise-stl').loss({ policy, target, samples, noise });
    emitObjective(c, net, { loss });
  },
};

export const scoreRecipe: Recipe = {
  computes: named('b/reverse_kl/score/'),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { policy, target, samples, noise } = scene;
    const baseline = c.param('baseline').text();
    const value = c.has('c') ? { value: c.input('c') } : {};
    const choice = chooseEstimator(`reverse-kl/score:${baseline}`);
    const { loss } = choice.loss({ policy, target, samples, noise, ...value });
    emitObjective(c, scene.net, { loss });
    const { actions, logProb } = policy.sample(samples, { noise });
    const f = stopGradient(sub(logProb, target.logDensityOf(target.critics(actions), actions)));
    const advantage = sub(f, baselineOf(baseline, f, value.value));
    c.emit('f', f);
    c.emit('advantage', advantage);
    c.emit('surrogate', mean(mul(advantage, logProb)));
  },
};

/** What the estimator subtracts from f [samples, batch]; it only reports its loss. */
function baselineOf(name: string, f: Tensor, value: Tensor | undefined): Tensor | number {
  if (value) return value;
  const total = sum(f, 0, true);
  if (name === 'mean') return div(total, f.shape[0]);
  return name === 'loo' ? div(sub(total, f), f.shape[0] - 1) : 0;
}

export const snisRecipe: Recipe = {
  computes: named('c/forward_kl/snis/'),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { policy, target, samples, squash } = scene;
    const proposal = c.param('proposal').text();
    const behaviour = c.has('beh_mean')
      ? Gaussian.of(c.input('beh_mean'), c.input('beh_log_std'), squash, unlimited)
      : undefined;
    // The estimator takes uniforms in (0, 1) and spreads them over the box.
    const uniform = c.has('a_uniform') ? c.input('a_uniform') : undefined;
    const noise = uniform ? mul(0.5, add(uniform, 1)) : scene.noise;
    const choice = chooseEstimator(`forward-kl/snis:${proposal}`);
    const { loss } = choice.loss({ policy, target, samples, noise, ...(behaviour ? { behaviour } : {}) });
    emitObjective(c, scene.net, { loss });

    const { actions, logPi, logProposal } = drawn(scene, behaviour, uniform);
    const logDensity = target.logDensityOf(target.critics(actions), actions);
    const w = snisWeights(logDensity, logProposal);
    c.emit('w', w);
    c.emit('log_pi', logPi);
    c.emit('log_z', logMeanExp(sub(logDensity, logProposal), 0));
    c.emit('ess', div(1, sum(square(w), 0)));
  },
};

/** The proposal's actions, for the case's intermediate results. */
function drawn(
  { policy, noise, samples }: Scene,
  behaviour: Gaussian | undefined,
  uniform: Tensor | undefined,
): { actions: Tensor; logPi: Tensor; logProposal: Tensor } {
  if (uniform) {
    const logProposal = constant(-policy.actions * Math.LN2);
    return { actions: uniform, logPi: policy.logProb(uniform), logProposal };
  }
  const { actions, latent, logProb } = (behaviour ?? policy).sample(samples, { noise });
  return { actions, logPi: policy.logProbLatent(latent), logProposal: logProb };
}
