// One method in one environment: its learning curve and its scores, over the seeds.
import { DataError, shortened } from '../errors.ts';
import {
  bootstrap,
  type Estimate,
  interquartileMean,
  meanHeight,
  meanOf,
} from '../study/learning-statistics.ts';
import type { RunRecord } from '../study/results.ts';

/** Evaluations at the end of a run whose mean is its score. */
export const SCORED_EVALUATIONS = 3;
/** An interquartile mean over seeds at one evaluation. */
export interface CurveEstimate {
  readonly step: number;
  /** Gradient steps and seconds: interquartile means over the seeds. */
  readonly updates: number;
  readonly seconds: number;
  readonly return: Estimate;
}

/** One method in one environment. */
export interface Cell {
  readonly environment: string;
  readonly method: string;
  readonly seeds: number;
  readonly curve: readonly CurveEstimate[];
  /** Interquartile mean of the runs' scores: means of their last evaluations. */
  readonly score: Estimate;
  /** Interquartile mean of the mean height of the learning curves over environment steps. */
  readonly curveMean: Estimate;
  /** Runs' scores, in the order of seeds. */
  readonly runs: readonly { readonly seed: number; readonly score: number; readonly seconds: number }[];
}

/** How often intervals resample, and from which seed. */
export interface Boot {
  readonly resamples: number;
  readonly seed: number;
}

/** Runs of one environment must differ in nothing but method and seed. @throws DataError naming two that differ, and in what */
export function requireAlike(runs: readonly RunRecord[]): void {
  const [first] = runs;
  const stepsOf = ({ points }: RunRecord) => points.map(({ step }) => step).join(', ');
  const where = `The runs in ${first.environment}`;
  for (const run of runs) {
    requireSame(where, run, first, ({ settings }) => settings);
    if (stepsOf(run) !== stepsOf(first))
      throw new DataError(
        `${where} were evaluated at different steps: '${run.folder}' at ${stepsOf(run)}, '${first.folder}' at ${stepsOf(first)}.`,
        { hint: 'Report them separately.' },
      );
  }
}

function requireSame(
  where: string,
  run: RunRecord,
  first: RunRecord,
  of: (run: RunRecord) => Readonly<Record<string, unknown>>,
): void {
  for (const name of new Set([...Object.keys(of(first)), ...Object.keys(of(run))])) {
    const [a, b] = [run, first].map((each) => JSON.stringify(of(each)[name]) ?? 'not set');
    if (a !== b)
      throw new DataError(
        `${where} have different settings: ${name} is ${shortened(a)} in '${run.folder}' and ${shortened(b)} in '${first.folder}'.`,
        { hint: 'Report them separately.' },
      );
  }
}

export function cellOf(environment: string, method: string, runs: readonly RunRecord[], boot: Boot): Cell {
  const where = `The runs of ${method} in ${environment}`;
  for (const run of runs) requireSame(where, run, runs[0], ({ methodSettings }) => methodSettings);
  const seeds = runs.map(({ seed }) => seed);
  if (new Set(seeds).size < seeds.length)
    throw new DataError(
      `${method} in ${environment} has two runs of one seed; the seeds are ${seeds.join(', ')}.`,
    );
  const steps = runs[0].points.map(({ step }) => step);
  const scoreOf = ({ points }: RunRecord) =>
    meanOf(points.slice(-SCORED_EVALUATIONS).map(({ meanReturn }) => meanReturn));
  const iqm = (values: readonly number[]) =>
    bootstrap([[values]], ([scores]) => interquartileMean(scores[0]), boot);
  return {
    environment,
    method,
    seeds: runs.length,
    curve: steps.map((step, i) => ({
      step,
      updates: interquartileMean(runs.map(({ points }) => points[i].updates)),
      seconds: interquartileMean(runs.map(({ points }) => points[i].seconds)),
      return: iqm(runs.map(({ points }) => points[i].meanReturn)),
    })),
    score: iqm(runs.map(scoreOf)),
    curveMean: iqm(runs.map(curveHeight)),
    runs: runs.map((run) => ({
      seed: run.seed,
      score: scoreOf(run),
      seconds: run.points[run.points.length - 1].seconds,
    })),
  };
}

/** Mean height of a learning curve over environment steps. */
export const curveHeight = ({ points }: RunRecord): number =>
  meanHeight(
    points.map(({ step }) => step),
    points.map(({ meanReturn }) => meanReturn),
  );
