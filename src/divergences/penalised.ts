import type { DistributionFamily } from '../distributions/distribution.ts';
import { UsageError } from '../errors.ts';
import { add, mul } from '../tape/index.ts';
import { type Estimator, type EstimatorChoice, missingNeeds } from './estimator.ts';
import { klPenalties, nothing } from './kl-penalty.ts';
import { reverseKlPathwise, reverseKlScore } from './reverse-kl.ts';

/** Weight of a penalty where its name says none. */
export const defaultCoefficient = 0.1;

const isPenalty = ({ estimator }: EstimatorChoice): boolean => estimator.penalty === true;

/** Those whose gradient is not 0 in the mean. */
const sound = klPenalties.filter(({ follows }) => follows !== nothing);

/** What separates the parts of `loss+penalty@coefficient`. */
const form = /^([^+]*)\+([^+@]*)(?:@([^+@]*))?$/;

/** The parts of a name like `reverse-kl/pathwise+kl-penalty/k3@0.1`; undefined when it is not of that form. */
export function penalisedParts(
  text: string,
): { readonly base: string; readonly penalty: string; readonly coefficient: number } | undefined {
  const [whole, base, penalty, weight] = form.exec(text) ?? [];
  if (whole === undefined) {
    if (!text.includes('+')) return undefined;
    throw new UsageError(`'${text}' is not a loss with a penalty.`, {
      hint: "Write it as 'reverse-kl/pathwise+kl-penalty/k3@0.1'.",
    });
  }
  const coefficient = weight === undefined ? defaultCoefficient : Number(weight);
  if (weight === '' || !(coefficient > 0 && Number.isFinite(coefficient))) {
    throw new UsageError(`The penalty's coefficient must be a finite number above 0; got '${weight}'.`);
  }
  return { base, penalty, coefficient };
}

/**
 * A policy's loss with a penalty for leaving the reference policy, a copy of the policy that follows slowly:
 * loss + coefficient·penalty. Each draws samples of its own, as many; the penalty is in nats, and the loss stands in
 * whatever unit it has. What it follows is that sum, an objective of its own.
 *
 * @throws UsageError when the first is a penalty or the second is none, or one whose gradient is 0 in the mean
 */
export function penalised(
  base: EstimatorChoice,
  penalty: EstimatorChoice,
  coefficient: number,
): EstimatorChoice {
  if (isPenalty(base) || !isPenalty(penalty)) {
    const wrong = isPenalty(base) ? `'${base.name}' is a penalty` : `'${penalty.name}' is no penalty`;
    throw new UsageError(`A loss with a penalty is a loss first and a penalty second; ${wrong}.`, {
      hint: `Penalties: ${klPenalties.map(({ name }) => name).join(', ')}.`,
    });
  }
  if (penalty.follows === nothing)
    throw new UsageError(`'${penalty.name}' has a gradient of mean 0: added to a loss, it is noise.`, {
      hint: `${sound.map(({ name }) => `'${name}'`).join(', ')} keep a policy near its reference.`,
    });
  const name = `${base.name}+${penalty.name}@${coefficient}`;
  const needs = [...new Set([...base.needs, ...penalty.needs])];
  const loss: EstimatorChoice['loss'] = (input) => {
    const { noise: _noise, ...own } = input;
    const [main, extra] = [base.loss(input), penalty.loss(own)];
    return {
      ...main,
      loss: add(main.loss, mul(coefficient, extra.loss)),
      diagnostics: { ...main.diagnostics, penalty: extra.loss },
    };
  };
  const minimumSamples = Math.max(base.minimumSamples, penalty.minimumSamples);
  const follows = {
    name: `${base.follows.name} + ${coefficient}·${penalty.follows.name}`,
    formula: `${base.follows.formula} + ${coefficient}·(${penalty.follows.formula})`,
  };
  const label = { quality: 'own-objective', follows } as const;
  const { bias: _bias, ...main } = base.estimator;
  const estimator: Estimator = {
    ...main,
    name,
    title: `${base.estimator.title}, with ${coefficient} times ${penalty.estimator.title}`,
    formula: `${base.estimator.formula} + ${coefficient}·${penalty.estimator.formula}`,
    source: `${base.estimator.source}; ${penalty.estimator.source}`,
    needs,
    variants: [],
    ...label,
    minimumSamples,
    loss,
  };
  return { name, estimator, variant: '', needs, minimumSamples, ...label, loss };
}

/** What to write instead of a penalty alone, which no critic speaks in; undefined for anything else. */
export function penaltyHint(choice: EstimatorChoice, family: DistributionFamily): string | undefined {
  if (!isPenalty(choice)) return undefined;
  const [first, second] = [reverseKlPathwise, reverseKlScore];
  const base = missingNeeds(first.needs, family).length === 0 ? first : second;
  const penalty = choice.follows === nothing ? sound[0] : choice;
  return `Add ${penalty === choice ? 'it' : 'another'} to a loss: '${base.name}+${penalty.name}@${defaultCoefficient}'.`;
}
