import type { Frame } from './settings.ts';
import { gridAxis } from './settings.ts';
import type { Space } from './targets.ts';

/** What a policy does with the two modes of the bimodal target, which lie on the two sides of 0. */
export interface ModesTaken {
  /** Of the policy's mass, on the side that has less of it. */
  readonly less: number;
  readonly verdict: 'takes one mode' | 'covers both modes' | 'leans to one mode';
}

/** So little on one side is nothing of that mode, and so much is all that the policy can have there. */
const [NONE, BOTH] = [0.05, 0.15];

/** @param policy density on the display grid of one dimension */
export function modesTaken({ policy }: Pick<Frame, 'policy'>, space: Space): ModesTaken {
  const axis = gridAxis(1, space);
  let [below, total] = [0, 0];
  for (const [i, value] of policy.entries()) {
    total += value;
    if (axis[i] < 0) below += value;
  }
  const less = Math.min(below, total - below) / total;
  return {
    less,
    verdict: less < NONE ? 'takes one mode' : less > BOTH ? 'covers both modes' : 'leans to one mode',
  };
}

/** In one sentence, what the pictures show. */
export const modesSentence = (
  fits: readonly { readonly name: string; readonly modes: ModesTaken }[],
): string =>
  `${fits
    .map(
      ({ name, modes: { less, verdict } }) =>
        `${name} ${verdict} (${(100 * (1 - less)).toFixed(0)} % and ${(100 * less).toFixed(0)} % of its mass)`,
    )
    .join(', ')}.`;
