import type { Device } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../distributions/registry.ts';
import { type EstimatorChoice, missingNeeds, requireCompatible } from '../divergences/estimator.ts';
import { chooseEstimator, estimatorChoices, estimators } from '../divergences/registry.ts';
import { UsageError } from '../errors.ts';
import { requireHeld } from '../json.ts';
import { median, medianInterval } from '../math/statistics.ts';
import { streamVersion } from '../math/streams.ts';
import type { OnProgress } from '../measure/timing.ts';
import { referenceDevice } from '../open/backends.ts';
import { version } from '../version.ts';
import { type ExactGradient, norm } from './exact.ts';
import {
  compileGradient,
  type GradientProgram,
  mostSamples,
  ownLimitOf,
  prepare,
  type Replications,
  release,
  replicate,
  type Situation,
} from './measure.ts';
import { measurePenalties, type PenaltyRow } from './penalties.ts';
import { type QualityTarget, qualityTarget, qualityTargets, spaceOf, targetsFor } from './problem.ts';
import { type Reference, referenceFor } from './reference.ts';
import { type Figure, gradientStatistics, meanFigure, workNormalised } from './statistics.ts';

export interface QualitySettings {
  readonly estimators: readonly string[];
  readonly distributions: readonly string[];
  readonly targets: readonly string[];
  /** α of the Boltzmann target, in the unit of Q. */
  readonly temperatures: readonly number[];
  /** K, actions for each state. */
  readonly samples: readonly number[];
  /** Replications of each gradient; fewer, down to a 32nd, where one takes much work. */
  readonly replications: number;
  readonly seed: number;
}

export interface QualityOptions extends Partial<QualitySettings> {
  /** Facts for the report besides the library's own version: runtime, engine. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** One estimator on one problem with one number of samples; plain JSON. */
export interface QualityRow {
  readonly estimator: string;
  readonly distribution: string;
  readonly target: string;
  readonly temperature: number;
  readonly samples: number;
  readonly replications: number;
  /** How the exact gradient was had; null where it does not exist or is not resolved. */
  readonly exact: ExactGradient['method'] | null;
  /** Norm of the exact gradient, and of its own error. */
  readonly exactNorm: number | null;
  readonly exactError: number | null;
  /** Norm of the mean's distance from the exact gradient. */
  readonly bias: Figure | null;
  /** The same over the exact gradient's norm. */
  readonly relativeBias: Figure | null;
  /** Trace of one gradient's covariance. */
  readonly variance: Figure;
  readonly cosine: Figure | null;
  /** Mean over states, of at most `samples`. */
  readonly effectiveSampleSize: Figure | null;
  /** Milliseconds for the gradient of one state, in a batch of `batch`: median, with an interval for it. */
  readonly ms: Figure;
  readonly batch: number;
  /** variance · ms */
  readonly workNormalisedVariance: Figure;
}

/** What is known of an estimator before anything is measured. */
export interface QualityEstimator {
  readonly name: string;
  readonly quality: EstimatorChoice['quality'];
  /** The quantity whose gradient its mean follows, by name and by formula. */
  readonly follows: string;
  readonly formula?: string;
  /** The order in which the distance from it falls, where there is one. */
  readonly bias?: string;
}

export interface QualityReport {
  readonly kind: 'divergrad-quality';
  readonly backend: string;
  readonly adapter: string;
  readonly precision: string;
  readonly information: Readonly<Record<string, string | number | boolean>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: QualitySettings;
  readonly intervals: string;
  readonly estimators: readonly QualityEstimator[];
  readonly rows: readonly QualityRow[];
  readonly penalties: readonly PenaltyRow[];
}

/** What the intervals are, for readers of the JSON. */
const intervals =
  '95%. bias: ball around the mean gradient, conservative, low 0 where unresolved; variance: normal in the logarithm; ' +
  'cosine, effective sample size: normal; ms: order statistics of the median; work-normalised variance: both ' +
  'relative half-widths added as squares.';

export const qualityDefaults: QualitySettings = {
  estimators: [],
  distributions: [],
  targets: [],
  temperatures: [0.2, 1],
  samples: [1, 4, 16, 64, 256, 1024],
  replications: 1024,
  seed: 0,
};

/** Times a program is timed at least, or its median would be a guess. */
const leastTimes = 7;

/** A quick look: one temperature, three sizes. */
export const quickQuality: Partial<QualitySettings> = {
  temperatures: [0.5],
  samples: [1, 16, 256],
  replications: 256,
};

/** Estimators × distributions × targets, without what does not go together. */
interface Group {
  readonly family: DistributionFamily;
  readonly actions: number;
  readonly targets: readonly QualityTarget[];
  readonly choices: readonly EstimatorChoice[];
}

/** Settings with the defaults filled in. @throws UsageError for a number out of range */
export function qualitySettings(options: QualityOptions = {}): QualitySettings {
  const { versions: _versions, ...given } = options;
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings: QualitySettings = { ...qualityDefaults, ...defined };
  for (const temperature of settings.temperatures) {
    if (!(temperature > 0 && Number.isFinite(temperature)))
      throw new UsageError(`A temperature must be above 0; got ${temperature}.`);
  }
  for (const name of ['samples', 'replications'] as const) {
    for (const value of [settings[name]].flat()) {
      if (!(Number.isInteger(value) && value >= 1))
        throw new UsageError(`${name} must be whole numbers from 1; got ${value}.`);
    }
  }
  if (settings.replications < 2) throw new UsageError('A variance takes at least 2 replications.');
  return settings;
}

/**
 * What is measured together: one family, one size of an action. Where both estimators and distributions are named,
 * every pair must work; where one is left out, all that works with the other is measured.
 *
 * @throws UsageError for an unknown name, or a combination that cannot work
 */
export function qualityGroups({ estimators: names, distributions, targets }: QualitySettings): Group[] {
  const families = distributions.length > 0 ? distributions.map(distributionFamily) : distributionFamilies;
  const asked = names.length > 0 ? names.map(chooseEstimator) : estimatorChoices();
  const known = targets.length > 0 ? targets.map(qualityTarget) : qualityTargets;
  const groups = families.flatMap((family): Group[] => {
    if (distributions.length === 0 && !known.some(({ spaces }) => spaces.includes(spaceOf(family))))
      return [];
    const fitting = targetsFor(family, known);
    return [...new Set(fitting.map(({ actions }) => actions))].map((actions) => {
      const strict = names.length > 0 && distributions.length > 0;
      if (strict) for (const choice of asked) requireCompatible(choice, family, estimators, actions);
      const choices = asked.filter(({ needs }) => missingNeeds(needs, family, actions).length === 0);
      return { family, actions, targets: fitting.filter((target) => target.actions === actions), choices };
    });
  });
  return groups.filter(({ choices }) => choices.length > 0);
}

/**
 * Measures bias, variance, cosine, effective sample size and cost of every gradient estimator that was asked for.
 *
 * @param device where the estimators run
 * @throws UsageError for unknown names and combinations that cannot work
 */
export async function measureQuality(
  device: Device,
  options: QualityOptions = {},
  onProgress: OnProgress = () => undefined,
): Promise<QualityReport> {
  const settings = qualitySettings(options);
  const groups = qualityGroups(settings);
  // References are computed in float64 on the CPU, wherever the estimators run.
  const exact = await referenceDevice();
  const rows: QualityRow[] = [];
  const total = groups.reduce((sum, group) => sum + group.choices.length, 0) * settings.samples.length;
  let done = 0;
  let penalties: PenaltyRow[];
  try {
    for (const group of groups) {
      const references = await Promise.all(
        group.targets.map((target) => referenceFor(exact, group.family, target)),
      );
      const limits: Limits = new Map();
      for (const samples of settings.samples) {
        for (const row of await measureGroup(device, group, { references, limits }, { settings, samples })) {
          requireHeld(row, `The quality of ${row.estimator} with ${row.distribution} on ${row.target}`, true);
          rows.push(row);
        }
        done += group.choices.length;
        onProgress((0.98 * done) / total);
      }
    }
    penalties = await measurePenalties(device, exact, settings);
    onProgress(1);
  } finally {
    await exact.dispose();
  }
  const measured = new Set(rows.map(({ estimator }) => estimator));
  const { name, description, information } = device.backend;
  return {
    kind: 'divergrad-quality',
    backend: name,
    adapter: description,
    precision: String(information.precision ?? 'f32'),
    information,
    versions: { divergrad: version, 'random streams': String(streamVersion), ...options.versions },
    settings,
    intervals,
    estimators: estimatorChoices().flatMap((choice) =>
      measured.has(choice.name)
        ? [
            {
              name: choice.name,
              quality: choice.quality,
              follows: choice.follows.name,
              formula: choice.follows.formula,
              ...(choice.bias ? { bias: choice.bias } : {}),
            },
          ]
        : [],
    ),
    rows,
    penalties,
  };
}

/** Own limits of estimators by target and temperature, which serve for every number of samples. */
type Limits = Map<string, ExactGradient>;

interface Cell {
  readonly program: number;
  readonly situation: Situation;
  readonly result: Replications;
  readonly exact: ExactGradient | undefined;
}

/** All estimators of a group with one number of samples, on all its targets at all temperatures. */
async function measureGroup(
  device: Device,
  { family, actions, targets, choices }: Group,
  { references, limits }: { readonly references: readonly Reference[]; readonly limits: Limits },
  { samples, settings }: { readonly samples: number; readonly settings: QualitySettings },
): Promise<QualityRow[]> {
  const { replications, seed } = settings;
  const programs: GradientProgram[] = [];
  const first = samples === settings.samples[0];
  try {
    for (const choice of choices) {
      const count = first ? Math.max(samples, choice.minimumSamples) : samples;
      // What is exact depends on no samples, so that once is enough.
      const skipped = choice.quality === 'exact' && !first;
      if (skipped || count > mostSamples(choice) || count < choice.minimumSamples) continue;
      programs.push(
        await compileGradient(device, choice, { family, actions, samples: count, replications, seed }),
      );
    }
    const cells: Cell[] = [];
    for (const [t, target] of targets.entries()) {
      for (const temperature of settings.temperatures) {
        const situation = { family, target, temperature, value: references[t].value(temperature) };
        for (const program of programs) prepare(device, program, situation);
        if (cells.length === 0) await warm(device, programs, situation);
        await new Promise((resume) => setTimeout(resume, 0));
        const results = await replicate(device, programs);
        for (const [program, result] of results.entries()) {
          const { choice } = programs[program];
          let exact = references[t].gradient(choice, temperature);
          if (!choice.follows.coefficient) {
            const key = `${choice.name} ${target.name} ${temperature}`;
            exact = limits.get(key) ?? (await ownLimitOf(device, choice, situation, seed));
            limits.set(key, exact);
          }
          cells.push({ program, situation, result, exact });
        }
      }
    }
    const measured = programs.map((_, i) =>
      cells.filter(({ program }) => program === i).flatMap(({ result }) => result.ms),
    );
    const again = programs.map((program, i) => ({ ...program, runs: leastTimes - measured[i].length }));
    const more = await replicate(device, again);
    const times = programs.map(({ batch }, i) => {
      const ms = [...measured[i], ...more[i].ms];
      const { low, high } = medianInterval(ms);
      return { value: median(ms) / batch, low: low / batch, high: high / batch };
    });
    return cells.map((cell) => rowOf(programs[cell.program], cell, times[cell.program]));
  } finally {
    for (const program of programs) release(device, program);
  }
}

/** First runs compile and warm; their noise is drawn again. */
async function warm(
  device: Device,
  programs: readonly GradientProgram[],
  situation: Situation,
): Promise<void> {
  await replicate(
    device,
    programs.map((program) => ({ ...program, runs: 1 })),
  );
  for (const program of programs) prepare(device, program, situation);
}

function rowOf(
  { choice, samples, batch, update }: GradientProgram,
  { situation, result, exact }: Cell,
  ms: Figure,
): QualityRow {
  const { family, target, temperature } = situation;
  const { gradients, effectiveSampleSizes } = result;
  const parameters = update.program.outputs.get('gradient')?.shape[1] ?? 1;
  const { replications, bias, variance, cosine } = gradientStatistics(gradients, parameters, exact);
  const size = exact ? norm(exact.gradient) : 0;
  const nonzero = exact !== undefined && size > 4 * exact.error && size > 1e-9;
  const scaled = ({ value, low, high }: Figure) => ({
    value: value / size,
    low: low / size,
    high: high / size,
  });
  return {
    estimator: choice.name,
    distribution: family.name,
    target: target.name,
    temperature,
    samples,
    replications,
    exact: exact?.method ?? null,
    exactNorm: exact ? size : null,
    exactError: exact ? exact.error : null,
    bias,
    relativeBias: bias && nonzero ? scaled(bias) : null,
    variance,
    cosine,
    effectiveSampleSize: effectiveSampleSizes.length > 0 ? meanFigure(effectiveSampleSizes) : null,
    ms,
    batch,
    workNormalisedVariance: workNormalised(variance, ms),
  };
}
