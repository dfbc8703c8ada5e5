import type { Distribution } from '../distributions/distribution.ts';
import {
  abs,
  add,
  exp,
  grad,
  greater,
  log,
  max,
  mean,
  minimum,
  mul,
  neg,
  randomNormal,
  randomUniform,
  reshape,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  where,
} from '../tape/index.ts';
import type { Estimator } from './estimator.ts';
import type { Target } from './target.ts';

const steps = 5;
/** Step size of a proposal, in units of the latent. */
const stepSize = 0.15;

interface Point {
  /** [samples, batch, actions] */
  readonly latent: Tensor;
  readonly actions: Tensor;
  /** [samples, batch] log-density of the target in the latent's space */
  readonly logDensity: Tensor;
  /** [samples, batch, actions] its gradient */
  readonly score: Tensor;
}

/**
 * Moves samples of the policy towards p by Metropolis-adjusted Langevin steps in the latent's space, then fits the
 * policy to them by maximum likelihood. What it follows becomes the forward KL only where the chain has mixed; where π is
 * p, the steps leave it there.
 */
export const forwardKlMcmc: Estimator = {
  name: 'forward-kl/mcmc',
  title: `Maximum likelihood of the policy’s samples after ${steps} MALA steps towards p`,
  formula: '−E[log π(MALA(a))], a ~ π',
  source: 'Roberts & Tweedie 1996 (MALA); Naesseth, Lindsten & Blei 2020 (as targets)',
  quality: 'own-objective',
  follows: {
    name: `likelihood of π moved by ${steps} MALA steps`,
    formula: `−E[log π(a)], a ~ sg(π)·M^${steps}, M the Metropolis-adjusted Langevin step that leaves p as it is`,
  },
  needs: ['logProb', 'criticGradient', 'boxActions'],
  defaultSamples: 4,
  minimumSamples: 1,
  variants: [],
  loss: ({ policy, target, samples, noise }) => {
    const start = policy.sample(samples, noise ? { noise } : {});
    let point = evaluate(policy, target, start.latent);
    let accepted: Tensor | undefined;
    for (let step = 0; step < steps; step++) {
      const moved = mala(policy, target, point);
      point = moved.point;
      accepted = accepted ? add(accepted, moved.acceptance) : moved.acceptance;
    }
    const loss = neg(mean(policy.logProbLatent(point.latent)));
    return { loss, logProb: start.logProb, diagnostics: { acceptance: mul(1 / steps, accepted as Tensor) } };
  },
};

function evaluate(policy: Distribution, target: Target, latent: Tensor): Point {
  const at = stopGradient(latent);
  const { actions, logVolume } = policy.transform?.(at) ?? { actions: at, logVolume: 0 };
  const density = add(target.logDensityOf(target.critics(actions), actions), logVolume);
  const [score] = grad(sum(density), [at]);
  return {
    latent: at,
    actions: stopGradient(actions),
    logDensity: stopGradient(density),
    score: stopGradient(score),
  };
}

/** One step: u′ = u + ½h²∇ + h·noise, accepted with probability min(1, p(u′)q(u|u′)/p(u)q(u′|u)). */
function mala(policy: Distribution, target: Target, from: Point): { point: Point; acceptance: Tensor } {
  const drift = (point: Point) => add(point.latent, mul(0.5 * stepSize ** 2, point.score));
  const logProposal = (to: Point, of: Point) =>
    mul(-0.5 / stepSize ** 2, sum(square(sub(to.latent, drift(of))), -1));
  const proposed = add(drift(from), mul(stepSize, randomNormal(from.latent.shape)));
  const to = evaluate(policy, target, proposed);
  const logRatio = sub(
    add(to.logDensity, logProposal(from, to)),
    add(from.logDensity, logProposal(to, from)),
  );
  const probability = exp(minimum(logRatio, 0));
  const accept = greater(log(probability), log(randomUniform(logRatio.shape)));
  // Where the latent is the action of a bounded family, p has no mass outside the box.
  const bounded = policy.transform === undefined && policy.bounded;
  const inside = bounded ? greater(1, max(abs(to.latent), -1)) : undefined;
  const taken = reshape(inside ? mul(accept, inside) : accept, [...logRatio.shape, 1]);
  const flat = reshape(taken, logRatio.shape);
  return {
    point: {
      latent: where(taken, to.latent, from.latent),
      actions: where(taken, to.actions, from.actions),
      logDensity: where(flat, to.logDensity, from.logDensity),
      score: where(taken, to.score, from.score),
    },
    acceptance: mean(flat),
  };
}
