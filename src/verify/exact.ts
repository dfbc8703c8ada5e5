// Divergences of discrete policies, summed over all choices.
import { Categorical } from '../distributions/categorical.ts';
import { enumerate } from '../divergences/exact.ts';
import { chooseEstimator, estimators } from '../divergences/registry.ts';
import { renyiDivergence } from '../divergences/renyi.ts';
import { boltzmann, type Target } from '../divergences/target.ts';
import {
  add,
  div,
  exp,
  expm1,
  logSumExp,
  mean,
  mul,
  reshape,
  sliceAxis,
  stack,
  sum,
  type Tensor,
  transpose,
} from '../tape/index.ts';
import { always, named, type Recipe } from './recipe.ts';
import type { Setting } from './setting.ts';

/** A divergence of a policy from its target, a scalar: the mean over states. */
type Divergence = (policy: Categorical, target: Target) => Tensor;

/** The library's estimators by the reference's names. */
const registered: Readonly<Record<string, string>> = {
  reverse_kl: 'reverse-kl/exact',
  forward_kl: 'forward-kl/exact',
  jeffreys: 'jeffreys/exact',
  jensen_shannon: 'jensen-shannon/exact',
  squared_hellinger: 'hellinger/exact',
  total_variation: 'total-variation/exact',
  chi_square_p_pi: 'chi2/exact',
};

const renyiOrders =
  estimators.find(({ name }) => name === 'renyi/exact')?.variants.map(({ name }) => Number(name)) ?? [];

function divergenceOf(c: Setting): Divergence {
  const name = c.param('divergence').text();
  const own = registered[name];
  if (own) return (policy, target) => chooseEstimator(own).loss({ policy, target, samples: 1 }).loss;
  if (name === 'chi_square_pi_p') {
    // χ²(π ‖ p) = Σ π²/p − 1
    return (policy, target) => mean(expm1(renyi(policy, target, 2)));
  }
  const order = c.number('order');
  switch (name) {
    case 'renyi_pi_p':
      if (!renyiOrders.includes(order)) return (policy, target) => mean(renyi(policy, target, order));
      return (policy, target) => {
        const { loss } = chooseEstimator(`renyi/exact:${order}`).loss({ policy, target, samples: 1 });
        return mul(Math.sign(order), loss);
      };
    case 'renyi_p_pi':
      // Skew symmetry: (1 − a)·D_a(p ‖ π) = a·D_{1 − a}(π ‖ p).
      return (policy, target) => mul(order / (1 - order), mean(renyi(policy, target, 1 - order)));
    case 'amari_pi_p':
      return (policy, target) =>
        div(mean(expm1(mul(order - 1, renyi(policy, target, order)))), order * (order - 1));
    default:
      return c.param('divergence').fail('is not known');
  }
}

/** D_order(π ‖ p) [batch] */
function renyi(policy: Categorical, target: Target, order: number): Tensor {
  const { logPolicy, logTarget } = enumerate(policy, target);
  return renyiDivergence(add(mul(order, logPolicy), mul(1 - order, logTarget)), order);
}

export const discreteRecipe: Recipe = {
  computes: named('f/discrete/'),
  transcendental: always,
  record: (c) => {
    const states = c.input('S');
    const net = c.has('logits') ? undefined : c.network(['pi.'], 'tanh');
    const logits = net ? net(states) : c.input('logits');
    const [batch, choices] = logits.shape;
    const q = c.network(['q.'], 'tanh')(states);
    const temperature = c.scalar('alpha');
    const targetOf = (values: Tensor) =>
      boltzmann((actions) => reshape(sum(mul(actions, values), -1), [1, ...actions.shape.slice(0, 2)]), {
        temperature,
      });
    const policy = new Categorical(logits, choices);
    const target = targetOf(q);
    const divergence = divergenceOf(c);

    const value = divergence(policy, target);
    c.emit('value', value);
    c.emitGradients('', value);
    if (net) c.emitNetworkGradients('', value, { net, prefixes: ['pi.'] });
    // The estimators report means over states, so each state is a batch of its own.
    const row = (x: Tensor, i: number) => sliceAxis(x, 0, i, i + 1);
    const perState = Array.from({ length: batch }, (_, i) =>
      divergence(new Categorical(row(logits, i), choices), targetOf(row(q, i))),
    );
    c.emit('per_state', stack(perState, 0));
    c.emit('q', q);
    c.emit('log_z', logSumExp(div(q, temperature), -1));
    c.emit('target', transpose(exp(enumerate(policy, target).logTarget)));
    c.emit('entropy_pi', policy.entropy());
  },
};
