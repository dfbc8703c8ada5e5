// The paper's three findings, each with what the data say for or against it.

import { estimators } from '../divergences/registry.ts';
import { maximum, minimum } from '../math/extremes.ts';
import type { CostReport } from '../measure/cost.ts';
import type { Estimate } from '../study/learning-statistics.ts';
import type { Matrix } from './matrix.ts';
import { EQUIVALENCE, LEAST_SEEDS, type StudyReport, type TaskDifference } from './report.ts';

const penalties = new Set(estimators.flatMap(({ name, penalty }) => (penalty ? [name] : [])));

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

/** The same of two methods in a task, when there are seeds enough to say so. */
export const taskComparison = ({ curveDifference, seeds }: TaskDifference): Comparison =>
  seeds < LEAST_SEEDS ? 'undecided' : comparisonOf(curveDifference);

/** A figure with its interval, by default with as many digits as tell its ends apart from 0. One seed has no interval. */
export function withInterval(
  { value, low, high }: Estimate,
  text = (x: number): string => x.toFixed(Math.max(Math.abs(low), Math.abs(high)) < 0.1 ? 3 : 2),
): string {
  if (!Number.isFinite(high - low)) return `${Number.isFinite(value) ? value.toFixed(2) : value} [one seed]`;
  return `${text(value)} [${text(low)}, ${text(high)}]`;
}

/** @param costs what `bench` measured, if anything */
export function findingsOf(report: StudyReport, matrix: Matrix, costs: readonly CostReport[]): Finding[] {
  return [efficiency(report), cost(costs, matrix), distributions(matrix)];
}

function efficiency({ differences, tasks, baseline }: StudyReport): Finding {
  const claim = 'The divergence rarely changes sample efficiency much.';
  if (differences.length === 0)
    return { claim, verdict: 'no data', evidence: [`No second method ran where ${baseline} did.`] };
  const titles: Readonly<Record<Comparison, string>> = {
    equal: `equal within ±${EQUIVALENCE}`,
    worse: `worse by more than ${EQUIVALENCE}`,
    better: `better by more than ${EQUIVALENCE}`,
    undecided: 'not decided by these runs',
  };
  const evidence = tasks.map(({ environment, resolves, first, last }) => {
    const own = differences.filter((each) => each.environment === environment);
    const parts = (Object.keys(titles) as Comparison[]).flatMap((kind) => {
      const found = own.filter((each) => taskComparison(each) === kind);
      const named = found.map(({ method, curveDifference }) => `${method} ${withInterval(curveDifference)}`);
      return named.length > 0 ? [`${titles[kind]}: ${named.join(', ')}`] : [];
    });
    const counts = resolves
      ? ''
      : ` (counts for no verdict: ${baseline} is at ${first.toFixed(2)} at the first evaluation and at ${last.toFixed(2)} at the last, so that little of the learning was seen)`;
    return `${environment}${counts}: ${parts.join('; ')}.`;
  });
  const telling = differences.filter(({ environment }) =>
    tasks.some((task) => task.environment === environment && task.resolves),
  );
  const count = (...kinds: Comparison[]) =>
    telling.filter((each) => kinds.includes(taskComparison(each))).length;
  const half = telling.length / 2;
  const few = differences.some(({ seeds }) => seeds < LEAST_SEEDS);
  return {
    claim,
    verdict:
      count('equal') > half ? 'supported' : count('better', 'worse') > half ? 'not supported' : 'undecided',
    evidence: [
      `Sample efficiency is the mean of the learning curve over environment steps, normalised (0 random, 1 good), interquartile mean over seeds; differences to ${baseline} with their 95% intervals, task by task${few ? `; with fewer than ${LEAST_SEEDS} seeds nothing is decided` : ''}:`,
      ...evidence,
      `Of ${telling.length} comparisons that count, ${count('equal')} are equal within ±${EQUIVALENCE}, ${count('worse')} worse and ${count('better')} better by more, ${count('undecided')} not decided.`,
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
  const evidence = costs.flatMap((report) => {
    // A penalty towards the old policy is no divergence to the target; and more samples cost more whatever is done with
    // them, so only estimators with equally many are compared.
    const rows = report.rows.filter(({ estimator }) => !penalties.has(estimator.split(':')[0]));
    const groups = new Map<number, (typeof rows)[number][]>();
    for (const row of rows) {
      const own = groups.get(row.samples);
      if (own) own.push(row);
      else groups.set(row.samples, [row]);
    }
    const base = report.rows.find(({ estimator }) => estimator === report.baseline);
    return [...groups].flatMap(([samples, own]) => {
      if (own.length < 2) return [];
      const sorted = [...own].sort((a, b) => a.ratio - b.ratio);
      const [cheapest, dearest] = [sorted[0], sorted[sorted.length - 1]];
      const say = ({ estimator, ratio, ratioInterval: { low, high } }: (typeof rows)[number]) =>
        `${estimator} ${estimator === report.baseline ? '1' : withInterval({ value: ratio, low, high })}`;
      spread ||= dearest.ratioInterval.low > 1.5 * cheapest.ratioInterval.high;
      const kernels = own.map((row) => row.kernelsPerUpdate);
      return [
        `${report.adapter}, K = ${samples} for all ${own.length}: from ${say(cheapest)} to ${say(dearest)} times ${report.baseline} at K = ${base?.samples ?? 1}; kernels an update from ${minimum(kernels)} to ${maximum(kernels)}.`,
      ];
    });
  });
  return { claim, verdict: spread ? 'supported' : 'undecided', evidence: [implementation, ...evidence] };
}

function distributions(matrix: Matrix): Finding {
  const allowed = (rows: Matrix['rows']) => {
    const counts = rows.map(
      ({ cells }) => matrix.distributions.filter((name) => cells[name].length === 0).length,
    );
    return { rows: rows.length, least: minimum(counts), most: maximum(counts) };
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
