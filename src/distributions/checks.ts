// What every distribution asks of what it is given: broadcasting would make a number of what does not belong together.
import { UsageError } from '../errors.ts';
import {
  abs,
  greater,
  literalValues,
  requireExtents,
  requireShape,
  requireTensor,
  shapeError,
  type Tensor,
  where,
} from '../tape/index.ts';
import type { Distribution, DistributionFamily, SampleOptions } from './distribution.ts';

type Described = Pick<Distribution, 'family' | 'batch' | 'actions'>;

/** @throws ShapeError unless `values` are [samples, batch, width]; by default as wide as an action */
export function requireEvents(
  { family, batch, actions }: Described,
  values: Tensor,
  what = 'actions',
  width = actions,
): Tensor {
  const { shape } = requireTensor(family, values);
  if (shape.length === 3 && shape[1] === batch && shape[2] === width) return values;
  throw shapeError(family, [values], `${what} must have shape [samples, ${batch}, ${width}]`);
}

/**
 * Actions in the box [−1, 1]; NaN beyond it, where there is no density.
 *
 * @throws UsageError for a constant action beyond it
 */
export function insideBox(actions: Tensor): Tensor {
  const known = literalValues(actions);
  const beyond = known?.find((action) => !(Math.abs(action) <= 1));
  if (beyond !== undefined)
    throw new UsageError(`The action ${beyond} is outside the box [−1, 1] of this distribution.`, {
      hint: 'Give actions as the learner writes them: a box of other bounds is mapped to [−1, 1] first.',
    });
  return known ? actions : where(greater(abs(actions), 1), Number.NaN, actions);
}

/**
 * The noise that is given, or fresh noise of the same shape, [samples, batch, actions].
 * @throws ShapeError for noise of another shape
 */
export function noiseOf(
  of: Described,
  samples: number,
  { noise }: SampleOptions,
  fresh: (shape: readonly number[]) => Tensor,
): Tensor {
  const shape = [samples, of.batch, of.actions];
  requireExtents(`a sample of ${of.family}`, shape);
  return noise ? requireShape(`${of.family}.sample`, noise, shape, 'noise') : fresh(shape);
}

/**
 * The other distribution of a KL divergence, when it is of the same family and shape.
 * @throws UsageError for another family, ShapeError for other numbers of states or actions
 */
export function requireAlike<T extends Described>(own: T, other: Described): T {
  if (other?.family !== own.family || Object.getPrototypeOf(other) !== Object.getPrototypeOf(own))
    throw new UsageError(
      `kl needs two distributions of one family; got ${own.family} and ${other?.family ?? other}.`,
      { hint: 'Estimate it from samples: the mean of log π(a) − log p(a) over actions of the first.' },
    );
  if (other.batch !== own.batch || other.actions !== own.actions)
    throw shapeError(
      `${own.family}.kl`,
      [],
      `one has ${own.batch} states and ${own.actions} actions, the other ${other.batch} and ${other.actions}`,
    );
  return other as T;
}

/**
 * A family whose `make` checks what it is given.
 *
 * @throws ShapeError from `make` for a head of another width than `parameters` says, UsageError for bounds that are none
 */
export function checkedFamily(family: DistributionFamily): DistributionFamily {
  const { name } = family;
  return {
    ...family,
    make(head, actions, options) {
      if (!Number.isInteger(actions) || actions < 1)
        throw new UsageError(`${name}: actions must be a whole number from 1; got ${actions}.`);
      requireTensor(name, head);
      const width = family.parameters(actions);
      if (head.shape.length !== 2 || head.shape[1] !== width)
        throw shapeError(name, [head], `the head of ${actions} actions must have shape [batch, ${width}]`);
      const [low, high] = options?.logStd ?? [0, 0];
      if (!(low <= high))
        throw new UsageError(`${name}: the bounds of log-std [${low}, ${high}] are no range.`);
      return family.make(head, actions, options);
    },
  };
}
