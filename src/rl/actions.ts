import { oneHot } from '../distributions/categorical.ts';
import type { Space } from '../envs/environment.ts';
import { UsageError } from '../errors.ts';
import { argMax, clamp, type Tensor } from '../tape/index.ts';

/** What the learner controls: coordinates in [−1, 1], or a choice. */
export type ActionKind =
  | { readonly kind: 'box'; readonly size: number }
  | { readonly kind: 'discrete'; readonly size: number };

/** How a learner's action becomes the environment's. */
export interface ActionMap {
  readonly kind: ActionKind;
  /** Learner's action [size] → what the environment's `step` takes. */
  toEnvironment(action: ArrayLike<number>): Float64Array;
  /**
   * Learner's action [size] → the one that was executed, as the learner writes it: what a replay buffer must hold, since
   * its reward is that action's.
   */
  executed(action: ArrayLike<number>): Float32Array;
}

const inside = (coordinate: number): number => Math.min(1, Math.max(-1, coordinate));

/** The first of the largest. */
function choiceOf(action: ArrayLike<number>, choices: number): number {
  let best = 0;
  for (let i = 1; i < choices; i++) if (action[i] > action[best]) best = i;
  return best;
}

/**
 * Boxes are mapped affinely from [−1, 1], and what an unbounded policy sends beyond is clipped; of choices, one-hot or
 * relaxed, the largest is taken.
 *
 * @throws UsageError for a box without finite bounds
 */
export function actionMap(space: Space): ActionMap {
  if (space.kind === 'discrete') {
    const out = new Float64Array(1);
    return {
      kind: { kind: 'discrete', size: space.n },
      toEnvironment(action) {
        out[0] = choiceOf(action, space.n);
        return out;
      },
      executed(action) {
        const choice = choiceOf(action, space.n);
        return Float32Array.from({ length: space.n }, (_, i) => Number(i === choice));
      },
    };
  }
  const { low, high } = space;
  if (low.some((bound, i) => !Number.isFinite(bound) || !Number.isFinite(high[i]))) {
    throw new UsageError(`The action box [${low}] to [${high}] has no finite bounds to map [−1, 1] to.`);
  }
  const out = new Float64Array(low.length);
  return {
    kind: { kind: 'box', size: low.length },
    toEnvironment(action) {
      for (let i = 0; i < out.length; i++)
        out[i] = low[i] + ((inside(action[i]) + 1) / 2) * (high[i] - low[i]);
      return out;
    },
    executed: (action) => Float32Array.from({ length: low.length }, (_, i) => inside(action[i])),
  };
}

/** {@link ActionMap.executed} of many: actions [..., size] on the tape; of choices no gradient comes back. */
export function executedActions({ kind, size }: ActionKind, actions: Tensor): Tensor {
  return kind === 'box' ? clamp(actions, -1, 1) : oneHot(argMax(actions, -1, true), size);
}
