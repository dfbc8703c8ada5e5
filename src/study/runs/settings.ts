// Every setting of a training run, once: its names in files and as a flag, what it may be and is by default, and whether it
// says which run this is. The options of `train`, the keys of a study's file, config.json and the comparisons of runs are
// made of this table.

import { defaultCoefficient } from '../../divergences/penalised.ts';
import { baselineEstimator, chooseEstimator } from '../../divergences/registry.ts';
import { shortened, UsageError, unknownName } from '../../errors.ts';
import { type BackendChoice, backendNames } from '../../open/open.ts';
import { actorCriticDefaults, type CriticTarget, criticTargets } from '../../rl/actor-critic.ts';
import { describeRange, isWithin, type Range, ranges } from '../../rl/ranges.ts';
import { fixedTemperature } from '../../rl/temperature.ts';
import { trainDefaults } from '../../rl/train.ts';

/** What a setting may be. */
export interface Kind {
  /** Said after "it must be". */
  readonly wanted: string;
  /** The part of a value that is not as wanted, as `['[1]', -3]`; undefined where all is. */
  fault(value: unknown): readonly [at: string, seen: unknown] | undefined;
  /** The value that a text stands for; of a text that stands for none, something that has a fault. @throws UsageError */
  parse(text: string): unknown;
}

export interface Setting {
  /** The option of `train`, with what stands for its value. */
  readonly flag: string;
  readonly help: string;
  readonly kind: Kind;
  /** Absent where it must be given, where it is chosen by the others, and where it is left to the machine. */
  readonly default?: unknown;
  /** Whether a run goes on only with the same. Numbers do not depend on the others, which may change whenever it goes on. */
  readonly identity: boolean;
  /** Which runs of a report must have the same: all of one environment, or all of one method in it. */
  readonly alike?: 'environment' | 'method';
  /** What it is in a config.json that does not say it, as releases did not while there was but one value. */
  readonly unsaid?: (config: Readonly<Record<string, unknown>>) => unknown;
}

const name: Kind = {
  wanted: 'a name',
  fault: (value) => (typeof value === 'string' && value !== '' ? undefined : ['', value]),
  parse: (text) => text,
};

const number = (range: Range): Kind => ({
  wanted: describeRange(range),
  fault: (value) => (isWithin(value, range) ? undefined : ['', value]),
  parse: (text) => ((range.whole ? /^\d+$/ : /\S/).test(text) ? Number(text) : Number.NaN),
});

const orName = (word: string, kind: Kind): Kind => ({
  wanted: `${word}, or ${kind.wanted}`,
  fault: (value) => (value === word ? undefined : kind.fault(value)),
  parse: (text) => (text === word ? text : kind.parse(text)),
});

const oneOf = (what: string, known: readonly string[]): Kind => ({
  wanted: `one of ${known.join(', ')}`,
  fault: (value) => (known.includes(value as string) ? undefined : ['', value]),
  parse: (text) => {
    if (!known.includes(text)) throw unknownName(what, text, known);
    return text;
  },
});

/** Numbers, as `64,64` or `64-64` in a text. */
const listOf = (range: Range): Kind => ({
  wanted: `a list of at least 1, each ${describeRange(range)}`,
  fault: (value) => {
    if (!Array.isArray(value) || value.length === 0) return ['', value];
    const wrong = value.findIndex((item) => !isWithin(item, range));
    return wrong < 0 ? undefined : [`[${wrong}]`, value[wrong]];
  },
  parse: (text) => text.split(/[,-]/).map((part) => number(range).parse(part.trim())),
});

const backends: readonly BackendChoice[] = ['auto', ...backendNames];

/** By name in files. */
export const settingsTable = {
  environment: {
    ...{ flag: '--env <name>', help: 'environment, e.g. pendulum or cartpole', kind: name, identity: true },
  },
  estimator: {
    flag: '--estimator <name>',
    help: `divergence/estimator, with :variant where it has several, and +kl-penalty/k3@${defaultCoefficient} for a penalty (default: ${baselineEstimator}, or one that fits)`,
    ...{ kind: name, identity: true },
  },
  distribution: {
    flag: '--distribution <name>',
    help: 'action distribution (default: tanh-gaussian, or categorical for choices)',
    ...{ kind: name, identity: true },
  },
  samples: {
    flag: '--samples <n>',
    help: "actions sampled for each state (default: the estimator's own number)",
    ...{ kind: number(ranges.samples), identity: true, alike: 'method' },
    unsaid: ({ estimator }) => known(estimator)?.estimator.defaultSamples,
  },
  seed: {
    flag: '--seed <n>',
    help: 'seed of every random number',
    ...{ kind: number(ranges.seed), default: 0, identity: true },
  },
  steps: {
    flag: '--steps <n>',
    help: 'environment steps',
    ...{ kind: number(ranges.steps), default: 10_000, identity: true, alike: 'environment' },
  },
  batch: {
    flag: '--batch <n>',
    help: 'transitions in a batch',
    ...{ kind: number(ranges.batch), default: trainDefaults.batch, identity: true, alike: 'environment' },
  },
  hidden: {
    flag: '--hidden <widths>',
    help: 'hidden layers, as 64,64',
    ...{ kind: listOf(ranges.hidden), default: actorCriticDefaults.hidden },
    ...{ identity: true, alike: 'environment' },
  },
  learningRate: {
    flag: '--learning-rate <x>',
    help: "Adam's rate for every network",
    kind: number({ ...ranges.learningRate, above: true }),
    ...{ default: actorCriticDefaults.learningRate, identity: true, alike: 'environment' },
  },
  temperature: {
    flag: '--temperature <x>',
    help: `a number, or auto to tune it to the target entropy (default: auto where that works, else ${fixedTemperature})`,
    ...{ kind: orName('auto', number(ranges.temperature)), identity: true, alike: 'environment' },
  },
  criticTarget: {
    flag: '--critic-target <name>',
    help: 'the next value that critics learn from: expectation over all choices, or one sample (default: expectation for choices)',
    ...{ kind: oneOf('critic target', criticTargets), identity: true, alike: 'method' },
    unsaid: (): CriticTarget => 'sample',
  },
  warmup: {
    flag: '--warmup <n>',
    help: 'steps with random actions before the first update',
    ...{ kind: number(ranges.warmup), default: trainDefaults.warmup, identity: true, alike: 'environment' },
  },
  updatesPerStep: {
    flag: '--updates-per-step <n>',
    help: 'gradient steps after each environment step',
    ...{ kind: number(ranges.updatesPerStep), default: trainDefaults.updatesPerStep },
    ...{ identity: true, alike: 'environment' },
  },
  evaluateEvery: {
    flag: '--evaluate-every <n>',
    help: 'steps between evaluations',
    ...{ kind: number(ranges.evaluateEvery), default: trainDefaults.evaluateEvery },
    ...{ identity: true, alike: 'environment' },
  },
  evaluationEpisodes: {
    flag: '--episodes <n>',
    help: 'episodes of an evaluation',
    ...{ kind: number(ranges.evaluationEpisodes), default: trainDefaults.evaluationEpisodes },
    ...{ identity: true, alike: 'environment' },
  },
  capacity: {
    flag: '--capacity <n>',
    help: 'transitions in the replay buffer',
    ...{ kind: number(ranges.capacity), default: trainDefaults.capacity },
    ...{ identity: true, alike: 'environment' },
  },
  parallelEnvironments: {
    flag: '--parallel-environments <n>',
    help: 'environments stepped together with one policy call',
    ...{ kind: number(ranges.parallelEnvironments), default: 1, identity: true, alike: 'environment' },
    unsaid: () => 1,
  },
  backend: {
    flag: '--backend <name>',
    help: 'auto, or a backend by name',
    ...{ kind: oneOf('backend', backends), default: 'auto', identity: true },
  },
  workers: {
    flag: '--workers <n>',
    help: 'worker threads that share them, where physics takes longest; numbers do not depend on it',
    ...{ kind: number({ whole: true, from: 0, to: 256 }), default: 0, identity: false },
  },
  threads: {
    flag: '--threads <n>',
    help: 'threads of the wasm backend (default: as many as help)',
    ...{ kind: number({ whole: true, from: 1, to: 256 }), identity: false },
  },
  checkpointEvery: {
    flag: '--checkpoint-every <n>',
    help: 'steps between checkpoints in the folder of --out',
    ...{ kind: number(ranges.checkpointEvery), default: 5000, identity: false },
  },
} satisfies Record<string, Setting>;

export type SettingName = keyof typeof settingsTable;

/** Everything that says which run this is, by its names in `config.json`. */
export interface RunSettings {
  readonly environment: string;
  /** `divergence/estimator`, with `:variant` where it has several. */
  readonly estimator: string;
  readonly distribution: string;
  /** Actions sampled for each state. */
  readonly samples: number;
  readonly seed: number;
  readonly steps: number;
  readonly batch: number;
  readonly hidden: readonly number[];
  readonly learningRate: number;
  readonly temperature: number | 'auto';
  readonly criticTarget: CriticTarget;
  readonly warmup: number;
  readonly updatesPerStep: number;
  readonly evaluateEvery: number;
  readonly evaluationEpisodes: number;
  readonly capacity: number;
  /** Environments stepped together with one policy call. */
  readonly parallelEnvironments: number;
  readonly backend: BackendChoice;
}

export const settingEntries = Object.entries(settingsTable) as readonly [SettingName, Setting][];

/** Names of {@link RunSettings}. */
export const identityNames = settingEntries
  .filter(([, { identity }]) => identity)
  .map(([key]) => key as keyof RunSettings);

/** The settings that have a default of their own. */
export const runDefaults = Object.fromEntries(
  settingEntries.flatMap(([key, setting]) =>
    setting.identity && setting.default !== undefined && key !== 'seed' ? [[key, setting.default]] : [],
  ),
) as Omit<
  RunSettings,
  'environment' | 'estimator' | 'distribution' | 'samples' | 'seed' | 'temperature' | 'criticTarget'
>;

/** The option's name without its value: `--learning-rate`. */
export const flagOf = (key: SettingName): string => settingsTable[key].flag.split(' ')[0];

/** The options of `train` that make this run. */
export const trainArguments = (settings: RunSettings): string[] =>
  identityNames.flatMap((key) => [flagOf(key), String(settings[key])]);

/** What config.json holds beside the settings. */
const notSettings = ['kind', 'versions', 'adapter', 'command', 'checksum'];

/**
 * The settings of a run as its config.json holds them, those that an earlier release did not write included, and those
 * that this release does not know.
 */
export function settingsOf(config: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const settings = new Map(Object.entries(config).filter(([key]) => !notSettings.includes(key)));
  for (const [key, { unsaid }] of settingEntries)
    if (unsaid && !settings.has(key)) settings.set(key, unsaid(config));
  return settings;
}

/** In what the settings of a config.json and those wanted differ, either way, as `batch 64 instead of 128`. */
export function differences(
  config: Readonly<Record<string, unknown>>,
  wanted: RunSettings | Readonly<Record<string, unknown>>,
): string[] {
  const [held, asked] = [config, { ...wanted }].map(settingsOf);
  return [...new Set([...asked.keys(), ...held.keys()])].flatMap((key) => {
    const [a, b] = [held, asked].map((settings) => JSON.stringify(settings.get(key)) ?? 'none');
    return a === b ? [] : [`${shortened(key)} ${shortened(a)} instead of ${shortened(b)}`];
  });
}

function known(estimator: unknown): ReturnType<typeof chooseEstimator> | undefined {
  try {
    return chooseEstimator(String(estimator));
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
