import { add, exp, expm1, mean, mul, neg, square, stopGradient, sub, type Tensor } from '../tape/index.ts';
import { type Estimator, type Need, required } from './estimator.ts';
import { saturated } from './saturate.ts';

/** Nats above which a ratio of densities counts as e^20, so that products with it and their gradients fit float32. */
const largestLog = 20;
/** Nats above which the log-ratio that k2 squares grows no further, for the same reason. */
const largestGap = 1e4;

/** The log-ratio penalties k(log π − log π_ref) and what differentiating each as a loss follows. */
const penalties = {
  k1: { title: 'k1 = log π − log π_ref; on-policy its gradient has mean zero', of: (gap: Tensor) => gap },
  k2: {
    title: 'k2 = ½(log π − log π_ref)²; on-policy it follows the reverse KL',
    of: (gap: Tensor) => mul(0.5, square(neg(saturated(neg(saturated(gap, largestGap)), largestGap)))),
  },
  k3: {
    title: 'k3 = π_ref/π − 1 + log π − log π_ref; on-policy it follows the forward KL',
    of: (gap: Tensor) => add(expm1(saturated(neg(gap), largestLog)), gap),
  },
} as const;

/**
 * The penalties of KL-regularised policy optimisation used as losses: the mean of k over fixed samples,
 * differentiated through log π only. With `iw` the samples come from the behaviour policy and each is weighted by
 * π/π_behaviour, through which the gradient passes too; without, the variant names where the samples come from.
 *
 * @source Schulman 2020, "Approximating KL divergence" (the estimators); Tang & Munos 2025 (as losses)
 */
export const klPenalties: readonly Estimator[] = (
  Object.keys(penalties) as (keyof typeof penalties)[]
).flatMap((name) => {
  const { title, of } = penalties[name];
  const common = {
    source: 'Schulman 2020; Tang & Munos 2025',
    quality: 'unbiased' as const,
    defaultSamples: 16,
    minimumSamples: 1,
  };
  const plain: Estimator = {
    ...common,
    name: `kl-penalty/${name}`,
    title: `KL penalty ${title}`,
    formula: `E[${name}(a)], samples fixed`,
    needs: ['logProb', 'reference'],
    variants: [
      { name: 'on-policy', title: 'samples of the policy', needs: [] },
      { name: 'off-policy', title: 'samples of the behaviour policy, not weighted', needs: ['behaviour'] },
    ],
    loss: (input, variant) => {
      const from =
        variant === 'on-policy' ? input.policy : required(input.behaviour, 'behaviour', plain.name);
      const drawn = from.sample(input.samples, input.noise ? { noise: input.noise } : {});
      const logProb = variant === 'on-policy' ? drawn.logProb : input.policy.logProbLatent(drawn.latent);
      const reference = required(input.reference, 'reference', plain.name).logProbLatent(drawn.latent);
      const loss = mean(of(sub(logProb, stopGradient(reference))));
      return { loss, diagnostics: {}, ...(variant === 'on-policy' ? { logProb } : {}) };
    },
  };
  const needs: readonly Need[] = ['logProb', 'reference', 'behaviour'];
  const weighted: Estimator = {
    ...common,
    name: `kl-penalty/${name}-iw`,
    title: `KL penalty ${name}, importance-weighted`,
    formula: `E_behaviour[π/π_behaviour·${name}(a)]`,
    needs,
    variants: [],
    loss: (input) => {
      const behaviour = required(input.behaviour, 'behaviour', weighted.name);
      const { latent, logProb: logBehaviour } = behaviour.sample(
        input.samples,
        input.noise ? { noise: input.noise } : {},
      );
      const logProb = input.policy.logProbLatent(latent);
      const reference = required(input.reference, 'reference', weighted.name).logProbLatent(latent);
      const ratio = exp(saturated(sub(logProb, stopGradient(logBehaviour)), largestLog));
      return { loss: mean(mul(ratio, of(sub(logProb, stopGradient(reference))))), diagnostics: {} };
    },
  };
  return [plain, weighted];
});
