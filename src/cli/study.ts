import { availableParallelism } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DataError, UsageError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { planStudy, readStudy, studyPlugins, studySettings } from '../study/config.ts';
import { requireFolder } from '../study/runs/destination.ts';
import { ending } from '../study/runs/ending.ts';
import { readFile } from '../study/runs/files.ts';
import { loadPlugins } from '../study/runs/plugins.ts';
import { nothingLearned } from '../study/runs/run-settings.ts';
import { runDefaults, trainArguments } from '../study/runs/settings.ts';
import { performStudy, type RunOutcome } from '../study/study.ts';
import { type CommonOptions, making, wholeNumber, withCommonOptions, withJsonSwitch } from './common.ts';
import { RESAMPLES, writeReport } from './report.ts';
import { optionOf } from './setting-options.ts';
import { print, progressBar, warn } from './terminal.ts';

interface StudyCommandOptions extends CommonOptions {
  readonly out?: string;
  readonly jobs: number;
  readonly checkpointEvery: number;
  readonly dryRun?: boolean;
  readonly report?: string;
  readonly include?: string[];
  readonly json?: boolean;
}

/** More often than a run by itself: a study that is killed loses what each of its runs has done since. */
const CHECKPOINT_EVERY = 2000;

/** Registers `study`: estimators × distributions × environments × seeds. */
export function studyCommand(program: Command): void {
  const command = program
    .command('study')
    .description('train estimators × distributions × environments × seeds from one file')
    .argument('<config>', 'the study, as YAML or JSON')
    .option('--out <dir>', 'folder of the study (default: runs/<name of the file>)')
    .option('--jobs <n>', 'runs at a time', wholeNumber(1, 1024), availableParallelism())
    .addOption(optionOf('checkpointEvery').default(CHECKPOINT_EVERY))
    .option('--report <dir>', 'write the report of the finished study there, as `report --out` does')
    .option('--include <paths...>', 'for the report: what bench and quality wrote, or folders of it')
    .option('--dry-run', 'list the runs as commands and end');
  command.addHelpText(
    'after',
    `
The file names estimators and environments, and may name distributions, seeds (a number or a list), settings and plugins:

  estimators: [reverse-kl/pathwise, 'reverse-kl/score:loo']
  environments: [pendulum, { name: linear-quadratic, steps: 5000 }]
  seeds: 5
  plugins: [mine.mjs]
  settings: { ${(['steps', 'batch', 'evaluateEvery'] as const).map((name) => `${name}: ${runDefaults[name]}`).join(', ')} }

Settings: ${studySettings.join(', ')}.
What is done is skipped; what was stopped goes on. --seed is added to every seed.`,
  );
  withJsonSwitch(withCommonOptions(command)).action((config: string, options: StudyCommandOptions) =>
    run(config, options),
  );
}

async function run(file: string, options: StudyCommandOptions): Promise<void> {
  if (options.include && options.report === undefined)
    throw new UsageError('--include goes with --report.', { hint: 'Add --report <dir>.' });
  const { config, runs, refused } = await planOf(file, options);
  const folder = options.out ?? join('runs', basename(file, extname(file)));
  for (const { environment, estimator, distribution, reason } of refused)
    warn(`left out: ${estimator} with ${distribution} in ${environment}: ${reason}`);
  const [nothing] = runs.flatMap((settings) => nothingLearned(settings) ?? []);
  if (nothing !== undefined) warn(`divergrad: ${nothing}`);
  if (options.dryRun) {
    if (options.json) print(jsonText({ kind: 'divergrad-study-plan', folder, runs, refused }, 'The plan'));
    else for (const settings of runs) print(`divergrad train ${trainArguments(settings).join(' ')}`);
    return;
  }
  await requireFolder(folder);
  await requireFolder(options.report);
  const saved = ending.saving();
  const progress = progressBar('study');
  const begun = performance.now();
  let first: number | undefined;
  let finished = 0;
  try {
    const outcomes = await performStudy({
      folder,
      config,
      runs,
      refused,
      jobs: options.jobs,
      checkpointEvery: options.checkpointEvery,
      command: [process.execPath, process.argv[1]],
      making: making(),
      signal: ending.signal,
      onProgress: (done, total) => {
        // What an earlier call has done says nothing of the speed of this one.
        first ??= done;
        const rate = (done - first) / (performance.now() - begun);
        const left = rate > 0 ? ` ${duration((total - done) / rate)} left` : '';
        progress.update(done / total, `${finished}/${runs.length} runs${left}`);
      },
      onRun: (name, outcome) => {
        finished++;
        if (process.stderr.isTTY !== true) warn(outcomeLine(name, outcome));
      },
    });
    progress.stop();
    // Runs that never began have no outcome.
    const done = [...outcomes.values()].filter(({ state }) => state === 'done' || state === 'skipped');
    const whole = done.length === runs.length;
    if (whole) ending.whole();
    summarise({ folder, outcomes, refused, total: runs.length }, options);
    saved();
    if (options.report !== undefined && whole) {
      const { file } = await writeReport([folder], {
        seed: options.seed,
        resamples: RESAMPLES,
        out: options.report,
        ...(options.include ? { include: options.include } : {}),
      });
      if (!options.json) print(`The report is ${file}.`);
    }
  } finally {
    progress.stop();
    saved();
  }
}

/** The study in a file. @throws UsageError that names the file, where something in it is wrong */
async function planOf(file: string, options: StudyCommandOptions) {
  const text = await readFile(file, 'utf8');
  try {
    await loadPlugins(studyPlugins(text).map((plugin) => resolve(dirname(file), plugin)));
    const config = readStudy(text);
    return { config, ...(await planStudy(config, options.seed)) };
  } catch (cause) {
    if (!(cause instanceof DataError || cause instanceof UsageError)) throw cause;
    throw new UsageError(`${file}: ${cause.message}`, { cause });
  }
}

interface Performed {
  readonly folder: string;
  readonly outcomes: ReadonlyMap<string, RunOutcome>;
  readonly refused: readonly unknown[];
  /** Runs in all. */
  readonly total: number;
}

function summarise({ folder, outcomes, refused, total }: Performed, options: StudyCommandOptions): void {
  const count = (...states: RunOutcome['state'][]) =>
    [...outcomes.values()].filter(({ state }) => states.includes(state)).length;
  const [done, failed] = [count('done', 'skipped'), count('failed')];
  if (failed > 0) process.exitCode = 1;
  if (options.json) {
    const runs = Object.fromEntries(outcomes);
    print(
      jsonText(
        { kind: 'divergrad-study', ...making(), seed: options.seed, folder, runs, refused },
        'The result',
      ),
    );
    return;
  }
  for (const [name, outcome] of outcomes) if (outcome.state === 'failed') print(outcomeLine(name, outcome));
  const open = total - done - failed;
  print(
    `${done} of ${total} runs done${failed ? `, ${failed} failed` : ''}${open ? `, ${open} left` : ''}; in ${folder}.${failed || open ? ' The same command goes on with them.' : ''}`,
  );
}

const outcomeLine = (name: string, { state, error, finalReturn, seconds }: RunOutcome): string =>
  `${state.padEnd(7)} ${name}${finalReturn === undefined ? '' : `  final return ${finalReturn.toFixed(1)}`}${seconds === undefined ? '' : `  ${seconds.toFixed(1)} s`}${error ? `: ${error}` : ''}`;

function duration(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 1) return `${Math.ceil(ms / 1000)} s`;
  return minutes < 100 ? `${Math.ceil(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}
