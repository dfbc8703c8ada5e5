// What a report says of studies: scores, curves and comparisons, each with an interval. Pictures and page are made of it.

import { baselineEstimator } from '../divergences/registry.ts';
import { environments } from '../envs/registry.ts';
import { DataError, shortened } from '../errors.ts';
import { minimum } from '../math/extremes.ts';
import {
  aggregate,
  bootstrap,
  bootstrapAll,
  type Estimate,
  improvementVariance,
  interquartileMean,
  meanHeight,
  meanOf,
  performanceProfile,
  probabilityOfImprovement,
  profileVariance,
  type Scores,
} from '../study/learning-statistics.ts';
import { RANDOM_STREAMS, type RunRecord, type StudyResults } from '../study/results.ts';
import { type CoverageAt, coverageAt } from './coverage.ts';

/** Evaluations at the end of a run whose mean is its score. */
export const SCORED_EVALUATIONS = 3;
/** A difference of normalised scores, 0 for random and 1 for good, within which two methods count as equal. */
export const EQUIVALENCE = 0.1;

/** Seeds of each method below which nothing is concluded: intervals of fewer are wide, and still promise too much. */
export const LEAST_SEEDS = 5;

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

/** One method over all environments in which every method ran. */
export interface MethodSummary {
  readonly method: string;
  /** Interquartile mean of normalised scores, and of normalised mean heights of the curves. */
  readonly score: Estimate;
  readonly curveMean: Estimate;
  readonly profile: readonly Estimate[];
  /** Against the baseline; null for the baseline itself. */
  readonly improvement: Estimate | null;
  readonly scoreDifference: Estimate | null;
  readonly curveDifference: Estimate | null;
}

/** A method against the baseline in one environment. */
export interface TaskDifference {
  readonly environment: string;
  readonly method: string;
  /** Of the normalised mean heights of the learning curves, interquartile means over seeds. */
  readonly curveDifference: Estimate;
  /** Seeds of whichever of the two has fewer. */
  readonly seeds: number;
}

/** What a task can tell: nothing of how fast something is learnt that is learnt before the first look. */
export interface TaskResolution {
  readonly environment: string;
  /** The baseline's normalised return at the first and at the last evaluation, interquartile means. */
  readonly first: number;
  readonly last: number;
  /** Whether they differ by more than {@link EQUIVALENCE}; only such tasks count for a verdict. */
  readonly resolves: boolean;
}

export interface StudyReport {
  readonly title: string;
  readonly environments: readonly string[];
  readonly baseline: string;
  readonly thresholds: readonly number[];
  readonly cells: readonly Cell[];
  /** Over the environments that all methods share; empty without any. */
  readonly methods: readonly MethodSummary[];
  readonly sharedEnvironments: readonly string[];
  /** Every method but the baseline, in every environment in which both ran. */
  readonly differences: readonly TaskDifference[];
  /** Of every environment in which the baseline ran. */
  readonly tasks: readonly TaskResolution[];
  readonly runs: number;
  readonly unfinished: number;
  readonly resamples: number;
  readonly seed: number;
  /** Seeds of the method that has fewest, and how often 95% intervals of so many hold the truth; null for one seed. */
  readonly fewestSeeds: number;
  readonly coverage: CoverageAt | null;
  readonly adapters: readonly string[];
  /** Versions of the random streams that runs drew from. */
  readonly streams: readonly string[];
}

export interface ReportOptions {
  readonly baseline?: string;
  readonly resamples?: number;
  readonly seed?: number;
}

/** Scores between random, 0, and good, 1, as the registry of environments says. */
export function normalised(environment: string, value: number): number {
  const entry = environments.find(({ name }) => name === environment);
  if (!entry) throw new DataError(`The runs name an unknown environment, '${environment}'.`);
  const { random, good } = entry.returns;
  return (value - random) / (good - random);
}

/**
 * Summarises studies.
 *
 * @throws DataError without a run, when two runs are the same, or when runs of one environment were evaluated at different
 *   steps or made with different settings
 */
export function reportOf(studies: readonly StudyResults[], options: ReportOptions = {}): StudyReport {
  const { resamples = 2000, seed = 0 } = options;
  const runs = studies.flatMap((study) => study.runs);
  if (runs.length === 0) throw new DataError('There is no finished run to report.');
  const several = new Map<string, Set<string>>();
  for (const { environment, distribution } of runs)
    several.set(environment, (several.get(environment) ?? new Set()).add(distribution));
  // A distribution is named where there is a choice.
  const named = [...several.values()].some((distributions) => distributions.size > 1);
  const methodOf = ({ estimator, distribution }: RunRecord) =>
    named ? `${estimator}, ${distribution}` : estimator;
  const names = unique(runs.map(({ environment }) => environment));
  const methods = unique(runs.map(methodOf));
  const wanted = options.baseline ?? baselineEstimator;
  const found = methods.find((method) => method === wanted || method.startsWith(`${wanted},`));
  if (options.baseline !== undefined && found === undefined)
    throw new DataError(`No run has the baseline '${wanted}'; there are ${methods.join(', ')}.`);
  const baseline = found ?? methods[0];
  const boot = { resamples, seed };

  for (const environment of names) requireAlike(runs.filter((run) => run.environment === environment));
  const cells = names.flatMap((environment) =>
    methods.flatMap((method): Cell[] => {
      const own = runs
        .filter((run) => run.environment === environment && methodOf(run) === method)
        .sort((a, b) => a.seed - b.seed);
      return own.length > 0 ? [cellOf(environment, method, own, boot)] : [];
    }),
  );
  const cellAt = (environment: string, method: string) =>
    cells.find((cell) => cell.environment === environment && cell.method === method);
  const fewestSeeds = minimum(cells.map(({ seeds }) => seeds));
  const shared = names.filter((environment) => methods.every((method) => cellAt(environment, method)));
  const scores = (method: string, of: (cell: Cell, i: number) => number): Scores =>
    shared.map((environment) => {
      const cell = cellAt(environment, method) as Cell;
      return cell.runs.map((_, i) => normalised(environment, of(cell, i)));
    });
  const heights = new Map(
    runs.map((run) => [
      `${run.environment} ${methodOf(run)} ${run.seed}`,
      meanHeight(
        run.points.map(({ step }) => step),
        run.points.map(({ meanReturn }) => meanReturn),
      ),
    ]),
  );
  const finals = (method: string) => scores(method, (cell, i) => cell.runs[i].score);
  const curves = (method: string) =>
    scores(
      method,
      (cell, i) => heights.get(`${cell.environment} ${cell.method} ${cell.runs[i].seed}`) as number,
    );
  const thresholds = Array.from({ length: 51 }, (_, i) => -0.2 + 0.028 * i);
  const difference = ([x, y]: readonly Scores[]) => aggregate(x) - aggregate(y);
  const heightsOf = ({ environment, method, runs: own }: Cell) =>
    own.map(({ seed: of }) =>
      normalised(environment, heights.get(`${environment} ${method} ${of}`) as number),
    );
  return {
    title: unique(studies.map(({ title }) => title)).join('; '),
    environments: names,
    baseline,
    thresholds,
    cells,
    sharedEnvironments: shared,
    differences: cells.flatMap((cell): TaskDifference[] => {
      const other = cell.method === baseline ? undefined : cellAt(cell.environment, baseline);
      if (!other) return [];
      const curveDifference = bootstrap([[heightsOf(cell)], [heightsOf(other)]], difference, boot);
      const seeds = Math.min(cell.seeds, other.seeds);
      return [{ environment: cell.environment, method: cell.method, curveDifference, seeds }];
    }),
    tasks: cells.flatMap((cell): TaskResolution[] => {
      if (cell.method !== baseline) return [];
      const [first, last] = [cell.curve[0], cell.curve[cell.curve.length - 1]].map((at) =>
        normalised(cell.environment, at.return.value),
      );
      return [{ environment: cell.environment, first, last, resolves: last - first > EQUIVALENCE }];
    }),
    methods:
      shared.length === 0
        ? []
        : methods.map((method): MethodSummary => {
            const against = method !== baseline;
            const pair = [finals(method), finals(baseline)];
            const curvePair = [curves(method), curves(baseline)];
            return {
              method,
              score: bootstrap([finals(method)], ([x]) => aggregate(x), boot),
              curveMean: bootstrap([curves(method)], ([x]) => aggregate(x), boot),
              profile: bootstrapAll([finals(method)], ([x]) => performanceProfile(x, thresholds), {
                ...boot,
                variance: profileVariance(finals(method)),
              }),
              improvement: against
                ? bootstrap(pair, ([x, y]) => probabilityOfImprovement(x, y), {
                    ...boot,
                    variance: improvementVariance(pair[0], pair[1]),
                  })
                : null,
              scoreDifference: against ? bootstrap(pair, difference, boot) : null,
              curveDifference: against ? bootstrap(curvePair, difference, boot) : null,
            };
          }),
    runs: runs.length,
    unfinished: studies.reduce((total, study) => total + study.unfinished, 0),
    resamples,
    seed,
    fewestSeeds,
    coverage: coverageAt(fewestSeeds) ?? null,
    adapters: unique(runs.map(({ adapter }) => adapter)),
    streams: unique(runs.map(({ settings }) => String(settings[RANDOM_STREAMS]))),
  };
}

/** Runs of one environment must differ in nothing but method and seed. @throws DataError naming two that differ, and in what */
function requireAlike(runs: readonly RunRecord[]): void {
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

function cellOf(
  environment: string,
  method: string,
  runs: readonly RunRecord[],
  boot: { readonly resamples: number; readonly seed: number },
): Cell {
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
    curveMean: iqm(
      runs.map(({ points }) =>
        meanHeight(
          points.map(({ step }) => step),
          points.map(({ meanReturn }) => meanReturn),
        ),
      ),
    ),
    runs: runs.map((run) => ({
      seed: run.seed,
      score: scoreOf(run),
      seconds: run.points[run.points.length - 1].seconds,
    })),
  };
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
