// What a report says of studies: scores, curves and comparisons, each with an interval. Pictures and page are made of it.

import { baselineEstimator } from '../divergences/registry.ts';
import { environments } from '../envs/registry.ts';
import { DataError } from '../errors.ts';
import { minimum } from '../math/extremes.ts';
import {
  aggregate,
  bootstrap,
  bootstrapAll,
  type Estimate,
  improvementVariance,
  performanceProfile,
  probabilityOfImprovement,
  profileVariance,
  type Scores,
} from '../study/learning-statistics.ts';
import { RANDOM_STREAMS, type RunRecord, type StudyResults } from '../study/results.ts';
import { type Boot, type Cell, cellOf, curveHeight, requireAlike } from './cells.ts';
import { type CoverageAt, coverageAt } from './coverage.ts';

export { type Cell, type CurveEstimate, SCORED_EVALUATIONS } from './cells.ts';

/** A difference of normalised scores, 0 for random and 1 for good, within which two methods count as equal. */
export const EQUIVALENCE = 0.1;

/** Seeds of each method below which nothing is concluded: intervals of fewer are wide, and still promise too much. */
export const LEAST_SEEDS = 5;

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
  const boot = { resamples, seed };
  const runs = studies.flatMap((study) => study.runs);
  if (runs.length === 0) throw new DataError('There is no finished run to report.');
  const methodOf = namingOf(runs);
  const names = unique(runs.map(({ environment }) => environment));
  const methods = unique(runs.map(methodOf));
  const baseline = baselineOf(methods, options.baseline);
  for (const environment of names) requireAlike(runs.filter((run) => run.environment === environment));
  const cells = names.flatMap((environment) =>
    methods.flatMap((method): Cell[] => {
      const own = runs
        .filter((run) => run.environment === environment && methodOf(run) === method)
        .sort((a, b) => a.seed - b.seed);
      return own.length > 0 ? [cellOf(environment, method, own, boot)] : [];
    }),
  );
  const table = new Table(cells, heightsOf(runs, methodOf), baseline, boot);
  const shared = names.filter((environment) => methods.every((method) => table.cell(environment, method)));
  const fewestSeeds = minimum(cells.map(({ seeds }) => seeds));
  return {
    title: unique(studies.map(({ title }) => title)).join('; '),
    environments: names,
    baseline,
    thresholds,
    cells,
    sharedEnvironments: shared,
    differences: cells.flatMap((cell) => table.differenceOf(cell)),
    tasks: cells.filter(({ method }) => method === baseline).map(resolutionOf),
    methods: shared.length === 0 ? [] : methods.map((method) => table.summaryOf(method, shared)),
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

/** Normalised scores at which performance profiles are drawn. */
const thresholds = Array.from({ length: 51 }, (_, i) => -0.2 + 0.028 * i);

/** What the method of a run is called: a distribution is named where there is a choice. */
function namingOf(runs: readonly RunRecord[]): (run: RunRecord) => string {
  const several = new Map<string, Set<string>>();
  for (const { environment, distribution } of runs)
    several.set(environment, (several.get(environment) ?? new Set()).add(distribution));
  const named = [...several.values()].some((distributions) => distributions.size > 1);
  return ({ estimator, distribution }) => (named ? `${estimator}, ${distribution}` : estimator);
}

/** @throws DataError when no method is the baseline asked for */
function baselineOf(methods: readonly string[], asked: string | undefined): string {
  const wanted = asked ?? baselineEstimator;
  const found = methods.find((method) => method === wanted || method.startsWith(`${wanted},`));
  if (asked !== undefined && found === undefined)
    throw new DataError(`No run has the baseline '${wanted}'; there are ${methods.join(', ')}.`);
  return found ?? methods[0];
}

/** Mean heights of learning curves, by the key of their run. */
const heightsOf = (
  runs: readonly RunRecord[],
  methodOf: (run: RunRecord) => string,
): ReadonlyMap<string, number> =>
  new Map(runs.map((run) => [keyOf(run.environment, methodOf(run), run.seed), curveHeight(run)]));

const keyOf = (environment: string, method: string, seed: number): string =>
  `${environment} ${method} ${seed}`;

/** What the baseline's cell says of its task. */
function resolutionOf({ environment, curve }: Cell): TaskResolution {
  const [first, last] = [curve[0], curve[curve.length - 1]].map((at) =>
    normalised(environment, at.return.value),
  );
  return { environment, first, last, resolves: last - first > EQUIVALENCE };
}

const difference = ([x, y]: readonly Scores[]): number => aggregate(x) - aggregate(y);

/** The cells of all methods and environments, and what they say against the baseline. */
class Table {
  constructor(
    private readonly cells: readonly Cell[],
    private readonly heights: ReadonlyMap<string, number>,
    private readonly baseline: string,
    private readonly boot: Boot,
  ) {}

  cell(environment: string, method: string): Cell | undefined {
    return this.cells.find((cell) => cell.environment === environment && cell.method === method);
  }

  /** Nothing for the baseline, and where it did not run. */
  differenceOf(cell: Cell): TaskDifference[] {
    const { environment, method, seeds } = cell;
    const other = method === this.baseline ? undefined : this.cell(environment, this.baseline);
    if (!other) return [];
    const pair = [[this.curvesOf(cell)], [this.curvesOf(other)]];
    const curveDifference = bootstrap(pair, difference, this.boot);
    return [{ environment, method, curveDifference, seeds: Math.min(seeds, other.seeds) }];
  }

  /** @param shared environments in which every method ran */
  summaryOf(method: string, shared: readonly string[]): MethodSummary {
    const { boot, baseline } = this;
    const over = (name: string, of: (cell: Cell) => number[]): Scores =>
      shared.map((environment) => of(this.cell(environment, name) as Cell));
    const [finals, curves] = [scoresOf, this.curvesOf].map((of) => ({
      own: over(method, of),
      pair: [over(method, of), over(baseline, of)],
    }));
    const against = method !== baseline;
    return {
      method,
      score: bootstrap([finals.own], ([x]) => aggregate(x), boot),
      curveMean: bootstrap([curves.own], ([x]) => aggregate(x), boot),
      profile: bootstrapAll([finals.own], ([x]) => performanceProfile(x, thresholds), {
        ...boot,
        variance: profileVariance(finals.own),
      }),
      improvement: against
        ? bootstrap(finals.pair, ([x, y]) => probabilityOfImprovement(x, y), {
            ...boot,
            variance: improvementVariance(finals.pair[0], finals.pair[1]),
          })
        : null,
      scoreDifference: against ? bootstrap(finals.pair, difference, boot) : null,
      curveDifference: against ? bootstrap(curves.pair, difference, boot) : null,
    };
  }

  /** Normalised mean heights of the curves of a cell's runs. */
  private readonly curvesOf = ({ environment, method, runs }: Cell): number[] =>
    runs.map(({ seed }) =>
      normalised(environment, this.heights.get(keyOf(environment, method, seed)) as number),
    );
}

/** Normalised scores of a cell's runs. */
const scoresOf = ({ environment, runs }: Cell): number[] =>
  runs.map(({ score }) => normalised(environment, score));

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
