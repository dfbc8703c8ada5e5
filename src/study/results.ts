// The results of studies as their folders hold them.

import { join } from 'node:path';
import { DataError, type FileError, quoted } from '../errors.ts';
import { faultOf, isAbsent } from './runs/files.ts';
import { listRuns, readConfig, readHeld, readJson, readResult } from './runs/run-folder.ts';
import { type Setting, settingEntries, settingsOf } from './runs/settings.ts';

/** An evaluation of a run: undiscounted mean return of the deterministic policy. */
export interface CurvePoint {
  /** Environment steps. */
  readonly step: number;
  /** Gradient steps. */
  readonly updates: number;
  /** Seconds the run had taken. */
  readonly seconds: number;
  readonly meanReturn: number;
}

/** Version of the random streams among a run's versions: runs of different ones are not independent by their seeds. */
export const RANDOM_STREAMS = 'random streams';

/** A run that is whole. */
export interface RunRecord {
  readonly folder: string;
  readonly environment: string;
  readonly estimator: string;
  readonly distribution: string;
  readonly seed: number;
  readonly adapter: string;
  /** What else it was asked for; runs of one environment must agree in it. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The same of what follows from the method; runs of one method in one environment must agree in it. */
  readonly methodSettings: Readonly<Record<string, unknown>>;
  readonly points: readonly CurvePoint[];
}

export interface StudyResults {
  readonly title: string;
  readonly runs: readonly RunRecord[];
  /** Runs without a result: under way, stopped or failed. */
  readonly unfinished: number;
}

/**
 * Reads the folder of a study, or of a single run.
 *
 * @throws DataError naming file and key when it holds neither, or a file is malformed
 */
export async function readStudyResults(folder: string): Promise<StudyResults> {
  if (await readConfig(folder)) {
    const run = await readRun(folder);
    return { title: folder, runs: run ? [run] : [], unfinished: run ? 0 : 1 };
  }
  const runsFolder = join(folder, 'runs');
  const listed = await listRuns(runsFolder).catch((cause: unknown) => {
    const isNone = isAbsent(cause) || faultOf(cause) === 'ENOTDIR';
    // Of a run in it that has gone, the error is its own.
    if (!isNone || (cause as FileError).path !== runsFolder) throw cause;
    throw new DataError(`'${folder}' holds no study: it has no folder 'runs'.`, {
      hint: 'Name the folder that `divergrad study` wrote, the one with study.json in it.',
      cause,
    });
  });
  const runs: RunRecord[] = [];
  let unfinished = 0;
  for (const { name, isFinished } of listed) {
    const path = join(runsFolder, name);
    const run = await readRun(path);
    if (run) runs.push(run);
    else if (isFinished)
      throw new DataError(`'${join(path, 'result.json')}' has gone while the study was read.`, {
        hint: 'Ask again.',
      });
    else unfinished++;
  }
  return { title: await titleOf(folder), runs, unfinished };
}

async function titleOf(folder: string): Promise<string> {
  const file = join(folder, 'study.json');
  const study = (await readJson(file)) as { config?: { title?: unknown } } | null | undefined;
  const title = study?.config?.title;
  return typeof title === 'string' && title !== '' ? title : folder;
}

const shown = (value: unknown): string => (value === undefined ? 'missing' : quoted(value));

async function readRun(folder: string): Promise<RunRecord | undefined> {
  const result = await readResult(folder);
  if (!result) return undefined;
  const config = await readHeld(folder);
  const file = join(folder, 'config.json');
  const versions = config?.versions as Readonly<Record<string, unknown>> | undefined;
  const key = <T>(name: string, kind: 'string' | 'number'): T => {
    const value = config && Object.hasOwn(config, name) ? config[name] : undefined;
    if (typeof value !== kind)
      throw new DataError(`'${file}': ${name} is ${shown(value)}; it must be a ${kind}.`);
    return value as T;
  };
  const held = settingsOf(config ?? {});
  const alikeOf = (which: Setting['alike']) =>
    Object.fromEntries(
      settingEntries.flatMap(([name, { alike }]) =>
        alike === which && held.has(name) ? [[name, held.get(name)]] : [],
      ),
    );
  const points = result.evaluations.map((evaluation, i) => {
    const numbers = (['step', 'updates', 'seconds', 'meanReturn'] as const).map((name) => {
      const value = evaluation?.[name];
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw new DataError(
          `'${join(folder, 'result.json')}': evaluations[${i}].${name} is ${shown(value)}; it must be a finite number.`,
        );
      return value;
    });
    const [step, updates, seconds, meanReturn] = numbers;
    return { step, updates, seconds, meanReturn };
  });
  const turn = points.findIndex(({ step }, i) => i > 0 && step <= points[i - 1].step);
  if (turn > 0)
    throw new DataError(
      `'${join(folder, 'result.json')}': evaluations[${turn}].step is ${points[turn].step}; it must be above ${points[turn - 1].step}, the one before.`,
    );
  if (points.length === 0)
    throw new DataError(`'${join(folder, 'result.json')}': evaluations is empty; a run has at least one.`);
  return {
    folder,
    environment: key('environment', 'string'),
    estimator: key('estimator', 'string'),
    distribution: key('distribution', 'string'),
    seed: key('seed', 'number'),
    adapter: typeof result.made?.adapter === 'string' ? result.made.adapter : key('adapter', 'string'),
    methodSettings: alikeOf('method'),
    settings: {
      ...alikeOf('environment'),
      // Not said in runs of the first version.
      [RANDOM_STREAMS]: versions?.[RANDOM_STREAMS] ?? '1',
    },
    points,
  };
}
