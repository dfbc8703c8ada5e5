import type { Draft } from '../draft.ts';
import { listSteps, type Step } from '../program.ts';
import type { Stage } from './pass.ts';

/** A listing without the numbers of its steps, which change with any step before. */
const unnumbered = ({ steps, buffers }: Draft): string[] =>
  listSteps(steps, buffers).map((line) => line.replace(/^ *\d+ +/, '').replace(/ {2,}/g, '  '));

/**
 * What a pass changed, a line each: steps that are gone (−) and new (+), and of those that stay the parameters and sizes of
 * buffers that it set (~).
 */
export function changesOf(before: Draft, after: Draft): string[] {
  const [old, now] = [unnumbered(before), unnumbered(after)];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `− ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
    ...(before.steps.length === after.steps.length ? parametersSet(before.steps, after.steps) : []),
    ...after.buffers.flatMap(({ name, count }, i) => {
      const known = before.buffers[i]?.count;
      return known === undefined || known === count ? [] : [`~ ${name}: ${known} → ${count} elements`];
    }),
  ];
}

function parametersSet(before: readonly Step[], after: readonly Step[]): string[] {
  return after.flatMap((step, i) => {
    const old = before[i];
    if (step.kind === 'generated' || !old || old.kind === 'generated' || old.kernel !== step.kernel)
      return [];
    const set = Object.entries(step.params).filter(([name, value]) => old.params[name] !== value);
    if (set.length === 0) return [];
    return [`~ ${i} ${step.kernel}: ${set.map(([name, value]) => `${name} ${value}`).join(', ')}`];
  });
}

/**
 * The program after each pass, for people. A pass that changed nothing says so in a line.
 *
 * @param stages as `Device.explain` gives them
 */
export const explanation = (stages: readonly Stage[]): string =>
  stages
    .map(({ pass, reason, changes, listing }, i) => {
      const title = `${pass}: ${reason}`;
      if (i > 0 && changes.length === 0) return `${title}\n  nothing to do`;
      const count = `${listing.length} ${listing.length === 1 ? 'step' : 'steps'}`;
      return [title, ...changes.map((line) => `  ${line}`), ...listing, count].join('\n');
    })
    .join('\n\n');
