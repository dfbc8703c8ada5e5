// Every setting of a training run, once: its names in files and as a flag, what it may be and is by default, and whether it
// says which run this is. The options of `train`, the keys of a study's file, config.json, the comparisons of runs, the
// page's form, docs/settings.md and the types are made of this table.
import { defaultCoefficient } from '../../divergences/penalised.ts';
import { baselineEstimator, chooseEstimator } from '../../divergences/registry.ts';
import { shortened, UsageError } from '../../errors.ts';
import { type BackendChoice, backendNames } from '../../open/open.ts';
import { actorCriticDefaults, criticTargets } from '../../rl/actor-critic.ts';
import { ranges } from '../../rl/ranges.ts';
import { fixedTemperature } from '../../rl/temperature.ts';
import { type TrainNumbers, trainDefaults } from '../../rl/train-options.ts';
import { type Kind, name, number, numbers, oneOf, orName } from './kinds.ts';
import { pluginArguments } from './loaded-plugins.ts';

export interface Setting<T = unknown> {
  /** The option of `train`, with what stands for its value. */
  readonly flag: string;
  readonly help: string;
  readonly kind: Kind<T>;
  /** Absent where it must be given, where it is chosen by the others, and where it is left to the machine. */
  readonly default?: T;
  /** False where numbers do not depend on it, and it may change whenever a run goes on. */
  readonly identity?: false;
  /** Which runs of a report must have the same: all of one environment, or all of one method in it. */
  readonly alike?: 'environment' | 'method';
  /** What it is in a config.json that does not say it, as releases did not while there was but one value. */
  readonly unsaid?: (config: Readonly<Record<string, unknown>>) => T | undefined;
}

/** A number of `train`. */
const trained = (key: keyof TrainNumbers) => ({ kind: number(ranges[key]), default: trainDefaults[key] });

const backends: readonly BackendChoice[] = ['auto', ...backendNames];

/** By name in files. */
export const settingsTable = {
  environment: { flag: '--env <name>', help: 'environment, e.g. pendulum or cartpole', kind: name },
  estimator: {
    flag: '--estimator <name>',
    help: `divergence/estimator, with :variant where it has several, and +kl-penalty/k3@${defaultCoefficient} for a penalty (default: ${baselineEstimator}, or one that fits)`,
    kind: name,
  },
  distribution: {
    flag: '--distribution <name>',
    help: 'action distribution (default: tanh-gaussian, or categorical for choices)',
    kind: name,
  },
  samples: {
    flag: '--samples <n>',
    help: "actions sampled for each state (default: the estimator's own number)",
    kind: number(ranges.samples),
    alike: 'method',
    unsaid: ({ estimator }) => known(estimator)?.estimator.defaultSamples,
  },
  seed: { flag: '--seed <n>', help: 'seed of every random number', ...trained('seed') },
  steps: {
    flag: '--steps <n>',
    help: 'environment steps',
    kind: number(ranges.steps),
    default: 10_000,
    alike: 'environment',
  },
  batch: {
    flag: '--batch <n>',
    help: 'transitions in a batch',
    ...trained('batch'),
    alike: 'environment',
  },
  hidden: {
    flag: '--hidden <widths>',
    help: 'hidden layers, as 64,64',
    kind: numbers(ranges.hidden),
    default: actorCriticDefaults.hidden,
    alike: 'environment',
  },
  learningRate: {
    flag: '--learning-rate <x>',
    help: "Adam's rate for every network",
    kind: number({ ...ranges.learningRate, above: true }),
    default: actorCriticDefaults.learningRate,
    alike: 'environment',
  },
  temperature: {
    flag: '--temperature <x>',
    help: `a number, or auto to tune it to the target entropy (default: auto where that works, else ${fixedTemperature})`,
    kind: orName('auto', number(ranges.temperature)),
    alike: 'environment',
  },
  criticTarget: {
    flag: '--critic-target <name>',
    help: 'the next value that critics learn from: expectation over all choices, or one sample (default: expectation for choices)',
    kind: oneOf('critic target', criticTargets),
    alike: 'method',
    unsaid: () => 'sample',
  },
  warmup: {
    flag: '--warmup <n>',
    help: 'steps with random actions before the first update',
    ...trained('warmup'),
    alike: 'environment',
  },
  updatesPerStep: {
    flag: '--updates-per-step <n>',
    help: 'gradient steps after each environment step',
    ...trained('updatesPerStep'),
    alike: 'environment',
  },
  evaluateEvery: {
    flag: '--evaluate-every <n>',
    help: 'steps between evaluations',
    ...trained('evaluateEvery'),
    alike: 'environment',
  },
  evaluationEpisodes: {
    flag: '--episodes <n>',
    help: 'episodes of an evaluation',
    ...trained('evaluationEpisodes'),
    alike: 'environment',
  },
  capacity: {
    flag: '--capacity <n>',
    help: 'transitions in the replay buffer',
    ...trained('capacity'),
    alike: 'environment',
  },
  parallelEnvironments: {
    flag: '--parallel-environments <n>',
    help: 'environments stepped together with one policy call',
    kind: number(ranges.parallelEnvironments),
    default: 1,
    alike: 'environment',
    unsaid: () => 1,
  },
  backend: {
    flag: '--backend <name>',
    help: 'auto, or a backend by name',
    kind: oneOf('backend', backends),
    default: 'auto',
  },
  workers: {
    flag: '--workers <n>',
    help: 'worker threads that share the environments, where physics takes longest; numbers do not depend on it',
    kind: number({ whole: true, from: 0, to: 256 }),
    default: 0,
    identity: false,
  },
  threads: {
    flag: '--threads <n>',
    help: 'threads of the wasm backend (default: as many as help)',
    kind: number({ whole: true, from: 1, to: 256 }),
    identity: false,
  },
  checkpointEvery: {
    flag: '--checkpoint-every <n>',
    help: 'steps between checkpoints',
    kind: number(ranges.checkpointEvery),
    default: 5000,
    identity: false,
  },
} satisfies Record<string, Setting>;

type Table = typeof settingsTable;
export type SettingName = keyof Table;
/** What each setting may be, by name. */
export type SettingValues = {
  readonly [K in SettingName]: Table[K] extends { readonly kind: Kind<infer T> } ? T : never;
};
type IdentityName = {
  [K in SettingName]: Table[K] extends { readonly identity: false } ? never : K;
}[SettingName];

/** Everything that says which run this is, by its names in `config.json`. */
export type RunSettings = Pick<SettingValues, IdentityName> & {
  /** Names and contents' hashes of the plugins that it was made with; absent where there were none. */
  readonly plugins?: readonly string[];
};

export const settingEntries = Object.entries(settingsTable) as readonly [SettingName, Setting][];

/** Names of {@link RunSettings}. */
export const identityNames = settingEntries
  .filter(([, { identity }]) => identity !== false)
  .map(([key]) => key as IdentityName);

/** The settings that have a default of their own. */
export const runDefaults = Object.fromEntries(
  settingEntries.flatMap(([key, setting]) =>
    setting.identity !== false && setting.default !== undefined ? [[key, setting.default]] : [],
  ),
) as Pick<
  RunSettings,
  { [K in IdentityName]: Table[K] extends { readonly default: unknown } ? K : never }[IdentityName]
>;

/** The option's name without its value: `--learning-rate`. */
export const flagOf = (key: SettingName): string => settingsTable[key].flag.split(' ')[0];

/** The options of `train` that make this run, with the plugins of this process. */
export const trainArguments = (settings: RunSettings): string[] => [
  ...identityNames.flatMap((key) => [flagOf(key), String(settings[key])]),
  ...pluginArguments(),
];

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
