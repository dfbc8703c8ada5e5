import type { DistributionFamily, EntropyRange, FamilyOptions } from '../distributions/distribution.ts';
import { UsageError } from '../errors.ts';
import { temperatureStep } from '../kernels/index.ts';
import { type AdamOptions, adamParams, adamRates } from '../nn/adam.ts';
import {
  callOf,
  currentRecording,
  inputAt,
  type Op,
  outputAt,
  recordNode,
  State,
  type Tensor,
} from '../tape/index.ts';

/** What tuning keeps the temperature within, in the unit of Q. */
export const temperatureBounds = [1e-6, 1e6] as const;

/** The temperature where none is asked for and none can be tuned, in the unit of Q. */
export const fixedTemperature = 0.05;

interface StepAttributes {
  readonly options: Required<AdamOptions>;
  readonly targetEntropy: number;
  readonly states: { readonly parameters: State; readonly moments: State };
}

/** Inputs: logProb, clock. Output: entropy []. Writes log α and its moments. */
const temperatureOp: Op<StepAttributes> = {
  name: 'temperatureStep',
  words: [1],
  infer: () => [{ shape: [], dtype: 'f32' }],
  call: ({ node, attributes: { options, targetEntropy, states } }) =>
    callOf(
      temperatureStep,
      {
        parameters: { state: states.parameters },
        moments: { state: states.moments },
        logProb: inputAt(0),
        entropy: outputAt(0),
        clock: inputAt(1),
      },
      {
        ...adamParams(options),
        samples: node.inputs[0].size,
        hasTarget: 0,
        tau: 0,
        targetEntropy,
        place: node.id,
        logMin: Math.log(temperatureBounds[0]),
        logMax: Math.log(temperatureBounds[1]),
      },
    ),
};

/** What tunes the temperature. */
export interface TemperatureOptimiser {
  /** First and second moment, for checkpoints. */
  readonly states: readonly State[];
  /**
   * Records one step of Adam on log α, whose loss log α·(entropy − target) falls where the entropy is above its
   * target. α stays within {@link temperatureBounds}.
   *
   * @param logProb [...] log π in nats of samples of the policy
   * @returns [] the entropy in nats, −mean logProb
   */
  step(logProb: Tensor): Tensor;
}

/**
 * Tunes the logarithm of the temperature until the policy's entropy is `targetEntropy` nats.
 *
 * @throws UsageError for rates outside their range
 * @source Haarnoja et al. 2018, "Soft actor-critic algorithms and applications", eq. 18, on log α
 */
export function temperatureOptimiser(
  logTemperature: State,
  options: AdamOptions & { readonly targetEntropy: number },
): TemperatureOptimiser {
  const { targetEntropy, ...rates } = options;
  const full = adamRates(rates);
  const moments = new State(`${logTemperature.name}.moments`, [2, 1]);
  const states = { parameters: logTemperature, moments };
  return {
    states: [moments],
    step: (logProb) =>
      recordNode(
        temperatureOp,
        [logProb, currentRecording().clock()],
        { options: full, targetEntropy, states },
        [logTemperature, moments],
      ).outputs[0],
  };
}

/** The entropies that tuning can choose among; undefined where the family has none, or only one. */
function tunableRange(
  family: DistributionFamily,
  actions: number,
  options: FamilyOptions = {},
): EntropyRange | undefined {
  const range = family.entropyRange?.(actions, options);
  return range && range[0] < range[1] ? range : undefined;
}

/**
 * The entropy in nats that tuning aims at where none is asked for: half of log(choices) for choices; −1 a coordinate for
 * a box; otherwise, and where the bounds of a box allow no −1, a nat a coordinate below the greatest. At least a quarter
 * up the family's range.
 *
 * @param actions coordinates of an action, or choices
 * @source −1 a coordinate: Haarnoja et al. 2018, "Soft actor-critic algorithms and applications", appendix D
 */
export function defaultTargetEntropy(
  family: DistributionFamily,
  actions: number,
  options: FamilyOptions = {},
): number {
  const [low, high] = family.entropyRange?.(actions, options) ?? [0, 0];
  const { discrete, actionKind } = family.capabilities;
  const usual = discrete
    ? high / 2
    : actionKind === 'box'
      ? Math.min(-actions, high - actions)
      : high - (actions - 1);
  return Number.isFinite(low) ? Math.max(usual, low + (high - low) / 4) : usual;
}

/** Why a policy's temperature cannot be tuned; undefined when it can. */
export function untunable(
  estimator: { readonly name: string; readonly readsTemperature: boolean },
  family: DistributionFamily,
  actions: number,
  options?: FamilyOptions,
): string | undefined {
  if (!estimator.readsTemperature) return `the loss of '${estimator.name}' does not depend on it`;
  if (!family.entropyRange)
    return `the distribution '${family.name}' has no density, so no entropy to aim at`;
  if (!tunableRange(family, actions, options)) return `the entropy of '${family.name}' cannot change here`;
  return undefined;
}

/**
 * @param target nats
 * @throws UsageError when no parameters of the family have that entropy
 */
export function requireReachable(
  target: number,
  family: DistributionFamily,
  actions: number,
  options?: FamilyOptions,
): void {
  const range = tunableRange(family, actions, options);
  if (!range || (target > range[0] && target < range[1])) return;
  const [low, high] = range.map((end) => Number(end.toPrecision(6)));
  throw new UsageError(
    `The target entropy must lie between ${low} and ${high} nats, which '${family.name}' with ${actions} ${family.capabilities.actionKind === 'box' ? 'coordinates' : 'choices'} can reach; got ${target}.`,
    { hint: `Its default is ${defaultTargetEntropy(family, actions, options)}.` },
  );
}
