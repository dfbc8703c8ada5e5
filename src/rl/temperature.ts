import { type AdamOptions, adamParams, adamRates } from '../nn/adam.ts';
import { currentRecording, type Op, recordNode, State, type Tensor } from '../tape/index.ts';

interface StepAttributes {
  readonly options: Required<AdamOptions>;
  readonly targetEntropy: number;
  readonly states: { readonly parameters: State; readonly moments: State };
}

/** Inputs: logProb, clock. Output: entropy []. Writes log α and its moments. */
const temperatureOp: Op<StepAttributes> = {
  name: 'temperatureStep',
  infer: () => [{ shape: [], dtype: 'f32' }],
  call: ({ node, attributes: { options, targetEntropy, states } }) => ({
    kernel: 'temperature_step',
    bindings: [
      { state: states.parameters },
      { state: states.moments },
      { input: 0 },
      { output: 0 },
      { input: 1 },
    ],
    params: {
      ...adamParams(options),
      samples: node.inputs[0].size,
      hasTarget: 0,
      tau: 0,
      targetEntropy,
      place: node.id,
    },
  }),
};

/** What tunes the temperature. */
export interface TemperatureOptimiser {
  /** First and second moment, for checkpoints. */
  readonly states: readonly State[];
  /**
   * Records one step of Adam on log α, whose loss log α·(entropy − target) falls where the entropy is above its
   * target.
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
