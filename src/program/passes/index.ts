import type { Draft } from '../draft.ts';
import { listSteps } from '../program.ts';
import { changesOf } from './changes.ts';
import { halveHidden } from './half.ts';
import { joinKernels } from './join.ts';
import { dropUnread, mergeNeighbours } from './merge.ts';
import type { Pass, Stage, Target } from './pass.ts';
import { joinSegments } from './segments.ts';

/** Every pass, in order. */
export const passes: readonly Pass[] = [
  {
    name: 'join segments',
    reason: 'Inputs that lie side by side are one segment: each is loaded once.',
    run: joinSegments,
  },
  {
    name: 'merge neighbours',
    reason:
      'Generated kernels over the same points are one: fewer dispatches, and what both load is loaded once.',
    run: mergeNeighbours,
  },
  {
    name: 'drop unread',
    reason: 'What a merged kernel hands on inside itself need not be stored.',
    run: dropUnread,
  },
  {
    name: 'halve hidden layers',
    reason: 'Hidden layers as float16 take half the memory; asked for by an option.',
    applies: ({ halfHidden = false, mlp }) => halfHidden && mlp === 'fused',
    run: halveHidden,
  },
  {
    name: 'join kernels',
    reason: 'A kernel of several saves dispatches, and what they hand on need not pass through memory.',
    applies: ({ joinedBindings }) => joinedBindings > 0,
    run: joinKernels,
  },
];

/**
 * The draft after all passes that the target has a use for.
 *
 * @param onStage gets what each left, that which came before the first included
 */
export function runPasses(draft: Draft, target: Target, onStage?: (stage: Stage) => void): Draft {
  const show = ({ name: pass, reason }: Pick<Pass, 'name' | 'reason'>, before: Draft, after: Draft) =>
    onStage?.({
      pass,
      reason,
      changes: changesOf(before, after),
      listing: listSteps(after.steps, after.buffers),
    });
  show({ name: 'lower', reason: 'One step a kernel, in the order of recording.' }, draft, draft);
  return passes.reduce((before, pass) => {
    if (pass.applies && !pass.applies(target)) return before;
    const after = pass.run(before, target);
    show(pass, before, after);
    return after;
  }, draft);
}
