import { requireKnown } from '../arguments.ts';
import { isMasked, maskedLog } from '../distributions/mask.ts';
import { quoted, requireOptions, UsageError } from '../errors.ts';
import { formatShape, sameShape } from '../math/shape.ts';
import {
  add,
  constantValue,
  div,
  min,
  minimum,
  requireShape,
  requireTensor,
  reshape,
  shapeError,
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
 * @throws UsageError when a fixed temperature is not above 0, or the critics are no function; ShapeError, while recording,
 *   when what they or the prior give has another shape
 */
export function boltzmann(critics: (actions: Tensor) => Tensor, options: BoltzmannOptions): Target {
  if (typeof critics !== 'function')
    throw new UsageError(`The critics of boltzmann are a function of actions; got ${quoted(critics)}.`, {
      hint: 'Write boltzmann((actions) => q(states, actions), { temperature: 0.2 }).',
    });
  requireKnown('boltzmann', options, known, 'boltzmann(critics, { temperature: 0.2 })');
  const { temperature, logPrior } = requireOptions('boltzmann', options, 'temperature');
  const fixed = constantValue(temperature);
  if (fixed !== undefined && !(fixed > 0 && Number.isFinite(fixed))) {
    throw new UsageError(
      `The temperature must be above 0; got ${fixed}. The limit 0 is the deterministic policy gradient.`,
    );
  }
  const scale = requireShape(
    'boltzmann',
    toOperand(temperature, 'the temperature of boltzmann'),
    [],
    'the temperature',
  );
  return {
    critics: (actions) => requireCritics(critics(actions), actions),
    temperature: scale,
    uniformPrior: logPrior === undefined,
    logDensityOf: (values, actions) => {
      const density = div(minimumOf(values), scale);
      if (!logPrior) return density;
      const prior = requireTensor('boltzmann', logPrior(actions), 'a log-prior');
      return add(density, requireShape('boltzmann', prior, density.shape, 'the log-prior at the actions'));
    },
  };
}

const known: Readonly<Record<keyof BoltzmannOptions, true>> = { temperature: true, logPrior: true };

/**
 * What critics gave, if it has an axis of critics before those of the actions: without it, samples would count as critics, and
 * the least of them would be taken.
 */
function requireCritics(values: Tensor, actions: Tensor): Tensor {
  const { shape } = requireTensor('boltzmann', values, 'critics [critics, samples, batch]');
  const wanted = actions.shape.slice(0, -1);
  if (shape.length === wanted.length + 1 && shape[0] >= 1 && sameShape(shape.slice(1), wanted)) return values;
  const [rest, one] = [wanted.join(', '), sameShape(shape, wanted)];
  throw shapeError(
    'boltzmann',
    [actions],
    `the critics gave ${formatShape(shape)} at these actions; they give [critics, ${rest}]${one ? `: for one critic reshape(q, [1, ${rest}])` : ''}`,
  );
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
