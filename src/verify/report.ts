import type { CaseReport, Status } from './runner.ts';

/** What became of a group, in numbers. */
export interface GroupReport {
  readonly group: string;
  readonly counts: Readonly<Record<Status, number>>;
  /** Largest error of all cases that ran, as a multiple of the tolerance. */
  readonly worst: number;
  /** Cases that needed more than the tolerance itself, whether or not they were allowed to. */
  readonly beyond: number;
}

export function summarise(group: string, cases: readonly CaseReport[]): GroupReport {
  const count = (status: Status) => cases.filter((report) => report.status === status).length;
  const factors = cases.flatMap(({ factor }) => (factor === undefined ? [] : [factor]));
  return {
    group,
    counts: {
      passed: count('passed'),
      failed: count('failed'),
      'not built': count('not built'),
      'not applicable': count('not applicable'),
    },
    worst: Math.max(0, ...factors),
    beyond: factors.filter((factor) => factor > 1).length,
  };
}

/** The line of a group. @param lenient whether some cases may use more than the tolerance, so that it must be told */
export function groupLine({ group, counts, worst, beyond }: GroupReport, lenient: boolean): string {
  const ran = counts.passed + counts.failed;
  const parts = [
    `${counts.passed} passed`,
    `${counts.failed} failed`,
    `${counts['not built']} not built`,
    ...(counts['not applicable'] > 0 ? [`${counts['not applicable']} not applicable`] : []),
    ...(ran > 0 ? [`worst error ${formatFactor(worst)} of the tolerance`] : []),
    ...(lenient && ran > 0 ? [`${beyond} needed more than 1×`] : []),
  ];
  return `${group.padEnd(16)} ${parts.join(', ')}`;
}

/** The line of a case that failed. */
export function failureLine({ group, name, factor, allowed, detail }: CaseReport): string {
  const size = factor === undefined ? '' : ` (${formatFactor(factor)} of the tolerance, ${allowed}× allowed)`;
  return `  failed: ${group} ${name}: ${detail ?? ''}${size}`;
}

/** All groups together. */
export function totalLine(groups: readonly GroupReport[]): string {
  const total = (status: Status) => groups.reduce((sum, { counts }) => sum + counts[status], 0);
  const statuses: readonly Status[] = ['passed', 'failed', 'not built', 'not applicable'];
  const parts = statuses
    .filter((status) => status !== 'not applicable' || total(status) > 0)
    .map((status) => `${total(status)} ${status}`);
  return `${'total'.padEnd(16)} ${parts.join(', ')}`;
}

const formatFactor = (factor: number): string =>
  Number.isFinite(factor) ? `${Number(factor.toPrecision(2))}×` : 'infinitely many ×';
