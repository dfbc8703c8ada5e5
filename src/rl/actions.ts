import type { Space } from '../envs/environment.ts';
import { UsageError } from '../errors.ts';
import type { ActionKind } from './actor-critic.ts';

/** How a learner's action becomes the environment's. */
export interface ActionMap {
  readonly kind: ActionKind;
  /** Learner's action [size] → what the environment's `step` takes. */
  toEnvironment(action: ArrayLike<number>): Float64Array;
}

/**
 * Boxes are mapped affinely from [−1, 1], and what an unbounded policy sends beyond is clipped; one-hot choices
 * become their index.
 *
 * @throws UsageError for a box without finite bounds
 */
export function actionMap(space: Space): ActionMap {
  if (space.kind === 'discrete') {
    const out = new Float64Array(1);
    return {
      kind: { kind: 'discrete', size: space.n },
      toEnvironment(action) {
        let best = 0;
        for (let i = 1; i < space.n; i++) if (action[i] > action[best]) best = i;
        out[0] = best;
        return out;
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
      for (let i = 0; i < out.length; i++) {
        const inside = Math.min(1, Math.max(-1, action[i]));
        out[i] = low[i] + ((inside + 1) / 2) * (high[i] - low[i]);
      }
      return out;
    },
  };
}
