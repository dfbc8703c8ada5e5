// Variational bounds and f-divergences estimated from the policy's own samples.
import type { EstimatorResult } from '../divergences/estimator.ts';
import { fDivergence } from '../divergences/f-divergence.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import {
  add,
  div,
  exp,
  grad,
  logMeanExp,
  logSoftmax,
  mean,
  mul,
  neg,
  stopGradient,
  sub,
  type Tensor,
} from '../tape/index.ts';
import { always, named, type Recipe } from './recipe.ts';
import { emitObjective, logRatioAt, sceneOf } from './scene.ts';
import type { Setting } from './setting.ts';

/** The Rényi bound of each state [batch] from log p̃ − log π [samples, batch]; the estimators report its mean. */
export const renyiBound = (logRatio: Tensor, order: number): Tensor =>
  div(logMeanExp(mul(1 - order, logRatio), 0), 1 - order);

/** The bound itself from the loss of a Rényi estimator, which is minimised: bounds from below change their sign. */
export const boundOf = (loss: Tensor, order: number): Tensor => (order > 0 ? neg(loss) : loss);

/**
 * What a score-function estimator multiplies each sample's ∇ log π by, as it really does: its gradient with respect
 * to the samples' log-densities [samples, batch], times `scale`.
 */
function weightsOf({ logProb }: EstimatorResult, objective: Tensor, scale: number): Tensor {
  if (!logProb) throw new Error('A score-function estimator gives the log-densities of its samples.');
  return mul(scale, grad(objective, [logProb])[0]);
}

const orderOf = (c: Setting): number => c.number('order');

export const renyiPathwiseRecipe: Recipe = {
  computes: named('d/renyi/pathwise/'),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { net, policy, target, samples, noise } = scene;
    const order = orderOf(c);
    const { loss } = chooseEstimator(`renyi/pathwise:${order}`).loss({ policy, target, samples, noise });
    emitObjective(c, net, { bound: boundOf(loss, order) });
    const { actions, logProb } = policy.sample(samples, { noise });
    c.emit('bound_per_state', renyiBound(logRatioAt(scene, actions, logProb), order));
  },
};

export const renyiScoreRecipe: Recipe = {
  computes: named('d/renyi/score/', 'd/renyi/score_centred/'),
  transcendental: always,
  record: (c) => {
    const { net, policy, target, samples, noise } = sceneOf(c);
    const order = orderOf(c);
    const variant = c.param('centred').flag() ? `${order}` : `${order}-uncentred`;
    const result = chooseEstimator(`renyi/score:${variant}`).loss({ policy, target, samples, noise });
    const bound = boundOf(result.loss, order);
    emitObjective(c, net, { bound });
    const factor = order / (1 - order);
    const w = weightsOf(result, bound, policy.batch / factor);
    const { logProb } = policy.sample(samples, { noise });
    c.emit('w', w);
    c.emit('surrogate', mul(factor * samples, mean(mul(w, logProb))));
  },
};

export const cuboRecipe: Recipe = {
  computes: named('d/cubo2/'),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { net, policy, target, samples, noise } = scene;
    const { loss } = chooseEstimator('chi2/pathwise').loss({ policy, target, samples, noise });
    emitObjective(c, net, { cubo: loss }, 'cubo.');
    // The library keeps to log space, where nothing overflows: the exponential is the reference's alone.
    const { actions, logProb } = policy.rsample(samples, { noise });
    emitObjective(c, net, { exp_cubo: mean(exp(mul(2, logRatioAt(scene, actions, logProb)))) }, 'exp_cubo.');
  },
};

/** Both KL divergences as f-divergences: the library has better estimators of them, so these are not registered. */
const [forwardKl] = fDivergence({
  name: 'forward-kl',
  title: 'Forward KL',
  formula: 'r log r − r + 1',
  source: 'Csiszár 1963',
  f: (r, logR) => add(sub(mul(r, logR), r), 1),
  scoreWeight: (r) => sub(1, r),
});
const [reverseKl] = fDivergence({
  name: 'reverse-kl',
  title: 'Reverse KL',
  formula: '−log r + r − 1',
  source: 'Csiszár 1963',
  f: (r, logR) => sub(sub(r, logR), 1),
  scoreWeight: (_r, logR) => neg(logR),
});

/** Estimators of the f-divergences by the reference's names of their generators. */
const generators = new Map([
  ['forward_kl', forwardKl],
  ['reverse_kl', reverseKl],
  ...Object.entries({
    jensen_shannon: 'jensen-shannon',
    squared_hellinger: 'hellinger',
    total_variation: 'total-variation',
    jeffreys: 'jeffreys',
    chi_square: 'chi2',
  }).map(([name, own]) => [name, chooseEstimator(`${own}/score`).estimator] as const),
]);

export const fDivergenceRecipe: Recipe = {
  computes: ({ name, params }) => name.startsWith('e/fdiv/') && generators.has(params.get('f')?.text() ?? ''),
  transcendental: always,
  record: (c) => {
    const scene = sceneOf(c);
    const { net, policy, target, samples, noise } = scene;
    const estimator = generators.get(c.param('f').text());
    if (!estimator) throw new Error('The recipe only computes generators that it knows.');
    const result = estimator.loss({ policy, target, samples, noise }, '');
    emitObjective(c, net, { value: result.loss });
    const weight = stopGradient(weightsOf(result, result.loss, samples * policy.batch));
    const { actions, logProb } = policy.sample(samples, { noise });
    c.emit('score_weight', weight);
    c.emit('surrogate', mean(mul(weight, logProb)));
    c.emit('r', mul(samples, exp(logSoftmax(logRatioAt(scene, actions, logProb), 0))));
  },
};
