// The paper's three findings, each with what the data say for or against it.

import type { CostReport } from './cost.ts';
import type { Estimate } from './learning-statistics.ts';
import type { Matrix } from './matrix.ts';
import { EQUIVALENCE, type MethodSummary, type StudyReport } from './report.ts';

export interface Finding {
  /** As the paper has it. */
  readonly claim: string;
  readonly verdict: 'supported' | 'not supported' | 'undecided' | 'no data';
  /** Sentences with their intervals. */
  readonly evidence: readonly string[];
}

/** How much a method differs from the baseline: by the interval of a difference of normalised scores. */
export type Comparison = 'equal' | 'better' | 'worse' | 'undecided';

/** Equal where the whole interval lies within ±EQUIVALENCE, better or worse where all of it lies beyond, else undecided. */
export function comparisonOf({ low, high }: Estimate): Comparison {
  if (low > EQUIVALENCE) return 'better';
  if (high < -EQUIVALENCE) return 'worse';
  return low > -EQUIVALENCE && high < EQUIVALENCE ? 'equal' : 'undecided';
}

const twoDigits = (value: number): string => value.toFixed(2);
/** A figure with its interval. */
export const withInterval = ({ value, low, high }: Estimate, text = twoDigits): string =>
  `${text(value)} [${text(low)}, ${text(high)}]`;

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

/** @param costs what `bench` measured, if anything */
export function findingsOf(report: StudyReport, matrix: Matrix, costs: readonly CostReport[]): Finding[] {
  return [efficiency(report), cost(costs, matrix), distributions(matrix)];
}

function efficiency({ methods, baseline, sharedEnvironments }: StudyReport): Finding {
  const claim = 'The divergence rarely changes sample efficiency much.';
  const others = methods.filter((method) => method.curveDifference !== null);
  if (others.length === 0)
    return { claim, verdict: 'no data', evidence: ['No second method ran in all environments.'] };
  const groups: Record<Comparison, MethodSummary[]> = { equal: [], better: [], worse: [], undecided: [] };
  for (const method of others) groups[comparisonOf(method.curveDifference as Estimate)].push(method);
  const names = (kind: Comparison) =>
    groups[kind].map(
      ({ method, curveDifference }) => `${method} ${withInterval(curveDifference as Estimate)}`,
    );
  const apart = groups.better.length + groups.worse.length;
  const half = others.length / 2;
  return {
    claim,
    verdict: groups.equal.length > half ? 'supported' : apart > half ? 'not supported' : 'undecided',
    evidence: [
      `Sample efficiency is the mean of the learning curve over environment steps, normalised (0 random, 1 good), interquartile mean over the runs of ${listed(sharedEnvironments)}. Differences to ${baseline} with their 95% intervals:`,
      `equal within ±${EQUIVALENCE}: ${listed(names('equal'))}`,
      `worse by more than ${EQUIVALENCE}: ${listed(names('worse'))}`,
      `better by more than ${EQUIVALENCE}: ${listed(names('better'))}`,
      `not decided by these runs: ${listed(names('undecided'))}`,
      `${groups.equal.length} of ${others.length} methods are equal to ${baseline} within ±${EQUIVALENCE}, ${apart} differ by more.`,
    ],
  };
}

function cost(costs: readonly CostReport[], matrix: Matrix): Finding {
  const claim = 'The divergence changes how easy an update is to implement and what it costs to compute.';
  const needs = (...wanted: string[]) =>
    matrix.rows.filter((row) => row.needs.some((need) => wanted.includes(need))).length;
  const implementation = `Of ${matrix.rows.length} kinds of estimators, ${needs('criticGradient')} need the critic's gradient with respect to the action and ${needs('rsample')} reparameterised samples; ${needs('reference', 'behaviour', 'value')} keep something beside the policy (a count of declarations, not an estimate).`;
  if (costs.length === 0)
    return {
      claim,
      verdict: 'no data',
      evidence: [
        implementation,
        'No cost was given: divergrad bench --json cost.json, then report --include cost.json.',
      ],
    };
  let spread = false;
  const evidence = costs.map((report) => {
    const rows = report.rows.filter(({ estimator }) => estimator !== report.baseline);
    const sorted = [...rows].sort((a, b) => a.ratio - b.ratio);
    const say = ({ estimator, samples, ratio, ratioInterval }: (typeof rows)[number]) =>
      `${estimator} (K = ${samples}) ${withInterval({ value: ratio, low: ratioInterval.low, high: ratioInterval.high })}`;
    if (sorted.length === 0) return `${report.adapter}: only ${report.baseline} was measured.`;
    const dearest = sorted[sorted.length - 1];
    spread ||= dearest.ratioInterval.low > 1.5;
    return `${report.adapter}: time of an update to that of ${report.baseline}, from ${say(sorted[0])} to ${say(dearest)}; kernels an update from ${Math.min(...report.rows.map((row) => row.kernelsPerUpdate))} to ${Math.max(...report.rows.map((row) => row.kernelsPerUpdate))}.`;
  });
  return { claim, verdict: spread ? 'supported' : 'undecided', evidence: [implementation, ...evidence] };
}

function distributions(matrix: Matrix): Finding {
  const allowed = (rows: Matrix['rows']) => {
    const counts = rows.map(
      ({ cells }) => matrix.distributions.filter((name) => cells[name].length === 0).length,
    );
    return { rows: rows.length, least: Math.min(...counts), most: Math.max(...counts) };
  };
  const say = (what: string, rows: Matrix['rows']) => {
    if (rows.length === 0) return '';
    const { least, most } = allowed(rows);
    return `${what} (${rows.length}): ${least === most ? least : `${least} to ${most}`} of ${matrix.distributions.length} distributions.`;
  };
  const pathwise = matrix.rows.filter((row) => row.needs.includes('rsample'));
  const density = matrix.rows.filter((row) =>
    row.needs.every((need) =>
      ['logProb', 'value', 'behaviour', 'reference', 'replayedActions'].includes(need),
    ),
  );
  const exact = matrix.rows.filter((row) =>
    row.needs.some((need) => ['enumerable', 'finiteChoices'].includes(need)),
  );
  const differ = new Set(
    matrix.rows.map((row) => matrix.distributions.filter((name) => row.cells[name].length === 0).join()),
  );
  return {
    claim: 'The divergence and its estimator change which action distributions are allowed.',
    verdict: differ.size > 1 ? 'supported' : 'not supported',
    evidence: [
      say('Estimators that need only a density and samples', density),
      say('Pathwise estimators', pathwise),
      say('Exact ones, by enumeration or quadrature', exact),
      'Counts of the matrix below, every cell of which is tried by a test; not an estimate, so without an interval.',
    ].filter((sentence) => sentence !== ''),
  };
}
