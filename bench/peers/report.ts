// The document that a run leaves, and its text.
import { compactTable } from '../../src/cli/common.ts';
import type { Contest, MeasureSettings } from './measure.ts';
import { CHECKED_UPDATES, entrantName, LOSS_TOLERANCE } from './measure.ts';
import { digits, judge, type TargetResult } from './targets.ts';
import { type WorkSize, workSizes } from './work.ts';

/** What `bench:peers --json` writes. */
export interface PeersDocument {
  readonly kind: 'divergrad-peers';
  /** ISO 8601, when the run began. */
  readonly date: string;
  /** The arguments that it was given. */
  readonly command: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: MeasureSettings;
  readonly works: Readonly<Record<string, WorkSize>>;
  readonly lossTolerance: number;
  readonly contests: readonly Contest[];
  /** Contests that could not take place, and why. */
  readonly absent: readonly { readonly contest: string; readonly reason: string }[];
  readonly targets: readonly TargetResult[];
}

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Processes that wanted a processor, averaged over a minute: before and after the run, whose own share is 1 to 2. */
  readonly load?: readonly [before: number, after: number];
}

export type Measured = Omit<PeersDocument, 'kind' | 'works' | 'lossTolerance' | 'targets'>;

export const documentOf = (measured: Measured): PeersDocument => ({
  kind: 'divergrad-peers',
  ...measured,
  works: workSizes,
  lossTolerance: LOSS_TOLERANCE,
  targets: judge(measured.contests),
});

/** `update, small, node: divergrad wasm` */
export const contestName = ({
  task,
  work,
  runtime,
  own,
}: Pick<Contest, 'task' | 'work' | 'runtime' | 'own'>) => `${task}, ${work}, ${runtime}: ${entrantName(own)}`;

export function contestText(contest: Contest): string {
  const { facts, pairs, absent, counts, work, task } = contest;
  const { observations, actions, batch, hidden } = workSizes[work];
  const table = compactTable(
    ['peer', 'threads', 'ms/update', 'ours', 'times faster', 'first ms', 'difference'],
    'right',
    '  ',
  );
  for (const { entrant, facts: theirs, medianMs, ownMedianMs, ratio, difference } of pairs) {
    table.push([
      entrantName(entrant),
      theirs.threads ?? '–',
      digits(medianMs),
      digits(ownMedianMs),
      `${digits(ratio.value)} [${digits(ratio.low)}, ${digits(ratio.high)}]`,
      digits(theirs.firstUpdateMs),
      difference.toExponential(0),
    ]);
  }
  const what =
    task === 'update' ? 'one SAC update' : 'the dense layers of one SAC update, forward and backward';
  const kernels = counts ? `${counts.kernels} kernels, ` : '';
  return [
    contestName(contest),
    `  ${what}: observations ${observations}, actions ${actions}, batch ${batch}, hidden ${hidden}-${hidden}`,
    `  ours: ${facts.description}; ${kernels}first update ${digits(facts.firstUpdateMs)} ms, difference ${contest.difference.toExponential(0)}`,
    ...pairs.map(
      ({ entrant, facts: theirs }) => `  ${entrantName(entrant)}: ${theirs.version}, ${theirs.description}`,
    ),
    ...(pairs.length > 0 ? [indent(table.toString())] : []),
    ...absent.map(({ entrant, reason }) => `  not present: ${entrantName(entrant)}: ${reason}`),
    '',
  ].join('\n');
}

export function headText({ machine, versions, settings }: PeersDocument | Measured): string {
  const facts = Object.entries(versions).map(([name, value]) => `${name} ${value}`);
  return [
    `${machine.processor}, ${machine.processors} processors, ${machine.memoryGiB} GiB, ${machine.system}`,
    facts.join(', '),
    `medians of up to ${settings.rounds} interleaved rounds (ours, peer, ours, peer, …); times faster: median ratio of a round [95% bootstrap interval]`,
    `difference: the largest of ${CHECKED_UPDATES} updates' losses from ours in float64, relative (${LOSS_TOLERANCE} allowed); seed ${settings.seed}`,
    '',
  ].join('\n');
}

/** How busy the machine was with other things: ratios hold beside neighbours, but less well. */
export const loadText = ({ load }: Machine): string =>
  load ? `load of the machine before and after: ${load.join(', ')} (the run itself is 1 to 2)` : '';

export function targetsText(targets: readonly TargetResult[]): string {
  const table = compactTable(['target', 'measured', 'verdict'], 'left', '  ');
  for (const { target, measured, verdict } of targets) table.push([target, measured, verdict]);
  const count = (wanted: string) => targets.filter(({ verdict }) => verdict === wanted).length;
  return `targets\n${indent(table.toString())}\n  ${count('met')} met, ${count('missed')} missed, ${count('not measured')} not measured here`;
}

const indent = (text: string): string => text.replace(/^/gm, '  ').replace(/[ \t]+$/gm, '');
