import { parse } from 'yaml';
import { distributionFamily } from '../distributions/registry.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { environments } from '../envs/registry.ts';
import { closestMatch, DataError, quoted, shortened, unknownName } from '../errors.ts';
import { maximum } from '../math/extremes.ts';
import { type Kind, number, oneOf } from './runs/kinds.ts';
import { completeSettings, defaultDistribution, refusal } from './runs/run-settings.ts';
import {
  flagOf,
  type RunSettings,
  type SettingValues,
  settingEntries,
  settingsOf,
  settingsTable,
} from './runs/settings.ts';

/** A study as its file says it, with every default filled in. */
export interface StudyConfig {
  readonly title: string;
  readonly estimators: readonly string[];
  /** Empty: each environment's own. */
  readonly distributions: readonly string[];
  readonly environments: readonly ({ readonly name: string } & Overrides)[];
  readonly seeds: readonly number[];
  readonly settings: Overrides;
  readonly onIncompatible: 'skip' | 'error';
  /** Plugins as the file names them; absent where it names none. */
  readonly plugins?: readonly string[];
}

type Overrides = Partial<
  Omit<RunSettings, 'environment' | 'estimator' | 'distribution' | 'seed' | 'plugins'>
>;

/** A run that cannot be, and why. */
export interface RefusedRun {
  readonly environment: string;
  readonly estimator: string;
  readonly distribution: string;
  readonly reason: string;
}

type Check = (value: unknown, path: string) => unknown;

const fail = (path: string, value: unknown, wanted: string): never => {
  throw new DataError(`${path} is ${value === undefined ? 'nothing' : quoted(value)}; it must be ${wanted}.`);
};

const listOf =
  (check: Check, least = 1): Check =>
  (value, path) => {
    if (!Array.isArray(value) || value.length < least)
      return fail(path, value, `a list of at least ${least}`);
    return value.map((item, i) => check(item, `${path}[${i}]`));
  };

/** What a study says as lists, of which it makes every combination. */
const listed = ['environment', 'estimator', 'distribution', 'seed'];

const checkOf =
  (kind: Kind): Check =>
  (value, path) => {
    const [at, seen] = kind.fault(value) ?? [];
    return at === undefined ? value : fail(`${path}${at}`, seen, kind.wanted);
  };

/** What a study may say of every run, and of those of one environment. */
const settingChecks: Readonly<Record<string, Check>> = Object.fromEntries(
  settingEntries.flatMap(([key, setting]) =>
    setting.identity !== false && !listed.includes(key) ? [[key, checkOf(setting.kind)]] : [],
  ),
);

/** Names of the settings that a study's file may have. */
export const studySettings: readonly string[] = Object.keys(settingChecks);

/** Settings by the names of their options, as somebody who knows the command line writes them. */
const optionNames = Object.fromEntries(settingEntries.map(([key]) => [flagOf(key).replaceAll('-', ''), key]));

/** What a document is called where it is wrong as a whole; a key at its top has no other name before it. */
const documents = ['the study', 'the file of settings'];

/** An object with known keys only. */
function fields(value: unknown, path: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(path, value, `a mapping with ${known.join(', ')}`);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const close = closestMatch(key, known, optionNames);
    throw new DataError(
      `${documents.includes(path) ? '' : `${path}.`}${shortened(key)} is not a setting${close && known.includes(close) ? `; did you mean '${close}'?` : '.'}`,
      { hint: `Known: ${known.join(', ')}.` },
    );
  }
  return value as Record<string, unknown>;
}

function overrides(value: unknown, path: string, also: readonly string[] = []): Overrides {
  const given = fields(value, path, [...also, ...Object.keys(settingChecks)]);
  const checked = Object.entries(settingChecks).flatMap(([key, check]) =>
    Object.hasOwn(given, key) ? [[key, check(given[key], `${path}.${key}`)]] : [],
  );
  return Object.fromEntries(checked);
}

const named =
  (check: (name: string) => unknown): Check =>
  (value, path) => {
    if (typeof value !== 'string') return fail(path, value, 'a name');
    try {
      check(value);
    } catch (error) {
      throw new DataError(`${path}: ${(error as Error).message}`);
    }
    return value;
  };

const environmentName = named((name) => {
  const known = environments.map((entry) => entry.name);
  if (!known.includes(name)) throw unknownName('environment', name, known);
});

const seedCount = number({ whole: true, from: 1, to: 10_000 });
const onIncompatible = oneOf('what to do', ['skip', 'error']);

/** @throws DataError unless it is YAML, of which JSON is a part */
function parsed(text: string, what: string): unknown {
  try {
    // Aliases could make a small file into an endless list, or one that holds itself.
    return parse(text, { maxAliasCount: 0, schema: 'core', merge: false, logLevel: 'error' });
  } catch (error) {
    // The first line; the others point at the place.
    const [line] = (error as Error).message.split('\n');
    throw new DataError(`${what} is not YAML or JSON: ${line.replace(/:?$/, '.')}`);
  }
}

/**
 * Reads settings of one run from YAML or JSON, by their names in files; the config.json of a run is such a file.
 *
 * @throws DataError that names the key, what it holds and what it may hold
 */
export function readSettings(text: string): Partial<SettingValues> {
  let document = parsed(text, 'The file of settings');
  const { kind } = Object(document) as { kind?: unknown };
  if (kind === 'divergrad-run')
    // Plugins are loaded before a file is read, by name.
    document = Object.fromEntries(
      [...settingsOf(document as Record<string, unknown>)].filter(([key]) => key !== 'plugins'),
    );
  const known = settingEntries.map(([key]) => key);
  const given = fields(document, 'the file of settings', known);
  const checked = settingEntries.flatMap(([key, setting]) =>
    Object.hasOwn(given, key) ? [[key, checkOf(setting.kind)(given[key], key)]] : [],
  );
  return Object.fromEntries(checked);
}

const pluginList = listOf(
  (value, path) =>
    typeof value === 'string' && value !== '' ? value : fail(path, value, 'the path of a file'),
  0,
);

/**
 * Plugins that a study's file names, relative to it: they must be loaded before {@link readStudy}, which checks names.
 *
 * @throws DataError when the text is no YAML, or this key no list of paths
 */
export function studyPlugins(text: string): string[] {
  const document = parsed(text, 'The study') as { readonly plugins?: unknown } | null;
  return pluginList(document?.plugins ?? [], 'plugins') as string[];
}

/**
 * Reads a study from YAML, of which JSON is a part.
 *
 * @throws DataError that names the key, what it holds and what it may hold
 */
export function readStudy(text: string): StudyConfig {
  const document = parsed(text, 'The study');
  const keys = [
    'title',
    'estimators',
    'distributions',
    'environments',
    'seeds',
    'settings',
    'onIncompatible',
    'plugins',
  ];
  const given = fields(document, 'the study', keys);
  const unique = <T>(list: T[]): T[] => [...new Set(list)];
  const estimators = listOf(named((name) => chooseEstimator(name)))(
    given.estimators,
    'estimators',
  ) as string[];
  const distributions = listOf(
    named((name) => distributionFamily(name)),
    0,
  )(given.distributions ?? [], 'distributions') as string[];
  const list = listOf((value, path) => {
    if (typeof value === 'string') return { name: environmentName(value, path) };
    const entry = fields(value, path, ['name', ...Object.keys(settingChecks)]);
    return { name: environmentName(entry.name, `${path}.name`), ...overrides(entry, path, ['name']) };
  })(given.environments, 'environments') as StudyConfig['environments'];
  const names = list.map(({ name }) => name);
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice >= 0) fail(`environments[${twice}]`, names[twice], 'named once');
  const seeds = (
    Array.isArray(given.seeds)
      ? listOf(checkOf(settingsTable.seed.kind))(given.seeds, 'seeds')
      : Array.from({ length: checkOf(seedCount)(given.seeds ?? 5, 'seeds') as number }, (_, i) => i)
  ) as number[];
  return {
    title: given.title === undefined ? '' : (named(() => undefined)(given.title, 'title') as string),
    estimators: unique(estimators.map((name) => chooseEstimator(name).name)),
    distributions: unique(distributions),
    environments: list,
    seeds: unique(seeds),
    settings: overrides(given.settings ?? {}, 'settings'),
    onIncompatible: checkOf(onIncompatible)(given.onIncompatible ?? 'skip', 'onIncompatible') as
      | 'skip'
      | 'error',
    ...(given.plugins === undefined ? {} : { plugins: pluginList(given.plugins, 'plugins') as string[] }),
  };
}

/**
 * Every run of a study, seeds outermost, so that a study that is stopped has whole comparisons; and what cannot be.
 *
 * @param baseSeed added to every seed
 * @throws DataError when something cannot be and the study does not allow that
 */
export async function planStudy(
  config: StudyConfig,
  baseSeed: number,
): Promise<{ readonly runs: RunSettings[]; readonly refused: RefusedRun[] }> {
  const cells: RunSettings[] = [];
  const refused: RefusedRun[] = [];
  for (const { name: environment, ...own } of config.environments) {
    const distributions =
      config.distributions.length > 0 ? config.distributions : [await defaultDistribution(environment)];
    for (const distribution of distributions) {
      for (const estimator of config.estimators) {
        const cell = { environment, estimator, distribution };
        const asked = { ...config.settings, ...own };
        const reason = await refusal({ ...cell, ...asked });
        if (reason === undefined) cells.push(await completeSettings({ ...asked, ...cell }));
        else refused.push({ ...cell, reason });
      }
    }
  }
  const highest = baseSeed + maximum(config.seeds);
  if (!Number.isSafeInteger(highest))
    throw new DataError(
      `The seeds of the study end at ${maximum(config.seeds)}, to which --seed adds ${baseSeed}; the highest seed is ${Number.MAX_SAFE_INTEGER}.`,
    );
  if (config.onIncompatible === 'error' && refused.length > 0) {
    const [first] = refused;
    throw new DataError(
      `${refused.length} combinations cannot be; the first: ${first.estimator} with ${first.distribution} in ${first.environment}: ${first.reason}`,
      { hint: "Leave them out, or say 'onIncompatible: skip'." },
    );
  }
  return {
    runs: config.seeds.flatMap((seed) => cells.map((cell) => ({ ...cell, seed: baseSeed + seed }))),
    refused,
  };
}

/** A run's folder in its study. */
export const runName = ({ environment, estimator, distribution, seed }: RunSettings): string =>
  [environment, estimator.replaceAll('/', '_').replaceAll(':', '+'), distribution, `seed-${seed}`].join('--');
