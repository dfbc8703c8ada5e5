// The paper's three findings, each with what the data say for or against it.

import type { CostReport } from './cost.ts';
import type { Estimate } from './learning-statistics.ts';
import type { Matrix } from './matrix.ts';
import { EQUIVALENCE, type StudyReport } from './report.ts';

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

/** @param costs what `bench` measured, if anything */
export function findingsOf(report: StudyReport, matrix: Matrix, costs: readonly CostReport[]): Finding[] {
  return [efficiency(report), cost(costs, matrix), distributions(matrix)];
}

function efficiency({ differences, baseline }: StudyReport): Finding {
  const claim = 'The divergence rarely changes sample efficiency much.';
  if (differences.length === 0)
    return { claim, verdict: 'no data', evidence: [`No second method ran where ${baseline} did.`] };
  const counts: Record<Comparison, number> = { equal: 0, better: 0, worse: 0, undecided: 0 };
  for (const { curveDifference } of differences) counts[comparisonOf(curveDifference)]++;
  const titles: Readonly<Record<Comparison, string>> = {
    equal: `equal within ±${EQUIVALENCE}`,
    worse: `worse by more than ${EQUIVALENCE}`,
    better: `better by more than ${EQUIVALENCE}`,
    undecided: 'not decided by these runs',
  };
  const environments = [...new Set(differences.map(({ environment }) => environment))];
  const evidence = environments.map((environment) => {
    const own = differences.filter((each) => each.environment === environment);
    const parts = (Object.keys(titles) as Comparison[]).flatMap((kind) => {
      const found = own.filter(({ curveDifference }) => comparisonOf(curveDifference) === kind);
      const named = found.map(({ method, curveDifference }) => `${method} ${withInterval(curveDifference)}`);
      return named.length > 0 ? [`${titles[kind]}: ${named.join(', ')}`] : [];
    });
    return `${environment}: ${parts.join('; ')}.`;
  });
  const half = differences.length / 2;
  const apart = counts.better + counts.worse;
  return {
    claim,
    verdict: counts.equal > half ? 'supported' : apart > half ? 'not supported' : 'undecided',
    evidence: [
      `Sample efficiency is the mean of the learning curve over environment steps, normalised (0 random, 1 good), interquartile mean over seeds; differences to ${baseline} with their 95% intervals, task by task:`,
      ...evidence,
      `Of ${differences.length} comparisons ${counts.equal} are equal within ±${EQUIVALENCE}, ${counts.worse} worse and ${counts.better} better by more, ${counts.undecided} not decided.`,
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
