import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Precision } from '../backend/cpu/backend.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { unknownName } from '../errors.ts';
import { type BackendChoice, open } from '../open/open.ts';
import {
  measureQuality,
  type QualityOptions,
  type QualityReport,
  qualityDefaults,
  qualityGroups,
  qualitySettings,
  quickQuality,
} from '../quality/quality.ts';
import type { Figure } from '../quality/statistics.ts';
import { compactJson, summarise } from '../quality/summary.ts';
import { requireFolder } from '../study/runs/destination.ts';
import { mkdir } from '../study/runs/files.ts';
import { writeWhole } from '../study/runs/whole-file.ts';
import {
  backendChoice,
  type CommonOptions,
  compactTable,
  making,
  nameList,
  print,
  progressBar,
  versions,
  wholeNumber,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';

interface QualityCommandOptions extends CommonOptions {
  readonly estimators?: string[];
  readonly distributions?: string[];
  readonly targets?: string[];
  readonly temperatures?: number[];
  readonly samples?: number[];
  readonly replications?: number;
  readonly backend: BackendChoice;
  readonly precision?: Precision;
  readonly out?: string;
  readonly json?: boolean;
  readonly quick?: boolean;
}

/** Registers `quality`: how good the gradients of each estimator are. */
export function qualityCommand(program: Command): void {
  const { temperatures, samples, replications } = qualityDefaults;
  const command = program
    .command('quality')
    .description("measure bias and variance of each estimator's gradient against exact gradients")
    .option('--estimators <names>', 'estimators, as a,b,c (default: all)', nameList)
    .option('--distributions <names>', 'action distributions (default: all)', nameList)
    .option('--targets <names>', 'shapes of the target (default: all that fit)', nameList)
    .option('--temperatures <numbers>', `of the target (default: ${temperatures})`, numbers)
    .option('--samples <numbers>', `actions for each state (default: ${samples})`, counts)
    .option(
      '--replications <n>',
      `gradients of each kind, fewer where they are costly (default: ${replications})`,
      wholeNumber(2, 1e7),
    )
    .option('--backend <name>', 'cpu, webgpu or auto', backendChoice, 'cpu' as BackendChoice)
    .option('--precision <name>', 'f32 or f64, of the cpu backend (default: f32)', precision)
    .option('--out <folder>', 'write quality.json, summary.json and a picture (SVG) for each question')
    .option('--quick', 'fewer sizes, temperatures and replications, for a first look');
  withJsonSwitch(withCommonOptions(command)).action((options: QualityCommandOptions) => quality(options));
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() === '' || !Number.isFinite(value))
      throw new InvalidArgumentError('It must be numbers separated by commas.');
    return value;
  });
}

const counts = (text: string): number[] => text.split(',').map((part) => wholeNumber(1, 65_536)(part.trim()));

function precision(text: string): Precision {
  if (text !== 'f32' && text !== 'f64') throw unknownName('precision', text, ['f32', 'f64']);
  return text;
}

async function quality(options: QualityCommandOptions): Promise<void> {
  const { backend, precision: storage, out, json, quick, debug: _debug, ...asked } = options;
  const given: QualityOptions = { ...(quick ? quickQuality : {}), ...asked, versions: versions() };
  // Wrong names and combinations are found before any device is opened.
  qualityGroups(qualitySettings(given));
  await requireFolder(out);
  const date = new Date().toISOString();
  const device = await open({ backend, ...(storage ? { precision: storage } : {}) });
  let report: QualityReport;
  const bar = progressBar('quality');
  try {
    report = await measureQuality(device, given, (done) => bar.update(done, 'gradients'));
  } finally {
    bar.stop();
    await device.dispose();
  }
  const { command } = making();
  const document = { ...report, date, command };
  if (out !== undefined) await writeReport(out, document);
  if (json) print(compactJson(document));
  else printReport(report);
}

type QualityDocument = QualityReport & { readonly date: string; readonly command: readonly string[] };

async function writeReport(folder: string, document: QualityDocument): Promise<void> {
  // Only here, since the plotting library is large.
  const { qualityCharts } = await import('../report/quality-charts.ts');
  const { rows: _rows, ...about } = document;
  const files = new Map([
    ['quality.json', `${compactJson(document)}\n`],
    ['summary.json', `${compactJson({ ...about, rows: summarise(document) }, 4)}\n`],
    ...qualityCharts(document),
  ]);
  await mkdir(folder);
  for (const [name, text] of files) await writeWhole(join(folder, name), text);
}

/** Samples at which the table compares estimators, or the nearest that was measured. */
const tableSamples = 16;

function printReport(report: QualityReport): void {
  const { backend, adapter, precision: storage, settings } = report;
  const sizes = [...settings.samples].sort((a, b) => Math.abs(a - tableSamples) - Math.abs(b - tableSamples));
  print(adapter.startsWith(`${backend}:`) ? adapter : `${backend}: ${adapter}`);
  print(
    `  ${storage}, temperatures ${settings.temperatures.join(', ')}, ${settings.replications} replications at most, seed ${settings.seed}`,
  );
  print(
    `  ${sizes[0]} samples (more where an estimator needs them); medians over targets and temperatures [least, largest];`,
  );
  print(
    '  variance and bias relative to the gradient that is followed; resolved: problems whose bias is told from 0',
  );
  printEstimators(report, sizes[0]);
  printObjectives(report);
  printPenalties(report);
}

/** A table for each distribution. */
function printEstimators(report: QualityReport, size: number): void {
  const summary = summarise(report).filter(
    ({ samples, estimator }) =>
      samples === Math.max(size, chooseEstimator(estimator).minimumSamples) ||
      report.estimators.some(({ name, quality: kind }) => name === estimator && kind === 'exact'),
  );
  for (const distribution of new Set(summary.map((row) => row.distribution))) {
    const table = compactTable([
      distribution,
      'K',
      'bias',
      'resolved',
      'variance',
      'cosine',
      'effective',
      'ms',
      'variance·ms',
    ]);
    for (const row of summary.filter((candidate) => candidate.distribution === distribution)) {
      table.push([
        row.estimator,
        row.samples,
        range(row.relativeBias),
        `${row.biasResolved}/${row.problems}`,
        range(row.relativeVariance),
        row.cosine ? row.cosine.value.toFixed(3) : '-',
        row.effectiveFraction ? row.effectiveFraction.value.toFixed(2) : '-',
        short(row.ms.value),
        row.workNormalisedVariance ? short(row.workNormalisedVariance.value) : '-',
      ]);
    }
    print(`${table.toString()}\n`);
  }
}

function printObjectives(report: QualityReport): void {
  const own = report.estimators.filter(({ quality: kind }) => kind === 'own-objective');
  if (own.length === 0) return;
  print('Objectives of their own, which are none of the divergences');
  for (const { name, follows, formula } of own) print(`  ${name}: ${follows}, ${formula}`);
  print('');
}

function printPenalties({ penalties }: QualityReport): void {
  print('Which gradient a KL penalty follows as a loss [95% intervals]');
  const table = compactTable([
    'penalty',
    'distribution',
    'norm ratio',
    'cos KL(π‖ref)',
    'cos KL(ref‖π)',
    'it follows',
  ]);
  for (const row of penalties) {
    table.push([
      row.estimator,
      row.distribution,
      range(row.normRatio),
      range(row.cosineReverse),
      range(row.cosineForward),
      row.finding,
    ]);
  }
  print(table.toString());
}

/** Two digits, whatever the size. */
function short(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e4 || size < 1e-4)) return value.toExponential(1);
  return String(Number(value.toPrecision(size > 0.95 && size < 1 ? 3 : 2)));
}

const range = (figure: Figure | null): string =>
  figure ? `${short(figure.value)} [${short(figure.low)}, ${short(figure.high)}]` : '-';
