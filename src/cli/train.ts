import type { Command } from 'commander';
import { baselineEstimator } from '../divergences/registry.ts';
import { environments } from '../envs/registry.ts';
import { UsageError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { maximum } from '../math/extremes.ts';
import { estimatorHelp } from '../report/matrix.ts';
import type { Evaluation } from '../rl/evaluation.ts';
import { readSettings } from '../study/config.ts';
import { requireFolder } from '../study/runs/destination.ts';
import { ending } from '../study/runs/ending.ts';
import { readFile } from '../study/runs/files.ts';
import { performRun } from '../study/runs/run.ts';
import { completeSettings, nothingLearned } from '../study/runs/run-settings.ts';
import { type SettingValues, settingEntries } from '../study/runs/settings.ts';
import { type CommonOptions, making, withCommonOptions, withJsonSwitch } from './common.ts';
import { isBare, optionOf, settingsFrom } from './setting-options.ts';
import { type Progress, print, printParts, printText, progressBar, warn } from './terminal.ts';

/** Beside the settings, which {@link settingsFrom} reads. */
interface TrainCommandOptions extends CommonOptions {
  readonly debugNumerics?: boolean;
  readonly config?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Registers `train`: learn a policy in an environment. */
export function trainCommand(program: Command): void {
  const command = program.command('train').description('train a policy in an environment with one estimator');
  // Every command has a seed.
  for (const [name] of settingEntries) if (name !== 'seed') command.addOption(optionOf(name));
  command
    .option('--config <file>', 'settings as YAML or JSON, by their names in files; options go before it')
    .option('--out <dir>', 'keep the run in this folder; an unfinished run of the same settings goes on')
    .option(
      '--debug-numerics',
      'repeat a run that meets NaN or infinity, to name the operation where it begins',
    );
  command.addHelpText('after', estimatorHelp());
  withJsonSwitch(withCommonOptions(command)).action((options: TrainCommandOptions) =>
    isBare(command) ? listEnvironments() : run(command, options),
  );
}

/** What `train` can be told, for somebody who has told it nothing. */
function listEnvironments(): void {
  printText('divergrad train --env NAME trains a policy in one of these:');
  const longest = maximum(environments.map(({ name }) => name.length));
  for (const { name, title } of environments) printText(`  ${name.padEnd(longest)}  ${title}`);
  printText('Try: divergrad train --env pendulum --out runs/pendulum');
  printText('divergrad train --help has all settings.');
}

/** The defaults are filled in, but for the environment, which has none. */
type Asked = Partial<SettingValues> & Pick<SettingValues, 'environment' | 'checkpointEvery'>;

async function run(command: Command, options: TrainCommandOptions): Promise<void> {
  const file = options.config === undefined ? {} : readSettings(await readFile(options.config, 'utf8'));
  const { workers, threads, checkpointEvery, ...asked } = settingsFrom(command, file) as Asked;
  if (asked.environment === undefined)
    throw new UsageError('No environment was named.', {
      hint: `Add --env NAME. Known: ${environments.map(({ name }) => name).join(', ')}.`,
    });
  const settings = await completeSettings(asked);
  await requireFolder(options.out);
  const nothing = nothingLearned(settings);
  if (nothing) warn(`divergrad: ${nothing}`);
  // A study that is killed takes its runs with it; each goes on from its last checkpoint the next time.
  ending.watchParent();
  const say = options.json ? () => undefined : printText;
  let progress: Progress | undefined;
  let last = performance.now();
  try {
    const { evaluations, step, seconds, backend, stopped } = await performRun(settings, {
      folder: options.out,
      making: making(),
      checkpointEvery,
      threads,
      workers,
      debugNumerics: options.debugNumerics,
      signal: ending.signal,
      onStart: (device, learner, from, warning) => {
        ending.saving();
        ending.tell({ step: from });
        const { estimator, family } = learner.options;
        if (warning) warn(`divergrad: ${warning} The one before it is used.`);
        say(
          `${settings.environment}, ${estimator.name}, ${family.name}, ${learner.samples} samples, seed ${settings.seed}`,
        );
        if (asked.estimator === undefined && settings.estimator !== baselineEstimator)
          say(`${settings.estimator}, since ${baselineEstimator} does not work with ${family.name}`);
        say(`${device.backend.description} (${device.reason})`);
        if (options.out === undefined) say('nothing is kept without --out DIR');
        if (from > 0) say(`goes on from step ${from}`);
        // What drivers print while they are opened is over.
        progress = progressBar('training');
      },
      onStep: (step) => {
        // Twice a second: drawing is not what is being measured.
        if (performance.now() - last < 500) return;
        last = performance.now();
        progress?.update(step / settings.steps, `${step} steps`);
        ending.tell({ step });
      },
      onEvaluation: (evaluation, at) => {
        progress?.update(evaluation.step / settings.steps, `${evaluation.step} steps`);
        if (!options.json) printParts(evaluationParts(evaluation, at));
      },
      onRecovery: (loss, step) => warn(`divergrad: ${loss.message} The run goes on from step ${step}.`),
    });
    if (!stopped) ending.whole();
    progress?.stop();
    const final = evaluations.at(-1);
    if (options.json)
      print(
        jsonText(
          {
            kind: 'divergrad-training',
            ...making(),
            backend,
            settings,
            stopped,
            step,
            evaluations,
            seconds,
          },
          'The result',
        ),
      );
    else {
      const { out } = options;
      if (final)
        say(
          `${stopped ? 'return so far' : 'final return'} ${final.meanReturn.toFixed(1)} (mean of ${final.returns.length} episodes) in ${seconds.toFixed(1)} s`,
        );
      if (stopped)
        say(`stopped at step ${step}${out === undefined ? ', nothing is kept' : ', run again to go on'}`);
      if (out !== undefined) say(`saved in ${out}; divergrad play ${out} plays the policy`);
    }
  } finally {
    progress?.stop();
  }
}

function evaluationParts({ step, meanReturn, returns, metrics }: Evaluation, seconds: number): string[] {
  const spread = Math.sqrt(
    returns.reduce((total, value) => total + (value - meanReturn) ** 2, 0) / returns.length,
  );
  const shown = ['temperature', 'entropy', 'criticLoss', 'effectiveSampleSize']
    .filter((name) => metrics[name] !== undefined)
    .map((name) => `${name} ${metrics[name].toPrecision(3)}`);
  return [
    `step ${String(step).padStart(7)}`,
    `return ${meanReturn.toFixed(1).padStart(8)} ± ${spread.toFixed(1)}`,
    ...shown,
    `${seconds.toFixed(1)} s`,
  ];
}
