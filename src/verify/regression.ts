// Policies fitted to weighted actions: MPO, advantage-weighted regression and moment matching.
import { Gaussian } from '../distributions/gaussian.ts';
import { snisWeights } from '../divergences/forward-kl.ts';
import { awrLoss, awrWeights } from '../divergences/forward-kl-awr.ts';
import { weightedMoments } from '../divergences/forward-kl-moment.ts';
import { mpoDual, mpoLikelihood, mpoTrustRegions, mpoWeights } from '../divergences/mpo.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { boltzmann, minimumOf } from '../divergences/target.ts';
import { add, log, mul, reshape, stopGradient, sub, sum, type Tensor } from '../tape/index.ts';
import { unlimited } from './distributions.ts';
import { always, named, type Recipe } from './recipe.ts';
import { criticOf, emitObjective, policyOf, sceneOf } from './scene.ts';
import { type Setting, single, unwrap } from './setting.ts';

/** The policy that MPO samples from, and the case's critic. */
function mpoScene(c: Setting) {
  const old = Gaussian.of(c.input('old_mean'), c.input('old_log_std'), false, unlimited);
  const noise = c.input('eps');
  return { old, critic: criticOf(c), noise, samples: noise.shape[0] };
}

export const mpoExpectationRecipe: Recipe = {
  computes: named('g/mpo/e_step/'),
  transcendental: always,
  record: (c) => {
    const { old, critic, noise, samples } = mpoScene(c);
    const q = minimumOf(critic(old.sample(samples, { noise }).actions));
    const eta = c.input('eta');
    c.emit('q', q);
    c.emit('weights', mpoWeights(q, eta));
    const dual = mpoDual(q, eta, c.number('epsilon'));
    c.emit('dual', dual);
    c.emitGradients('dual.', dual);
  },
};

export const mpoMaximisationRecipe: Recipe = {
  computes: named('g/mpo/m_step/'),
  transcendental: always,
  record: (c) => {
    const { net, policy } = policyOf(c, false);
    const { old, critic, noise, samples } = mpoScene(c);
    const form = c.param('form').text();
    const [eta, lambdaMean, lambdaCovariance] = [
      c.scalar('eta'),
      c.input('lambda_mean'),
      c.input('lambda_cov'),
    ];
    const { loss } = chooseEstimator(`mpo/${form}`).loss({
      policy,
      target: boltzmann(critic, { temperature: 1 }),
      samples,
      noise,
      reference: old,
      duals: { eta, lambdaMean, lambdaCovariance },
    });
    emitObjective(c, net, { loss });
    const { actions, latent } = old.sample(samples, { noise });
    const weights = mpoWeights(minimumOf(critic(actions)), eta);
    c.emit('nll', mpoLikelihood(policy, old, { latent, weights }, form === 'decoupled'));
    const regions = mpoTrustRegions(policy, old);
    c.emit('kl_mean', regions.mean);
    c.emit('kl_cov', regions.covariance);
    // The estimator adds its own bounds' multipliers to its dual; the case has bounds of its own.
    const multiplier = add(
      mul(lambdaMean, sub(c.number('epsilon_mean'), stopGradient(regions.mean))),
      mul(lambdaCovariance, sub(c.number('epsilon_cov'), stopGradient(regions.covariance))),
    );
    c.emit('multiplier_loss', multiplier);
    c.emitGradients('multiplier_loss.', multiplier);
  },
};

export const awrRecipe: Recipe = {
  computes: named('g/awr/'),
  transcendental: always,
  record: (c) => {
    const { net, policy } = policyOf(c, c.param('policy').text() === 'tanh');
    const advantage = sub(c.input('q_value'), c.input('v_value'));
    const kind = c.param('weights').text().replace('_', '-');
    const weights = awrWeights(advantage, c.scalar('beta'), kind, c.number('max_weight'));
    const logProb = policy.logProb(single(c.input('a')));
    emitObjective(c, net, { loss: awrLoss(logProb, weights) });
    c.emit('weights', weights);
    c.emit('log_pi', unwrap(logProb));
  },
};

export const momentRecipe: Recipe = {
  computes: named('i/moment_matching/'),
  transcendental: always,
  record: (c) => {
    const { net, policy, target, samples, noise } = sceneOf(c);
    const { loss } = chooseEstimator('forward-kl/moment').loss({ policy, target, samples, noise });
    emitObjective(c, net, { loss });
    const { actions, latent, logProb } = policy.sample(samples, { noise });
    const w = snisWeights(target.logDensityOf(target.critics(actions), actions), logProb);
    const moments = weightedMoments(w, latent);
    c.emit('w', w);
    c.emit('mean', moments.mean);
    c.emit('var', moments.variance);
    c.emit('cov', covariance(w, sub(latent, moments.mean)));
    c.emit('log_std', mul(0.5, log(moments.variance)));
  },
};

/** Σ_k w x xᵀ [batch, actions, actions] of centred latents [samples, batch, actions]. */
function covariance(weights: Tensor, centred: Tensor): Tensor {
  const [samples, batch, size] = centred.shape;
  const outer = mul(reshape(centred, [samples, batch, size, 1]), reshape(centred, [samples, batch, 1, size]));
  return sum(mul(reshape(weights, [samples, batch, 1, 1]), outer), 0);
}
