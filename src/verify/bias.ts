// Gaussians in one dimension, where everything is known: divergences in closed form against the library's exact
// estimators on a quadrature, and exact moments of its Monte-Carlo estimators over their noise.
import type { Distribution } from '../distributions/distribution.ts';
import { Gaussian } from '../distributions/gaussian.ts';
import type { EstimatorResult } from '../divergences/estimator.ts';
import { enumerate } from '../divergences/exact.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { boltzmann, type Target } from '../divergences/target.ts';
import {
  add,
  broadcastTo,
  concat,
  exp,
  grad,
  logSumExp,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { boundOf, renyiBound } from './bounds.ts';
import { unlimited } from './distributions.ts';
import { type Normal, normalProduct, productRule, ruleFor } from './quadratures.ts';
import { always, named, type Recipe } from './recipe.ts';
import { logRatioAt } from './scene.ts';
import type { Setting } from './setting.ts';

/** The target p ∝ exp(Q/α) with Q(a) = q0 − ½·curvature·(a − a*)² and a prior density, at any batch. */
const targetOf = (c: Setting, logPrior?: (actions: Tensor) => Tensor): Target =>
  boltzmann(
    (actions) => {
      const [samples, batch] = actions.shape;
      const squares = square(sub(reshape(actions, [1, samples, batch]), c.scalar('a_star')));
      return sub(c.scalar('q0'), mul(mul(0.5, c.scalar('curvature')), squares));
    },
    { temperature: c.scalar('alpha'), ...(logPrior ? { logPrior } : {}) },
  );

/** Policy and target of a case on the host: where its integrals have their mass. */
function normalsOf(c: Setting): { policy: Normal; target: Normal } {
  return {
    policy: { mean: c.array('mean').values[0], std: Math.exp(c.array('log_std').values[0]) },
    target: { mean: c.number('a_star'), std: Math.sqrt(c.number('alpha') / c.number('curvature')) },
  };
}

/** A policy that takes only the nodes of a quadrature, each with its weight as probability: it can be enumerated. */
function discretised(policy: Gaussian, nodes: Tensor, logWeights: Tensor): Distribution {
  const at = (actions: Tensor) => add(policy.logProb(actions), logWeights);
  return {
    family: 'discretised',
    bounded: true,
    batch: policy.batch,
    actions: policy.actions,
    support: () => ({ actions: nodes, logProb: at(nodes) }),
    logProb: at,
    logProbLatent: at,
    sample: (samples, options) => policy.sample(samples, options),
    mode: () => policy.mode(),
    detach: () => discretised(policy.detach(), nodes, logWeights),
  };
}

/** Estimators of the divergences that have no parameter, by the reference's names. */
const divergences: Readonly<Record<string, string>> = {
  reverse_kl: 'reverse-kl/exact',
  forward_kl: 'forward-kl/exact',
  jeffreys: 'jeffreys/exact',
  chi_square_p_pi: 'chi2/exact',
  squared_hellinger: 'hellinger/exact',
  total_variation: 'total-variation/exact',
  jensen_shannon: 'jensen-shannon/exact',
};

export const closedFormRecipe: Recipe = {
  computes: named('bias/closed_form/'),
  transcendental: always,
  record: (c) => {
    const orders = ordersOf(c, 'renyi_pi_p/');
    const normals = normalsOf(c);
    // χ²(p ‖ π) integrates p²/π, as order −1 does. What the case leaves out diverges.
    const products = c.wants('chi_square_p_pi') ? [...orders, -1] : orders;
    const rule = ruleFor(
      normals.policy,
      normals.target,
      products.map((order) => normalProduct(normals.policy, normals.target, order)),
    );
    const count = rule.nodes.length;
    const nodes = c.given('nodes', [count, 1, 1], rule.nodes);
    const logWeights = c.given('logWeights', [count, 1], rule.weights.map(Math.log));
    const scalar = (name: string) => reshape(c.input(name), [1, 1]);
    const gaussian = Gaussian.of(scalar('mean'), scalar('log_std'), false, unlimited);
    const policy = discretised(gaussian, nodes, logWeights);
    const target = targetOf(c, () => logWeights);
    const emit = (key: string, value: Tensor): void => {
      c.emit(key, value);
      c.emitGradients(`${key}.`, value);
    };
    const exactly = (estimator: string) =>
      chooseEstimator(estimator).loss({ policy, target, samples: 1 }).loss;

    const logZ = reshape(logSumExp(target.logDensityOf(target.critics(nodes), nodes), 0), []);
    c.emit('log_z', logZ);
    const p = exp(enumerate(policy, target).logTarget);
    const positions = reshape(nodes, p.shape);
    const centre = sum(mul(p, positions));
    c.emit('target_mean', centre);
    c.emit('target_std', sqrt(sum(mul(p, square(sub(positions, centre))))));
    for (const [key, estimator] of Object.entries(divergences))
      if (c.wants(key)) emit(key, exactly(estimator));
    emit('elbo', sub(logZ, exactly(divergences.reverse_kl)));
    for (const order of orders) {
      const divergence = mul(Math.sign(order), exactly(`renyi/exact:${order}`));
      emit(`renyi_pi_p/${order}`, divergence);
      emit(`renyi_bound/${order}`, sub(logZ, divergence));
    }
  },
};

/** Numbers that follow a prefix in the case's keys, as `0.5` in `renyi_pi_p/0.5`. */
function ordersOf({ golden }: Setting, prefix: string): number[] {
  const rests = [...golden.expect.keys()].filter((key) => key.startsWith(prefix));
  return [...new Set(rests.map((key) => Number.parseFloat(key.slice(prefix.length))))];
}

/** Estimators whose gradient's moments are wanted; the number of samples follows `_k` in the reference's names. */
const estimated: Readonly<Record<string, string>> = {
  pathwise_k1: 'reverse-kl/pathwise',
  stl_k1: 'reverse-kl/pathwise-stl',
  score_none_k1: 'reverse-kl/score:none',
  score_value_k1: 'reverse-kl/score:value',
  score_loo_k2: 'reverse-kl/score:loo',
  forward_kl_snis_k2: 'forward-kl/snis:policy',
  fdiv_jensen_shannon_k2: 'jensen-shannon/score',
  fdiv_squared_hellinger_k2: 'hellinger/score',
};

export const momentsRecipe: Recipe = {
  computes: named('bias/estimator_moments/'),
  transcendental: always,
  record: (c) => {
    const experiments = new Map([1, 2].map((samples) => [samples, experimentOf(c, samples)]));
    const runOf = (key: string) => experiments.get(Number(/_k(\d)/.exec(key)?.[1])) as Experiment;
    for (const [key, estimator] of Object.entries(estimated)) {
      const { gradientOf, emit } = runOf(key);
      emit(
        key,
        gradientOf(estimator, ({ loss }) => loss),
      );
    }
    for (const order of ordersOf(c, 'renyi_bound_k2/')) {
      const { gradientOf, emit, boundAt } = runOf('_k2');
      const bound = ({ loss }: EstimatorResult) => boundOf(loss, order);
      emit(`renyi_bound_pathwise_k2/${order}`, gradientOf(`renyi/pathwise:${order}`, bound));
      emit(`renyi_bound_score_k2/${order}`, gradientOf(`renyi/score:${order}-uncentred`, bound));
      emit(`renyi_bound_k2/${order}`, boundAt(order));
    }
  },
};

/** An estimator run at every node of a quadrature over its noise. */
interface Experiment {
  /** [nodes, 2] the estimated gradient in mean and log-std at each node */
  gradientOf(estimator: string, objective: (result: EstimatorResult) => Tensor): Tensor;
  /** [nodes, 1] the Rényi bound at each node */
  boundAt(order: number): Tensor;
  /** Mean and variance over the noise of values [nodes, components]. */
  emit(key: string, values: Tensor): void;
}

/** The nodes are a batch of equal states, so that one estimate is made at each. */
function experimentOf(c: Setting, samples: number): Experiment {
  const { nodes, weights } = productRule(samples);
  const count = weights.length;
  const noise = c.given(`noise${samples}`, [samples, count, 1], nodes.flat());
  const weight = c.given(`weights${samples}`, [count, 1], weights);
  const parameters = concat([reshape(c.input('mean'), [1, 1]), reshape(c.input('log_std'), [1, 1])], 1);
  const head = broadcastTo(parameters, [count, 2]);
  const policy = new Gaussian(head, 1, false, unlimited);
  const target = targetOf(c);
  const value = broadcastTo(c.scalar('baseline'), [count]);
  return {
    gradientOf: (estimator, objective) => {
      const result = chooseEstimator(estimator).loss({ policy, target, samples, noise, value });
      // A loss is a mean over states.
      return mul(count, grad(objective(result), [head])[0]);
    },
    boundAt: (order) => {
      const { actions, logProb } = policy.sample(samples, { noise });
      return reshape(renyiBound(logRatioAt({ target }, actions, logProb), order), [count, 1]);
    },
    emit: (key, values) => {
      const centre = sum(mul(weight, values), 0);
      c.emit(`${key}.mean`, centre);
      c.emit(`${key}.var`, sum(mul(weight, square(sub(values, centre))), 0));
    },
  };
}
