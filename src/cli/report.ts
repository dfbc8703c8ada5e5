import { basename, extname, join } from 'node:path';
import type { Command } from 'commander';
import { DataError, quoted } from '../errors.ts';
import { jsonText, parseJson } from '../json.ts';
import { checkedCost } from '../measure/checked-cost.ts';
import type { CostReport } from '../measure/cost.ts';
import type { ScalingSummary } from '../measure/scaling-summary.ts';
import { reportFigures } from '../report/figures.ts';
import { type Finding, findingsOf, withInterval } from '../report/findings.ts';
import { compatibilityMatrix } from '../report/matrix.ts';
import { type Picture, reportPage } from '../report/page.ts';
import { reportOf, type StudyReport } from '../report/report.ts';
import { scalingChart } from '../report/scaling-charts.ts';
import { csvOf } from '../report/text.ts';
import { readStudyResults } from '../study/results.ts';
import { requireFolder } from '../study/runs/destination.ts';
import { mkdir, readdir, readFile, stat } from '../study/runs/files.ts';
import { isStray } from '../study/runs/run-folder.ts';
import {
  type CommonOptions,
  compactTable,
  making,
  wholeNumber,
  withCommonOptions,
  withJsonSwitch,
  writeResult,
} from './common.ts';
import { print, printTable } from './terminal.ts';

/** Bootstrap resamples where nothing is said. */
export const RESAMPLES = 2000;

interface ReportCommandOptions extends CommonOptions {
  readonly out?: string;
  readonly include?: string[];
  readonly baseline?: string;
  readonly resamples: number;
  readonly json?: boolean;
}

/** Registers `report`: what studies say, as one page with its pictures and tables. */
export function reportCommand(program: Command): void {
  const command = program
    .command('report')
    .description('summarise studies in one HTML page, with SVG and CSV of each figure')
    .argument('<folders...>', 'folders of studies, or of single runs')
    .option(
      '--out <dir>',
      'folder for report.html, report.json and figures (default: report in the first folder)',
    )
    .option('--include <paths...>', 'what bench and quality wrote (JSON, SVG), or folders of it')
    .option('--baseline <method>', 'estimator to compare with (default: reverse-kl/pathwise)')
    .option('--resamples <n>', 'bootstrap resamples', wholeNumber(100, 1_000_000), RESAMPLES);
  withJsonSwitch(withCommonOptions(command)).action((folders: string[], options: ReportCommandOptions) =>
    report(folders, options),
  );
}

/** What a report is made with. */
export type ReportMaking = Pick<ReportCommandOptions, 'seed' | 'out' | 'include' | 'baseline' | 'resamples'>;

async function report(folders: readonly string[], options: ReportCommandOptions): Promise<void> {
  const { document, file } = await writeReport(folders, options);
  if (options.json) print(jsonText({ ...document, file }, 'The report', { unbounded: true }));
  else printReport(document.report, document.findings, file);
}

/**
 * Writes the report of study folders.
 *
 * @returns what report.json holds, and where the page is
 * @throws DataError naming the file, and the key, that is not as it should be
 */
export async function writeReport(folders: readonly string[], options: ReportMaking) {
  const out = options.out ?? join(folders[0], 'report');
  await requireFolder(out);
  const studies = [];
  for (const folder of folders) studies.push(await readStudyResults(folder));
  const given = await readIncluded(options.include ?? []);
  const summary = reportOf(studies, {
    resamples: options.resamples,
    seed: options.seed,
    ...(options.baseline === undefined ? {} : { baseline: options.baseline }),
  });
  const matrix = compatibilityMatrix();
  const findings = findingsOf(summary, matrix, given.costs);
  const figures = reportFigures(summary);
  await mkdir(out);
  for (const { name, svg, csv } of figures) {
    await writeResult(join(out, `${name}.svg`), svg);
    await writeResult(join(out, `${name}.csv`), csv);
  }
  await writeResult(join(out, 'scores.csv'), scoresCsv(summary));
  const made = { date: new Date().toISOString(), ...making() };
  const document = { kind: 'divergrad-report', ...made, findings, report: summary };
  await writeResult(join(out, 'report.json'), `${jsonText(document, 'The report', { unbounded: true })}\n`);
  const { scaling, quality, costs } = given;
  const page = reportPage({ ...made, report: summary, findings, matrix, costs, figures, scaling, quality });
  const file = join(out, 'report.html');
  await writeResult(file, page);
  return { document, file };
}

const scoresCsv = ({ cells }: StudyReport): string =>
  csvOf(
    cells.flatMap(({ environment, method, runs }) =>
      runs.map(({ seed, score, seconds }) => ({ environment, method, seed, score, seconds })),
    ),
  );

function printReport(summary: StudyReport, findings: readonly Finding[], file: string): void {
  const decimals = (value: number) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1));
  const table = compactTable(['environment', 'method', 'seeds', 'score', 'mean of the curve']);
  for (const { environment, method, seeds, score, curveMean } of summary.cells)
    table.push([
      environment,
      method,
      seeds,
      withInterval(score, decimals),
      withInterval(curveMean, decimals),
    ]);
  printTable(table);
  print('');
  findings.forEach(({ claim, verdict }, i) => {
    print(`${i + 1}. ${claim} ${verdict}`);
  });
  if (summary.unfinished > 0) print(`${summary.unfinished} runs are not finished and left out.`);
  print(`written to ${file}`);
}

interface Included {
  readonly costs: CostReport[];
  readonly scaling: Picture[];
  readonly quality: Picture[];
}

/** Sorts files by what they say they are. @throws DataError for one that is none of ours */
async function readIncluded(paths: readonly string[]): Promise<Included> {
  const included: Included = { costs: [], scaling: [], quality: [] };
  for (const path of paths) {
    const facts = await stat(path);
    const files = facts.isDirectory()
      ? (await readdir(path))
          .filter((name) => !isStray(name))
          .sort()
          .map((name) => join(path, name))
      : [path];
    // A picture of scaling is drawn anew from its numbers.
    const drawn = new Set<string>();
    for (const file of files.filter((each) => extname(each) === '.json')) {
      const kind = await includeJson(file, included, facts.isDirectory());
      if (kind === 'divergrad-scaling') drawn.add(file.replace(/\.json$/, '.svg'));
    }
    for (const file of files.filter((each) => extname(each) === '.svg' && !drawn.has(each)))
      included.quality.push({ title: basename(file, '.svg'), svg: await readFile(file, 'utf8') });
  }
  return included;
}

async function includeJson(file: string, included: Included, lenient: boolean): Promise<string> {
  let value: { readonly kind?: unknown; readonly [name: string]: unknown };
  try {
    value = parseJson(await readFile(file, 'utf8')) as typeof value;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`'${file}' is not JSON: ${(error as Error).message}.`);
  }
  const kind = typeof value?.kind === 'string' ? value.kind : '';
  try {
    if (kind === 'divergrad-cost') {
      if (!Array.isArray(value.reports)) throw new DataError('reports is no list.');
      for (const report of value.reports as CostReport[]) included.costs.push(checkedCost(report));
    } else if (kind === 'divergrad-scaling') {
      const summary = value as unknown as ScalingSummary;
      included.scaling.push({ title: `scaling along ${summary.axis}`, svg: scalingChart(summary) });
    } else if (kind !== 'divergrad-quality' && !lenient)
      throw new DataError(`no result of bench or quality; its kind is ${quoted(value?.kind)}.`);
  } catch (error) {
    if (error instanceof DataError) throw new DataError(`'${file}': ${error.message}`);
    throw new DataError(`'${file}' is a damaged ${kind}: ${(error as Error).message}.`);
  }
  return kind;
}
