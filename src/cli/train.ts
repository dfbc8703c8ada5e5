import { type Command, InvalidArgumentError } from 'commander';
import type { BackendChoice } from '../backend/select.ts';
import { defaultCoefficient } from '../divergences/penalised.ts';
import { baselineEstimator } from '../divergences/registry.ts';
import { unknownName } from '../errors.ts';
import { type CriticTarget, criticTargets } from '../rl/actor-critic.ts';
import { fixedTemperature } from '../rl/temperature.ts';
import type { Evaluation } from '../rl/train.ts';
import { ending } from '../study/ending.ts';
import { estimatorHelp } from '../study/matrix.ts';
import { performRun } from '../study/run.ts';
import {
  chosenSettings,
  defaultDistribution,
  defaultEstimator,
  type RunSettings,
  runDefaults,
} from '../study/run-settings.ts';
import {
  backendChoice,
  type CommonOptions,
  making,
  print,
  progressBar,
  warn,
  wholeNumber,
  widths,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';

interface TrainCommandOptions extends CommonOptions {
  readonly env: string;
  readonly estimator?: string;
  readonly distribution?: string;
  readonly steps: number;
  readonly samples?: number;
  readonly hidden: number[];
  readonly batch: number;
  readonly learningRate: number;
  readonly temperature?: number | 'auto';
  readonly criticTarget?: CriticTarget;
  readonly warmup: number;
  readonly evaluateEvery: number;
  readonly episodes: number;
  readonly backend: BackendChoice;
  readonly capacity: number;
  readonly updatesPerStep: number;
  readonly parallelEnvironments: number;
  readonly workers: number;
  readonly threads?: number;
  readonly checkpointEvery: number;
  readonly debugNumerics?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

const most = Number.MAX_SAFE_INTEGER;

/** Registers `train`: learn a policy in an environment. */
export function trainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('train a policy in an environment with one estimator')
    .requiredOption('--env <name>', 'environment, e.g. pendulum or cartpole')
    .option(
      '--estimator <name>',
      `divergence/estimator, with :variant where it has several, and +kl-penalty/k3@${defaultCoefficient} for a penalty (default: ${baselineEstimator}, or one that fits)`,
    )
    .option(
      '--distribution <name>',
      'action distribution (default: tanh-gaussian, or categorical for choices)',
    )
    .option('--steps <n>', 'environment steps', wholeNumber(1, most), 10_000)
    .option(
      '--samples <n>',
      "actions sampled for each state (default: the estimator's own number)",
      wholeNumber(1, 65_536),
    )
    .option('--hidden <widths>', 'hidden layers, as 64,64', widths, [...runDefaults.hidden])
    .option('--batch <n>', 'transitions in a batch', wholeNumber(1, 65_536), runDefaults.batch)
    .option('--learning-rate <x>', "Adam's rate for every network", positive, runDefaults.learningRate)
    .option(
      '--temperature <x>',
      `a number, or auto to tune it to the target entropy (default: auto where that works, else ${fixedTemperature})`,
      temperature,
    )
    .option(
      '--critic-target <name>',
      'the next value that critics learn from: expectation over all choices, or one sample (default: expectation for choices)',
      criticTarget,
    )
    .option(
      '--warmup <n>',
      'steps with random actions before the first update',
      wholeNumber(1, most),
      runDefaults.warmup,
    )
    .option(
      '--evaluate-every <n>',
      'steps between evaluations',
      wholeNumber(1, most),
      runDefaults.evaluateEvery,
    )
    .option(
      '--episodes <n>',
      'episodes of an evaluation',
      wholeNumber(1, 10_000),
      runDefaults.evaluationEpisodes,
    )
    .option('--backend <name>', 'auto, or a backend by name', backendChoice, 'auto' as BackendChoice)
    .option(
      '--capacity <n>',
      'transitions in the replay buffer',
      wholeNumber(1, 100_000_000),
      runDefaults.capacity,
    )
    .option(
      '--updates-per-step <n>',
      'gradient steps after each environment step',
      wholeNumber(0, 10_000),
      runDefaults.updatesPerStep,
    )
    .option(
      '--parallel-environments <n>',
      'environments stepped together with one policy call',
      wholeNumber(1, 4096),
      1,
    )
    .option(
      '--workers <n>',
      'worker threads that share them, where physics takes longest; numbers do not depend on it',
      wholeNumber(0, 256),
      0,
    )
    .option('--threads <n>', 'threads of the wasm backend (default: as many as help)', wholeNumber(1, 256))
    .option('--out <dir>', 'keep the run in this folder; an unfinished run of the same settings goes on')
    .option('--checkpoint-every <n>', 'steps between checkpoints in that folder', wholeNumber(1, most), 5000)
    .option(
      '--debug-numerics',
      'repeat a run that meets NaN or infinity, to name the operation where it begins',
    );
  command.addHelpText('after', estimatorHelp());
  withJsonSwitch(withCommonOptions(command)).action((options: TrainCommandOptions) => run(options));
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function criticTarget(text: string): CriticTarget {
  const found = criticTargets.find((name) => name === text);
  if (!found) throw unknownName('critic target', text, criticTargets);
  return found;
}

const temperature = (text: string): number | 'auto' => (text === 'auto' ? text : positive(text));

async function run(options: TrainCommandOptions): Promise<void> {
  const distribution = options.distribution ?? (await defaultDistribution(options.env));
  const cell = {
    environment: options.env,
    estimator: options.estimator ?? defaultEstimator(distribution),
    distribution,
  };
  const settings: RunSettings = {
    ...cell,
    ...(await chosenSettings(cell, options)),
    ...(options.samples === undefined ? {} : { samples: options.samples }),
    seed: options.seed,
    steps: options.steps,
    batch: options.batch,
    hidden: options.hidden,
    learningRate: options.learningRate,
    warmup: options.warmup,
    updatesPerStep: options.updatesPerStep,
    evaluateEvery: options.evaluateEvery,
    evaluationEpisodes: options.episodes,
    capacity: options.capacity,
    ...(options.parallelEnvironments === 1 ? {} : { parallelEnvironments: options.parallelEnvironments }),
    backend: options.backend,
  };
  // A study that is killed takes its runs with it; each goes on from its last checkpoint the next time.
  ending.watchParent();
  const say = options.json ? () => undefined : print;
  const progress = progressBar('training');
  let last = performance.now();
  try {
    const { evaluations, seconds, backend, stopped } = await performRun(settings, {
      folder: options.out,
      making: making(),
      checkpointEvery: options.checkpointEvery,
      threads: options.threads,
      workers: options.workers,
      debugNumerics: options.debugNumerics,
      signal: ending.signal,
      onStart: (device, learner, from, warning) => {
        ending.saving();
        ending.tell({ step: from });
        const { estimator, family } = learner.options;
        if (warning) warn(`divergrad: ${warning} The one before it is used.`);
        say(
          `${options.env}, ${estimator.name}, ${family.name}, ${learner.samples} samples, seed ${options.seed}`,
        );
        if (options.estimator === undefined && settings.estimator !== baselineEstimator)
          say(`${settings.estimator}, since ${baselineEstimator} does not work with ${family.name}`);
        say(`${device.backend.description} (${device.reason})`);
        if (from > 0) say(`goes on from step ${from}`);
      },
      onStep: (step) => {
        // Twice a second: drawing is not what is being measured.
        if (performance.now() - last < 500) return;
        last = performance.now();
        progress.update(step / options.steps, `${step} steps`);
        ending.tell({ step });
      },
      onEvaluation: (evaluation, at) => say(evaluationLine(evaluation, at)),
      onRecovery: (loss, step) => warn(`divergrad: ${loss.message} The run goes on from step ${step}.`),
    });
    if (!stopped) ending.whole();
    const final = evaluations.at(-1);
    if (options.json)
      print(
        JSON.stringify({
          kind: 'divergrad-training',
          ...making(),
          backend,
          settings,
          stopped,
          evaluations,
          seconds,
        }),
      );
    else if (final)
      say(
        `${stopped ? 'stopped, return so far' : 'final return'} ${final.meanReturn.toFixed(1)} (mean of ${final.returns.length} episodes) in ${seconds.toFixed(1)} s${options.out ? `; saved in ${options.out}` : ''}`,
      );
  } finally {
    progress.stop();
  }
}

function evaluationLine({ step, meanReturn, returns, metrics }: Evaluation, seconds: number): string {
  const spread = Math.sqrt(
    returns.reduce((total, value) => total + (value - meanReturn) ** 2, 0) / returns.length,
  );
  const shown = ['temperature', 'entropy', 'criticLoss', 'effectiveSampleSize']
    .filter((name) => metrics[name] !== undefined)
    .map((name) => `${name} ${metrics[name].toPrecision(3)}`);
  return `step ${String(step).padStart(7)}  return ${meanReturn.toFixed(1).padStart(8)} ± ${spread.toFixed(1)}  ${shown.join('  ')}  ${seconds.toFixed(1)} s`;
}
