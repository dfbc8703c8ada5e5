import { UsageError } from '../errors.ts';
import {
  add,
  div,
  exp,
  logMeanExp,
  logSoftmax,
  logSumExp,
  mean,
  mul,
  neg,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { type Estimator, ratioBias, type Variant } from './estimator.ts';
import { type Enumeration, exactly } from './exact.ts';
import { renyiObjective } from './objective.ts';
import { addValue } from './reverse-kl.ts';

const orders: readonly Variant[] = [
  { name: '0.5', title: 'order 0.5', needs: [], follows: renyiObjective(0.5) },
  { name: '2', title: 'order 2', needs: [], follows: renyiObjective(2) },
  {
    name: '-1',
    title: 'order −1, an upper bound that is minimised',
    needs: [],
    follows: renyiObjective(-1),
    // Of one sample every order's bound is the lower one of the reverse KL, and this order minimises it.
    minimumSamples: 2,
  },
];

/** The variational Rényi bound log Z − D_order(π ‖ p): a lower bound for orders above 0, an upper bound below. */
function bound(logRatio: Tensor, order: number): Tensor {
  return mean(div(logMeanExp(mul(1 - order, logRatio), 0), 1 - order));
}

/** A loss to minimise: lower bounds are maximised. */
const asLoss = (value: Tensor, order: number): Tensor => (order > 0 ? neg(value) : value);

const common = { defaultSamples: 16, minimumSamples: 1, follows: renyiObjective() };

export const renyiPathwise: Estimator = {
  ...common,
  name: 'renyi/pathwise',
  title: 'Rényi bound, pathwise',
  formula: '1/(1 − a)·log mean_k exp (1 − a)(log p̃ − log π)',
  source: 'Li & Turner 2016',
  quality: 'consistent',
  bias: ratioBias,
  needs: ['logProb', 'rsample', 'criticGradient'],
  variants: orders,
  loss: ({ policy, target, samples, noise }, variant) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const { actions, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const logRatio = sub(target.logDensityOf(target.critics(actions), actions), logProb);
    const order = Number(variant);
    return { loss: asLoss(bound(logRatio, order), order), logProb, diagnostics: {} };
  },
};

/**
 * The score part of the pathwise gradient reparameterised once more: each sample weighs a·w + (1 − a)·w², and the
 * density is that of the policy with its parameters held.
 */
export const renyiDreg: Estimator = {
  ...common,
  name: 'renyi/dreg',
  title: 'Rényi bound, doubly reparameterised',
  formula: 'Σ_k sg(a w_k + (1 − a) w_k²)·(log p̃(a_θ) − log π_sg(a_θ)), w = softmax_k (1 − a)(log p̃ − log π)',
  source: 'Tucker et al. 2018, for any order',
  quality: 'consistent',
  bias: ratioBias,
  needs: ['logProb', 'rsample', 'criticGradient'],
  variants: orders,
  loss: ({ policy, target, samples, noise }, variant) => {
    if (!policy.rsample) throw new UsageError(`'${policy.family}' has no reparameterised samples.`);
    const order = Number(variant);
    const { actions, latent, logProb } = policy.rsample(samples, noise ? { noise } : {});
    const held = policy.detach().logProbLatent(latent);
    const logRatio = sub(target.logDensityOf(target.critics(actions), actions), held);
    const w = stopGradient(exp(logSoftmax(mul(1 - order, logRatio), 0)));
    const weight = add(mul(order, w), mul(1 - order, square(w)));
    const surrogate = mean(sum(mul(weight, logRatio), 0));
    const loss = asLoss(addValue(surrogate, bound(stopGradient(logRatio), order)), order);
    return { loss, logProb, diagnostics: {} };
  },
};

export const renyiScore: Estimator = {
  ...common,
  name: 'renyi/score',
  title: 'Rényi bound, score function',
  formula: 'a/(1 − a)·Σ_k sg(w_k)·log π(a_k), w = softmax_k (1 − a)(log p̃ − log π), centred by 1/K',
  source: 'Li & Turner 2016, with the log-derivative identity',
  quality: 'consistent',
  bias: ratioBias,
  needs: ['logProb'],
  // Of one sample the weight is a constant.
  minimumSamples: 2,
  variants: [
    ...orders,
    ...orders.map((order) => ({
      ...order,
      name: `${order.name}-uncentred`,
      title: `${order.title}, weights not centred`,
    })),
  ],
  loss: ({ policy, target, samples, noise }, variant) => {
    const order = Number(variant.replace('-uncentred', ''));
    const { actions, logProb } = policy.sample(samples, noise ? { noise } : {});
    const logRatio = stopGradient(sub(target.logDensityOf(target.critics(actions), actions), logProb));
    const w = exp(logSoftmax(mul(1 - order, logRatio), 0));
    const weight = variant.endsWith('-uncentred') ? w : sub(w, 1 / samples);
    const surrogate = mul(order / (1 - order), mean(sum(mul(stopGradient(weight), logProb), 0)));
    return { loss: asLoss(addValue(surrogate, bound(logRatio, order)), order), logProb, diagnostics: {} };
  },
};

export const renyiExact: Estimator = {
  ...common,
  name: 'renyi/exact',
  title: 'Rényi divergence, exact',
  formula: 'log Σ_a π^a p^(1 − a)/(a − 1)',
  source: 'Rényi 1961; van Erven & Harremoës 2014',
  quality: 'exact',
  needs: ['logProb', 'enumerable'],
  defaultSamples: 1,
  variants: orders.map((order) => ({
    ...order,
    minimumSamples: 1,
    needs: Number(order.name) < 0 ? ['finiteChoices'] : [],
  })),
  loss: ({ policy, target }, variant) => {
    const order = Number(variant);
    // Below 0 the divergence is negative and its bound minimised, so the divergence is maximised.
    const divergence = ({ logPolicy, logTarget, logVolume }: Enumeration) => {
      const terms = add(mul(order, logPolicy), mul(1 - order, logTarget));
      return mul(Math.sign(order), renyiDivergence(logVolume === 0 ? terms : add(terms, logVolume), order));
    };
    return exactly(policy, target, divergence, { order });
  },
};

/** D_order from log(π^order p^(1−order)) [points, batch]: [batch]. */
export const renyiDivergence = (terms: Tensor, order: number): Tensor => div(logSumExp(terms, 0), order - 1);

export const renyi: readonly Estimator[] = [renyiPathwise, renyiDreg, renyiScore, renyiExact];
