import type { Command } from 'commander';
import { distributionFamily } from '../distributions/registry.ts';
import { BackendError, ProbeError, problemOf, UsageError } from '../errors.ts';
import { jsonText } from '../json.ts';
import {
  type CostOptions,
  type CostSettings,
  costChoices,
  costDefaults,
  costSettings,
  measureCost,
} from '../measure/cost.ts';
import { measureHalf } from '../measure/half-cost.ts';
import { checkKernels, isWrongKernel, kernelsOf } from '../measure/kernel-check.ts';
import { measureKernels } from '../measure/kernel-times.ts';
import { measureAllParts } from '../measure/parts.ts';
import {
  longestMsDefault,
  measureScaling,
  type ScalingAxis,
  type ScalingReport,
  scalingAxes,
  scalingDefaults,
} from '../measure/scaling.ts';
import { explainWholeUpdate, measureWholeUpdate } from '../measure/update-cost.ts';
import { type BackendChoice, backendNames, type OpenedDevice, open } from '../open/open.ts';
import { explanation } from '../program/passes/changes.ts';
import { estimatorHelp } from '../report/matrix.ts';
import { requireFile, requireFolder } from '../study/runs/destination.ts';
import { oneOf } from '../study/runs/kinds.ts';
import { compareFiles } from './bench-compare.ts';
import type { BackendReport, BenchDocument, Explained, PassesDocument } from './bench-document.ts';
import { milliseconds, scalingAxisList, writeScaling } from './bench-scaling.ts';
import { printReport } from './bench-tables.ts';
import {
  type CommonOptions,
  fixed,
  making,
  nameList,
  versions,
  wholeNumber,
  widths,
  withCommonOptions,
  writeResult,
} from './common.ts';
import { isSaid, parserOf } from './setting-options.ts';
import { type Progress, print, printText, progressBar } from './terminal.ts';

interface BenchOptions extends CommonOptions {
  readonly estimators?: string[] | 'all';
  readonly distribution: string;
  readonly backend: BackendChoice | 'all';
  readonly batch: number;
  readonly samples?: number;
  readonly hidden: number[];
  readonly obs: number;
  readonly actions?: number;
  readonly json?: string;
  readonly quick?: boolean;
  readonly parts?: boolean;
  readonly byKernel?: boolean;
  readonly explain?: boolean;
  readonly f16?: boolean;
  readonly scaling?: ScalingAxis[];
  readonly sizes?: number[];
  readonly longestMs?: number;
  readonly out?: string;
  readonly compare?: string[];
}

const count = (name: string, most: number) => [`--${name} <n>`, wholeNumber(1, most)] as const;

/** Registers `bench`: what each estimator costs. */
export function benchCommand(program: Command): void {
  const [batch, parseBatch] = count('batch', 65_536);
  const [samples, parseSamples] = count('samples', 65_536);
  const [obs, parseObs] = count('obs', 65_536);
  const [actions, parseActions] = count('actions', 65_536);
  const command = program
    .command('bench')
    .description('measure what each gradient estimator costs for one policy update')
    .option(
      '--estimators <names>',
      `estimators, as a,b,c, or all that fit the distribution (default: a dozen, one of each kind)`,
      (text) => (text === 'all' ? text : nameList(text)),
    )
    .option('--distribution <name>', 'action distribution', costDefaults.distribution)
    .option(
      '--backend <name>',
      'all, auto, wasm, cpu or webgpu; all means every one present',
      backendsToMeasure,
      'all' as BackendChoice | 'all',
    )
    .option(batch, 'states in a batch', parseBatch, costDefaults.batch)
    .option(samples, "actions sampled for each state (default: each estimator's own number)", parseSamples)
    .option('--hidden <widths>', 'hidden layers, as 64,64', widths, [...costDefaults.hidden])
    .option(obs, 'size of an observation', parseObs, costDefaults.observations)
    .option(actions, 'size of an action (default: 1; 2 choices where they are discrete)', parseActions)
    .option('--json <file>', 'also write the results as JSON; - for standard output, without the tables')
    .option('--parts', 'also time the parts of an update: networks, sampling, loss, backward, optimiser')
    .option(
      '--by-kernel',
      "also split the whole update by kernel: by the device's own clock where it has one",
    )
    .option('--explain', 'print the whole update after each pass that makes its program, and measure nothing')
    .option('--f16', 'also measure hidden layers stored as float16, and the error it makes: webgpu only')
    .option(
      '--scaling <axes>',
      `also measure along axes, as a,b or all: ${scalingAxes.join(', ')}`,
      scalingAxisList,
    )
    .option('--sizes <list>', 'sizes along the only axis, as 16,64,256', widths)
    .option(
      '--longest-ms <ms>',
      `an axis ends where an update takes longer (default: ${longestMsDefault})`,
      milliseconds,
    )
    .option('--out <folder>', 'with --scaling, write AXIS.json and a picture, AXIS.svg, for each axis')
    .option(
      '--compare <files...>',
      'measure nothing: say what changed between two results of --json, an older and a newer one',
    )
    .option('--quick', 'fewer and shorter measurements, for a first look');
  command.addHelpText('after', estimatorHelp());
  withCommonOptions(command).action((options: BenchOptions) => bench(options, command));
}

/** The first table is there in 90 s, on three backends: so long its rows take turns on each, ms. */
const USUAL_MS = 12_000;
/** Of the row that comes before it. */
const FIRST_MS = 2000;

/** Parses the name of a backend, `auto` or `all`. @throws UsageError naming all of these */
const backendsToMeasure = parserOf(oneOf('backend', ['all', 'auto', ...backendNames] as const));

/** Results so far. */
interface Results {
  readonly reports: BackendReport[];
  readonly absent: BenchDocument['absent'][number][];
  readonly explained: Explained[];
}

/** @throws UsageError for options that would do nothing beside --compare */
async function compare(files: readonly string[], options: BenchOptions, command: Command): Promise<void> {
  const others = command.options.filter(
    (option) => isSaid(command, option) && !['--compare', '--json', '--debug'].includes(option.long ?? ''),
  );
  if (others.length > 0)
    throw new UsageError(`--compare measures nothing; got ${others.map(({ long }) => long).join(', ')}.`, {
      hint: 'Leave these out, or --compare.',
    });
  await requireFile(options.json);
  await compareFiles(files, options.json);
}

async function bench(options: BenchOptions, command: Command): Promise<void> {
  if (options.compare) return compare(options.compare, options, command);
  const cost = costOf(options);
  // Wrong names and combinations are found before any device is opened.
  const settings = costSettings(cost);
  const family = distributionFamily(settings.distribution);
  const { baseline } = costChoices(family, settings.actions, options.estimators, settings.samples);
  requireCompany(options);
  await requireFile(options.json);
  await requireFolder(options.out);
  const date = new Date().toISOString();
  const results: Results = { reports: [], absent: [], explained: [] };
  const quiet = options.json === '-';
  const looks = !quiet && !options.quick && !options.explain && options.estimators === undefined;
  for (const name of options.backend === 'all' ? [...backendNames].reverse() : [options.backend]) {
    const device = await openPresent(name, options.backend === 'all', results.absent);
    if (!device) continue;
    try {
      if (looks && results.reports.length === 0) await firstLook(device, cost, baseline);
      if (options.explain)
        for (const each of explainOn(device, options, baseline, settings)) results.explained.push(each);
      else results.reports.push(await measureWithBar(device, { options, cost, baseline }));
    } finally {
      await device.dispose();
    }
    if (!quiet && !options.explain) printReport(results.reports[results.reports.length - 1]);
  }
  if (results.reports.some(isAnythingWrong) || results.absent.some(({ wrong }) => wrong))
    process.exitCode = 1;
  if (!quiet) {
    printExplained(results.explained, settings);
    printAbsent(results.absent);
  }
  await writeResults(results, { options, date, settings });
}

/** What is to be measured. */
const costOf = (options: BenchOptions): CostOptions => ({
  distribution: options.distribution,
  observations: options.obs,
  hidden: options.hidden,
  batch: options.batch,
  samples: options.samples ?? null,
  seed: options.seed,
  versions: versions(),
  ...(options.actions === undefined ? {} : { actions: options.actions }),
  ...(options.estimators ? { estimators: options.estimators } : { maximumMs: USUAL_MS }),
  ...(options.quick ? { rounds: 5, minimumMs: 10 } : {}),
});

/** @throws UsageError for options that would do nothing without others, or beside them */
function requireCompany(options: BenchOptions): void {
  if (options.sizes && options.scaling?.length !== 1) {
    throw new UsageError('--sizes goes with --scaling and one axis.', {
      hint: `Add --scaling ${scalingAxes[1]}, say.`,
    });
  }
  if (options.longestMs !== undefined && !options.scaling) {
    throw new UsageError('--longest-ms goes with --scaling.', { hint: 'Add --scaling all, say.' });
  }
  if (options.f16 && options.backend !== 'all' && options.backend !== 'webgpu') {
    throw new UsageError(`Hidden layers are stored as float16 on webgpu only, not on ${options.backend}.`, {
      hint: 'Add --backend webgpu.',
    });
  }
  if (options.explain && (options.parts || options.byKernel || options.scaling || options.quick)) {
    throw new UsageError('--explain measures nothing.', {
      hint: 'Leave out --parts, --by-kernel, --scaling and --quick, or --explain.',
    });
  }
  if (options.out !== undefined && !options.scaling) {
    throw new UsageError('--out goes with --scaling.', { hint: 'Use --json for the cost table.' });
  }
}

const printExplained = (explained: readonly Explained[], settings: CostSettings): void => {
  for (const { backend, estimator, networks, stages } of explained)
    print(
      `${backend}: a whole update with ${estimator}, ${settings.distribution}, batch ${settings.batch}, ${networks} networks\n\n${explanation(stages)}\n`,
    );
};

interface Asked {
  readonly options: BenchOptions;
  readonly date: string;
  readonly settings: CostSettings;
}

/** Writes what was asked for. */
async function writeResults(
  { reports, absent, explained }: Results,
  { options, date, settings }: Asked,
): Promise<void> {
  const common = { date, ...making() };
  const result: BenchDocument | PassesDocument = options.explain
    ? { kind: 'divergrad-passes', ...common, settings, explained, absent }
    : { kind: 'divergrad-cost', ...common, reports, absent };
  if (options.json !== undefined) await writeJson(options.json, result);
  if (options.out !== undefined) await writeScaling(options.out, date, reports);
}

/** A row at once, since the table is long in coming. */
async function firstLook(device: OpenedDevice, cost: CostOptions, baseline: string): Promise<void> {
  const { rows } = await measureCost(device, { ...cost, estimators: [baseline], maximumMs: FIRST_MS });
  for (const { estimator, msPerUpdate, msInterval } of rows)
    printText(
      `${device.backend.name}: a first look: ${estimator} takes ${fixed(msPerUpdate)} ms/update [${fixed(msInterval.low)}, ${fixed(msInterval.high)}]; checks and tables follow`,
    );
}

/** The whole update with each estimator that was named, or the baseline. */
function explainOn(
  device: OpenedDevice,
  { estimators, f16 }: BenchOptions,
  baseline: string,
  settings: CostSettings,
): Explained[] {
  const backend = device.backend.name;
  const half = f16 && backend === 'webgpu';
  const networks = half ? 'fused' : device.backend.preferences.mlp;
  return (Array.isArray(estimators) ? estimators : [baseline]).map((estimator) => ({
    ...{ backend, estimator, networks },
    stages: explainWholeUpdate(device, estimator, settings, half ? { mlp: networks, halfHidden: true } : {}),
  }));
}

const printAbsent = (absent: BenchDocument['absent']): void => {
  for (const { backend, reason, wrong } of absent)
    printText(
      wrong
        ? `${backend}: WRONG, not measured: ${reason}`
        : `${backend}: not present: ${reason}; divergrad doctor says what to do`,
    );
};

/** What is measured on each backend. */
interface Bench {
  readonly options: BenchOptions;
  readonly cost: CostOptions;
  readonly baseline: string;
  readonly bar: Progress;
}

/** {@link measureBackend}, with a bar that ends with it. */
async function measureWithBar(device: OpenedDevice, bench: Omit<Bench, 'bar'>): Promise<BackendReport> {
  const bar = progressBar(device.backend.name);
  try {
    return await measureBackend(device, { ...bench, bar });
  } finally {
    bar.stop();
  }
}

/** The kernels of an update are checked, then its first results; only what is right is timed. */
async function measureBackend(device: OpenedDevice, bench: Bench): Promise<BackendReport> {
  const { options, cost, baseline, bar } = bench;
  const settings = costSettings(cost);
  const family = distributionFamily(settings.distribution);
  const { choices } = costChoices(family, settings.actions, options.estimators);
  const kernels = await kernelsOf(device, settings, choices, baseline);
  const kernelChecks = await checkKernels(
    device,
    kernels,
    (done) => bar.update(0.2 * done, 'checks'),
    options.quick ? 1 : undefined,
  );
  const rows = await measureCost(device, cost, (done) => bar.update(0.2 + 0.6 * done, 'estimators'));
  const wrong = [...(rows.wrong ?? [])];
  const wholeUpdate = await measureWholeUpdate(device, baseline, settings, {
    onProgress: (done) => bar.update(0.8 + 0.2 * done, 'whole update'),
    onWrong: (row) => void wrong.push(row),
  });
  // What is wrong is not taken apart either.
  const right = rows.rows.map(({ estimator }) => estimator);
  const preferred = wholeUpdate.some((row) => row.preferred);
  const more = await extras(device, { ...bench, cost: { ...cost, estimators: right } }, preferred);
  return { ...rows, wrong, kernelChecks, wholeUpdate, ...more };
}

const isAnythingWrong = ({ wrong = [], kernelChecks = [], scaling = [] }: BackendReport): boolean =>
  wrong.length > 0 ||
  kernelChecks.some(isWrongKernel) ||
  scaling.some(({ ends }) => ends.some((end) => end.wrong));

/** What is measured only when asked for. */
async function extras(
  device: OpenedDevice,
  { options, cost, baseline, bar }: Bench,
  wholeIsRight: boolean,
): Promise<Pick<BackendReport, 'parts' | 'kernels' | 'f16' | 'scaling'>> {
  const parts =
    options.parts && cost.estimators?.length
      ? await measureAllParts(device, cost, (done) => bar.update(done, 'parts'))
      : undefined;
  const scaling: ScalingReport[] = [];
  for (const axis of (cost.estimators?.length && options.scaling) || []) {
    // A size is one of many: fewer rounds than the table has.
    const effort = options.quick ? {} : { rounds: 9, minimumMs: 20 };
    scaling.push(
      await measureScaling(device, axis, options.sizes ?? scalingDefaults[axis], {
        ...cost,
        ...effort,
        longestMs: options.longestMs ?? longestMsDefault,
        wholeUpdate: true,
        onProgress: (done) => bar.update(done, `scaling with ${axis}`),
      }),
    );
  }
  const kernels =
    options.byKernel && wholeIsRight
      ? await measureKernels(device, baseline, costSettings(cost), (done) => bar.update(done, 'kernels'))
      : undefined;
  // The other backends of a run over all have none.
  const half = options.f16 && wholeIsRight && device.backend.name === 'webgpu';
  const f16 = half
    ? await measureHalf(device, baseline, costSettings(cost), (done) => bar.update(done, 'float16'))
    : undefined;
  return {
    ...(parts ? { parts } : {}),
    ...(kernels ? { kernels } : {}),
    ...(f16 ? { f16 } : {}),
    ...(options.scaling ? { scaling } : {}),
  };
}

/** Opens a backend; one that is only looked for may be missing. */
async function openPresent(
  backend: BackendChoice,
  optional: boolean,
  absent: BenchDocument['absent'][number][],
): Promise<OpenedDevice | undefined> {
  try {
    return await open({ backend });
  } catch (error) {
    const wrong = error instanceof ProbeError;
    if (!optional || !(wrong || error instanceof BackendError)) throw error;
    absent.push({ backend, reason: wrong ? error.message : problemOf(error), ...(wrong ? { wrong } : {}) });
    return undefined;
  }
}

async function writeJson(file: string, result: BenchDocument | PassesDocument): Promise<void> {
  const text = jsonText(result, 'The result', { indent: 2 });
  if (file === '-') return print(text);
  await writeResult(file, `${text}\n`);
}
