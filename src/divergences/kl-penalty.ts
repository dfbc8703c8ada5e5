import { expm1Minus } from '../distributions/differences.ts';
import { add, exp, mean, mul, neg, square, stopGradient, sub, type Tensor } from '../tape/index.ts';
import { type Estimator, type Label, required } from './estimator.ts';
import {
  forwardReferenceKl,
  type Objective,
  type Point,
  pointwise,
  reverseReferenceKl,
} from './objective.ts';
import { saturated } from './saturate.ts';

/** Nats above which a ratio of densities counts as e^20, so that products with it and their gradients fit float32. */
const largestLog = 20;
/** Nats above which the log-ratio that k2 squares grows no further, for the same reason. */
const largestGap = 1e4;

const unbiased = (follows: Objective): Label => ({ quality: 'unbiased', follows });
const own = (follows: Objective): Label => ({ quality: 'own-objective', follows });

/** What a penalty follows whose gradient is 0 in the mean: added to a loss, it is noise. */
export const nothing: Objective = {
  name: 'nothing',
  formula: 'E_π[∇ log π] = 0',
  coefficient: pointwise(() => 0),
};

const gapOf = ({ logPolicy, logReference }: Point): number => logPolicy - logReference;

interface Penalty {
  readonly title: string;
  /** The penalty at gap = log π − log π_ref. */
  of(gap: Tensor): Tensor;
  /** What the gradient follows where the samples are the policy's, another policy's, or weighted by importance. */
  readonly labels: Readonly<Record<'onPolicy' | 'offPolicy' | 'weighted', Label>>;
}

/** The log-ratio penalties and what differentiating each as a loss follows; β is the behaviour policy. */
const penalties: Readonly<Record<string, Penalty>> = {
  k1: {
    title: 'k1 = log π − log π_ref',
    of: (gap) => gap,
    labels: {
      onPolicy: own(nothing),
      offPolicy: own({
        name: '−KL(β ‖ π)',
        formula: 'E_β[log π − log β]',
        coefficient: pointwise((at) => Math.exp(at.logBehaviour)),
      }),
      weighted: unbiased(reverseReferenceKl),
    },
  },
  k2: {
    title: 'k2 = ½(log π − log π_ref)²',
    of: (gap) => mul(0.5, square(neg(saturated(neg(saturated(gap, largestGap)), largestGap)))),
    labels: {
      onPolicy: unbiased(reverseReferenceKl),
      offPolicy: own({
        name: 'E_β[k2]',
        formula: '½E_β[(log π − log π_ref)²]',
        coefficient: pointwise((at) => Math.exp(at.logBehaviour) * gapOf(at)),
      }),
      weighted: own({
        name: 'E_π[k2]',
        formula: '½E_π[(log π − log π_ref)²]',
        coefficient: pointwise((at) => Math.exp(at.logPolicy) * (0.5 * gapOf(at) ** 2 + gapOf(at))),
      }),
    },
  },
  k3: {
    title: 'k3 = π_ref/π − 1 + log π − log π_ref',
    of: (gap) => {
      const back = saturated(neg(gap), largestLog);
      return add(expm1Minus(back), add(back, gap));
    },
    labels: {
      onPolicy: unbiased(forwardReferenceKl),
      offPolicy: own({
        name: 'E_β[k3]',
        formula: 'E_β[π_ref/π − 1 + log π − log π_ref]',
        coefficient: pointwise((at) => Math.exp(at.logBehaviour) - Math.exp(at.logBehaviour - gapOf(at))),
      }),
      weighted: unbiased(reverseReferenceKl),
    },
  },
};

/**
 * The penalties of KL-regularised policy optimisation used as losses: the mean of k over fixed samples,
 * differentiated through log π only. With `iw` the samples come from the behaviour policy and each is weighted by
 * π/π_behaviour, through which the gradient passes too; without, the variant names where the samples come from.
 *
 * @source Schulman 2020, "Approximating KL divergence" (the estimators); Tang & Munos 2025 (as losses)
 */
export const klPenalties: readonly Estimator[] = Object.entries(penalties).flatMap(
  ([name, { title, of, labels }]) => {
    const common = {
      source: 'Schulman 2020; Tang & Munos 2025',
      ...{ defaultSamples: 16, minimumSamples: 1, penalty: true },
    };
    const plain: Estimator = {
      ...common,
      ...labels.onPolicy,
      name: `kl-penalty/${name}`,
      title: `KL penalty ${title}`,
      formula: `E[${name}(a)], samples fixed`,
      needs: ['logProb', 'reference'],
      variants: [
        { name: 'on-policy', title: 'samples of the policy', needs: [] },
        {
          name: 'off-policy',
          title: 'samples of the behaviour policy, not weighted',
          needs: ['behaviour'],
          ...labels.offPolicy,
        },
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
    const weighted: Estimator = {
      ...common,
      ...labels.weighted,
      name: `kl-penalty/${name}-iw`,
      title: `KL penalty ${name}, importance-weighted`,
      formula: `E_behaviour[π/π_behaviour·${name}(a)]`,
      needs: ['logProb', 'reference', 'behaviour'],
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
  },
);
