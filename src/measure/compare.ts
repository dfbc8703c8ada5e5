// Two results of `bench` side by side: what changed between two versions, machines or settings.
import type { Interval } from '../math/statistics.ts';
import type { CostReport, CostRow, UpdateCost } from './cost.ts';
import type { WholeUpdateCost } from './update-cost.ts';

/** New over old. */
export interface Change {
  readonly ratio: number;
  /** Where the true ratio of the medians is, if both results' own intervals hold: with at least their coverages' product. */
  readonly interval: Interval;
  /** Whether the interval leaves 1 out, and on which side. */
  readonly verdict: 'faster' | 'slower' | 'no change shown';
}

/** What a program does, which no clock decides: equal, or changed for a reason. */
const counted = ['kernelsPerUpdate', 'flops', 'bytes', 'arenaBytes', 'stateBytes'] as const;
export type CountName = (typeof counted)[number];

export interface ComparedRow {
  /** An estimator, or `whole update` with its networks. */
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** Of the times themselves. */
  readonly time: Change;
  /** Of the ratios to the baseline of each result, which a slower hour of the machine leaves as they are; null where there are none. */
  readonly toBaseline: Change | null;
  /** Counts that differ, old and new. */
  readonly counts: Readonly<Partial<Record<CountName, readonly [before: number, after: number]>>>;
}

/** Something that both results say, and in which they differ. */
export interface Difference {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export interface ComparedBackend {
  readonly backend: string;
  /** Machine, versions and settings that differ. */
  readonly differences: readonly Difference[];
  readonly rows: readonly ComparedRow[];
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

export interface Comparison {
  readonly kind: 'divergrad-comparison';
  readonly backends: readonly ComparedBackend[];
  /** Backends that only one of them measured. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
}

/** Of a report, what is compared. */
export type ComparedReport = Pick<
  CostReport,
  'backend' | 'adapter' | 'versions' | 'settings' | 'baseline' | 'rows'
> & {
  readonly wholeUpdate?: readonly WholeUpdateCost[];
};

/**
 * Compares reports backend by backend, row by row. An estimator that is in both is compared whatever the settings; those
 * that differ are listed, since times of different work say nothing of the code.
 *
 * @param before the older reports, one for each backend
 * @param after the newer ones
 */
export function compareCosts(
  before: readonly ComparedReport[],
  after: readonly ComparedReport[],
): Comparison {
  const pairs = before.flatMap((old) => {
    const now = after.find(({ backend }) => backend === old.backend);
    return now ? [[old, now] as const] : [];
  });
  const names = (reports: readonly ComparedReport[]) => reports.map(({ backend }) => backend);
  return {
    kind: 'divergrad-comparison',
    backends: pairs.map(([old, now]) => compareBackend(old, now)),
    onlyBefore: lacking(names(before), names(after)),
    onlyAfter: lacking(names(after), names(before)),
  };
}

function compareBackend(before: ComparedReport, after: ComparedReport): ComparedBackend {
  const [old, now] = [timed(before), timed(after)];
  const sameBaseline = before.baseline === after.baseline;
  return {
    backend: before.backend,
    differences: differencesOf(before, after),
    rows: [...old].flatMap(([name, row]) => {
      const other = now.get(name);
      if (!other) return [];
      const isRatio = sameBaseline && isRow(row) && isRow(other) && name !== before.baseline;
      return [
        {
          name,
          before: row.msPerUpdate,
          after: other.msPerUpdate,
          time: change([row.msPerUpdate, row.msInterval], [other.msPerUpdate, other.msInterval]),
          toBaseline: isRatio
            ? change([row.ratio, row.ratioInterval], [other.ratio, other.ratioInterval])
            : null,
          counts: Object.fromEntries(
            counted.flatMap((count) =>
              row[count] === other[count] ? [] : [[count, [row[count], other[count]]]],
            ),
          ),
        },
      ];
    }),
    onlyBefore: lacking([...old.keys()], [...now.keys()]),
    onlyAfter: lacking([...now.keys()], [...old.keys()]),
  };
}

const lacking = (names: readonly string[], others: readonly string[]): string[] =>
  names.filter((name) => !others.includes(name));

const isRow = (row: UpdateCost): row is CostRow => 'ratio' in row;

/** All that was timed, by name. */
const timed = ({ rows, wholeUpdate = [] }: ComparedReport): Map<string, UpdateCost> =>
  new Map<string, UpdateCost>([
    ...rows.map((row) => [row.estimator, row] as const),
    ...wholeUpdate.map((row) => [`whole update, ${row.mlp}`, row] as const),
  ]);

type Estimate = readonly [value: number, interval: Interval];

/** If each interval holds its truth, the quotient of any two of their values holds the quotient of the truths. */
function change([before, old]: Estimate, [after, now]: Estimate): Change {
  const interval = {
    low: now.low / old.high,
    high: now.high / old.low,
    coverage: old.coverage * now.coverage,
  };
  const verdict = interval.high < 1 ? 'faster' : interval.low > 1 ? 'slower' : 'no change shown';
  return { ratio: after / before, interval, verdict };
}

function differencesOf(before: ComparedReport, after: ComparedReport): Difference[] {
  const facts = ({ adapter, versions, settings, baseline }: ComparedReport): Map<string, string> =>
    new Map(
      [
        ['machine', adapter],
        ...Object.entries(versions),
        ...Object.entries(settings),
        ['baseline', baseline],
      ].map(([name, value]) => [String(name), Array.isArray(value) ? value.join('-') : String(value)]),
    );
  const [old, now] = [facts(before), facts(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    const [a, b] = [old.get(name) ?? 'not said', now.get(name) ?? 'not said'];
    return a === b ? [] : [{ name, before: a, after: b }];
  });
}
