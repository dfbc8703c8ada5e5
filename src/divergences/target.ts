import { isMasked, maskedLog } from '../distributions/mask.ts';
import { requireOptions, UsageError } from '../errors.ts';
import {
  add,
  constantValue,
  div,
  min,
  minimum,
  reshape,
  sliceAxis,
  type Tensor,
  toOperand,
  where,
} from '../tape/index.ts';

/**
 * The Boltzmann target p(a|s) ∝ exp(Q(s, a)/temperature)·p₀(a|s), known up to its normaliser.
 * Q is the minimum of one or more critics.
 */
export interface Target {
  /** Each critic at actions [samples, batch, actions] → [critics, samples, batch]. */
  critics(actions: Tensor): Tensor;
  /** min over critics of Q/temperature + log p₀, in nats: [samples, batch] from what `critics` gave. */
  logDensityOf(critics: Tensor, actions: Tensor): Tensor;
  /** Scalar [] of the unit of Q. */
  readonly temperature: Tensor;
  /** Uniform p₀: then the fused losses apply, which take the critics' values as they are. */
  readonly uniformPrior: boolean;
}

/** What the target is made of besides its critics. */
export interface BoltzmannOptions {
  /** Unit of Q; above 0. A scalar tensor when it is tuned. */
  readonly temperature: Tensor | number;
  /** log p₀ in nats: actions [samples, batch, actions] → [samples, batch]. Uniform when absent. */
  readonly logPrior?: (actions: Tensor) => Tensor;
}

/**
 * The Boltzmann target of critics.
 *
 * @param critics actions [samples, batch, actions] → [critics, samples, batch]
 * @throws UsageError when a fixed temperature is not above 0
 */
export function boltzmann(critics: (actions: Tensor) => Tensor, options: BoltzmannOptions): Target {
  const { temperature, logPrior } = requireOptions('boltzmann', options, 'temperature');
  const fixed = constantValue(temperature);
  if (fixed !== undefined && !(fixed > 0 && Number.isFinite(fixed))) {
    throw new UsageError(
      `The temperature must be above 0; got ${fixed}. The limit 0 is the deterministic policy gradient.`,
    );
  }
  const scale = toOperand(temperature);
  return {
    critics,
    temperature: scale,
    uniformPrior: logPrior === undefined,
    logDensityOf: (values, actions) => {
      const density = div(minimumOf(values), scale);
      return logPrior ? add(density, logPrior(actions)) : density;
    },
  };
}

/**
 * log p̃ of the target over the choices that the policy's mask allows: what is no action at this state has no mass there.
 * Its divergences from the policy are then finite. Unchanged where nothing is masked.
 *
 * @param logDensity [samples, batch] log p̃
 * @param logPolicy [samples, batch] log π of the same choices
 */
export const allowedOnly = (logDensity: Tensor, logPolicy: Tensor): Tensor =>
  where(isMasked(logPolicy), maskedLog, logDensity);

/** min over the leading axis; ties share the cotangent evenly. */
export function minimumOf(values: Tensor): Tensor {
  const [count] = values.shape;
  const rest = values.shape.slice(1);
  if (count === 1) return reshape(values, rest);
  if (count === 2)
    return minimum(reshape(sliceAxis(values, 0, 0, 1), rest), reshape(sliceAxis(values, 0, 1, 2), rest));
  return min(values, 0);
}
