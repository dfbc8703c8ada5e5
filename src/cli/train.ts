import { appendFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type BackendChoice, type OpenedDevice, open } from '../backend/select.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { baselineEstimator, chooseEstimator } from '../divergences/registry.ts';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { DataError, UsageError } from '../errors.ts';
import { actionMap } from '../rl/actions.ts';
import { ActorCritic, actorCriticDefaults } from '../rl/actor-critic.ts';
import { savePolicy } from '../rl/policy-file.ts';
import { type Evaluation, train, trainDefaults } from '../rl/train.ts';
import { estimatorHelp } from '../study/matrix.ts';
import {
  backendChoice,
  type CommonOptions,
  print,
  progressBar,
  versions,
  wholeNumber,
  widths,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';

interface TrainCommandOptions extends CommonOptions {
  readonly env: string;
  readonly estimator: string;
  readonly distribution?: string;
  readonly steps: number;
  readonly samples?: number;
  readonly hidden: number[];
  readonly batch: number;
  readonly learningRate: number;
  readonly temperature: number | 'auto';
  readonly warmup: number;
  readonly evaluateEvery: number;
  readonly episodes: number;
  readonly backend: BackendChoice;
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
      'divergence/estimator, with :variant where it has several',
      baselineEstimator,
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
    .option('--hidden <widths>', 'hidden layers, as 64,64', widths, [...actorCriticDefaults.hidden])
    .option('--batch <n>', 'transitions in a batch', wholeNumber(1, 65_536), trainDefaults.batch)
    .option(
      '--learning-rate <x>',
      "Adam's rate for every network",
      positive,
      actorCriticDefaults.learningRate,
    )
    .option(
      '--temperature <x>',
      'a number, or auto to tune it to the target entropy',
      temperature,
      'auto' as number | 'auto',
    )
    .option(
      '--warmup <n>',
      'steps with random actions before the first update',
      wholeNumber(1, most),
      trainDefaults.warmup,
    )
    .option(
      '--evaluate-every <n>',
      'steps between evaluations',
      wholeNumber(1, most),
      trainDefaults.evaluateEvery,
    )
    .option(
      '--episodes <n>',
      'episodes of an evaluation',
      wholeNumber(1, 10_000),
      trainDefaults.evaluationEpisodes,
    )
    .option('--backend <name>', 'auto, or a backend by name', backendChoice, 'auto' as BackendChoice)
    .option('--out <dir>', 'save config, metrics (JSON lines) and policy in this new or empty folder');
  command.addHelpText('after', estimatorHelp());
  withJsonSwitch(withCommonOptions(command)).action((options: TrainCommandOptions) => run(options));
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

const temperature = (text: string): number | 'auto' => (text === 'auto' ? text : positive(text));

async function run(options: TrainCommandOptions): Promise<void> {
  await prepareEnvironment(options.env);
  const environment = makeEnvironment(options.env);
  const { kind } = actionMap(environment.actionSpace);
  const family = distributionFamily(
    options.distribution ?? (kind.kind === 'box' ? 'tanh-gaussian' : 'categorical'),
  );
  const learner = new ActorCritic({
    observations: environment.observationSpace.low.length,
    actions: kind,
    estimator: chooseEstimator(options.estimator),
    family,
    hidden: options.hidden,
    learningRate: options.learningRate,
    temperature: options.temperature,
    seed: options.seed,
    ...(options.samples ? { samples: options.samples } : {}),
  });
  const device = await open({ backend: options.backend });
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    const record =
      options.out === undefined ? undefined : await RunFolder.create(options.out, options, learner, device);
    await learn(options, learner, device, record, stop.signal);
  } finally {
    process.removeListener('SIGINT', interrupt);
    await device.dispose();
  }
  if (stop.signal.aborted) process.exitCode = 130;
}

async function learn(
  options: TrainCommandOptions,
  learner: ActorCritic,
  device: OpenedDevice,
  record: RunFolder | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { estimator, family } = learner.options;
  if (!options.json) {
    print(
      `${options.env}, ${estimator.name}, ${family.name}, ${learner.samples} samples, seed ${options.seed}`,
    );
    print(`${device.backend.description} (${device.reason})`);
  }
  const progress = progressBar('training');
  const start = performance.now();
  let last = start;
  const seconds = () => (performance.now() - start) / 1000;
  let evaluations: Evaluation[];
  try {
    evaluations = await train(device, {
      makeEnvironment: () => makeEnvironment(options.env),
      learner,
      steps: options.steps,
      batch: options.batch,
      warmup: options.warmup,
      evaluateEvery: options.evaluateEvery,
      evaluationEpisodes: options.episodes,
      seed: options.seed,
      signal,
      onStep: (step) => {
        // Twice a second: drawing is not what is being measured.
        if (performance.now() - last < 500) return;
        last = performance.now();
        progress.update(step / options.steps, `${step} steps`);
      },
      onEvaluation: async (evaluation) => {
        await record?.append(evaluation, seconds());
        if (!options.json) print(evaluationLine(evaluation, seconds()));
      },
    });
  } finally {
    progress.stop();
  }
  await record?.finish(device, learner);
  const final = evaluations.at(-1);
  if (options.json)
    print(
      JSON.stringify({
        kind: 'divergrad-training',
        versions: versions(),
        backend: device.backend.description,
        seed: options.seed,
        evaluations,
        seconds: seconds(),
      }),
    );
  else if (final)
    print(
      `final return ${final.meanReturn.toFixed(1)} (mean of ${final.returns.length} episodes) in ${seconds().toFixed(1)} s${record ? `; saved in ${record.path}` : ''}`,
    );
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

/** The folder of one run: what was asked, what was measured, what was learned. */
class RunFolder {
  private constructor(
    readonly path: string,
    private readonly options: TrainCommandOptions,
  ) {}

  /** @throws UsageError when the folder holds anything: a run never overwrites another */
  static async create(
    path: string,
    options: TrainCommandOptions,
    learner: ActorCritic,
    device: OpenedDevice,
  ): Promise<RunFolder> {
    const held = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw new DataError(`Cannot use '${path}' for the run: ${error.message}.`);
    });
    if (held.length > 0)
      throw new UsageError(`The folder '${path}' is not empty.`, {
        hint: 'Name a new one; a run never overwrites another.',
      });
    await mkdir(path, { recursive: true }).catch((error: Error) => {
      throw new DataError(`Cannot create '${path}': ${error.message}.`);
    });
    const { debug: _debug, json: _json, out: _out, ...settings } = options;
    const config = {
      kind: 'divergrad-run',
      versions: versions(),
      backend: device.backend.name,
      adapter: device.backend.description,
      command: process.argv.slice(2),
      settings: {
        ...settings,
        distribution: learner.options.family.name,
        samples: learner.samples,
        targetEntropy: learner.targetEntropy,
      },
    };
    await writeFile(join(path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    return new RunFolder(path, options);
  }

  async append(evaluation: Evaluation, seconds: number): Promise<void> {
    await appendFile(
      join(this.path, 'metrics.jsonl'),
      `${JSON.stringify({ ...evaluation, seconds: Number(seconds.toFixed(3)) })}\n`,
    );
  }

  async finish(device: OpenedDevice, learner: ActorCritic): Promise<void> {
    const file = join(this.path, 'policy.json');
    const text = JSON.stringify(await savePolicy(device, learner, this.options.env));
    // Renamed into place, so that a policy file is whole or absent.
    await writeFile(`${file}.part`, `${text}\n`);
    await rename(`${file}.part`, file);
  }
}
