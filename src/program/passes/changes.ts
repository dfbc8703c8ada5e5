import type { Stage } from './index.ts';

/** A listing without the numbers of its steps, which change with any step before. */
const unnumbered = (line: string): string => line.replace(/^ *\d+ +/, '').replace(/ {2,}/g, '  ');

/**
 * The program after each pass, for people: what the pass changed, marked − and +, and what it left. A pass that changed
 * nothing says so in a line.
 *
 * @param stages as `Device.explain` gives them
 */
export function explanation(stages: readonly Stage[]): string {
  return stages
    .map(({ pass, reason, listing }, i) => {
      const title = `${pass}: ${reason}`;
      const before = stages[i - 1]?.listing.map(unnumbered);
      if (!before) return [title, ...listing, steps(listing.length)].join('\n');
      const after = listing.map(unnumbered);
      const gone = before.filter((line) => !after.includes(line)).map((line) => `  − ${line}`);
      const made = after.filter((line) => !before.includes(line)).map((line) => `  + ${line}`);
      if (gone.length + made.length === 0) return `${title}\n  nothing to do`;
      return [title, ...gone, ...made, ...listing, steps(listing.length)].join('\n');
    })
    .join('\n\n');
}

const steps = (count: number): string => `${count} ${count === 1 ? 'step' : 'steps'}`;
