// The folder of one training run: config.json, metrics.jsonl, checkpoints, policy.json, and result.json last, whose
// presence says that the run is whole.
import { join } from 'node:path';
import { DataError, UsageError } from '../../errors.ts';
import { jsonText, parseJson } from '../../json.ts';
import type { Checkpoint } from '../../rl/checkpoint.ts';
import type { Evaluation } from '../../rl/evaluation.ts';
import { type PolicyFile, parsePolicy } from '../../rl/policy-file.ts';
import { requireSealed, sealed } from '../../rl/seal.ts';
import {
  type FoundCheckpoint,
  findCheckpoint,
  removeCheckpoints,
  saveCheckpoint,
} from './checkpoint-file.ts';
import { appendFile, faultOf, isAbsent, mkdir, readdir, readEntries, readFile, rm } from './files.ts';
import { isClaim, type Lock, takeLock } from './lock.ts';
import { differences, type RunSettings } from './settings.ts';
import { isPart, removeParts, writeWhole } from './whole-file.ts';

/** What a run was made with, besides its settings. */
export interface RunMaking {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapter: string;
  readonly command: readonly string[];
}

/** An evaluation as a line of metrics.jsonl: with the seconds the run had taken. */
export type Metric = Evaluation & { readonly seconds: number };

export interface RunResult {
  readonly kind: 'divergrad-result';
  /** What made it; absent in results of earlier versions. */
  readonly made?: RunMaking & { readonly settings: RunSettings };
  readonly seconds: number;
  readonly evaluations: readonly Metric[];
}

/** The text of config.json. */
const configOf = (settings: RunSettings, { versions, adapter, command }: RunMaking): string => {
  const config = sealed({ kind: 'divergrad-run', ...settings, versions, adapter, command });
  return `${jsonText(config, 'The settings of the run', { indent: 2 })}\n`;
};

/** The settings of a run as config.json holds them; undefined when there is no such file. */
export async function readConfig(path: string): Promise<Record<string, unknown> | undefined> {
  return (await readJson(join(path, 'config.json'))) as Record<string, unknown> | undefined;
}

/** A folder that holds a run, by its name, and whether the run has a result. */
export interface ListedRun {
  readonly name: string;
  readonly isFinished: boolean;
}

/**
 * The folders in one that hold a run, by name: others, as those of an editor or a file manager, are none.
 *
 * @throws FileError when one cannot be looked into, as one that has gone meanwhile
 */
export async function listRuns(folder: string): Promise<ListedRun[]> {
  const entries = await readEntries(folder);
  const runs = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isDirectory() && !entry.isSymbolicLink()) return [];
      const held = await readdir(join(folder, entry.name)).catch((error: unknown): string[] => {
        if (faultOf(error) === 'ENOTDIR') return [];
        throw error;
      });
      const isFinished = held.includes('result.json');
      return isFinished || held.includes('config.json') ? [{ name: entry.name, isFinished }] : [];
    }),
  );
  return runs.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * What a run was made with, as its config.json says, or else its result.
 *
 * @throws DataError when they contradict each other
 */
export async function readHeld(path: string): Promise<Record<string, unknown> | undefined> {
  const config = await readConfig(path);
  const settings = (await readResult(path))?.made?.settings;
  if (config && settings) {
    const differing = differences({ ...settings }, config);
    if (differing.length > 0)
      throw new DataError(
        `'${join(path, 'result.json')}' is of another run than its config.json: ${differing.join(', ')}.`,
      );
  }
  return config ?? (settings && { ...settings });
}

/** The result of a run that is whole, else undefined. @throws DataError when the file is not a result */
export async function readResult(path: string): Promise<RunResult | undefined> {
  const value = (await readJson(join(path, 'result.json'))) as RunResult | undefined;
  if (value !== undefined && (value?.kind !== 'divergrad-result' || !Array.isArray(value.evaluations)))
    throw new DataError(`'${join(path, 'result.json')}' is not the result of a run.`, {
      hint: 'Remove the file, and the run is made again.',
    });
  return value;
}

/** What a file holds; undefined when there is none. @throws DataError when it cannot be read, is no JSON, or was changed */
export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new DataError(`'${file}' is not JSON: ${(error as Error).message}.`);
  }
  requireSealed(value, `'${file}'`);
  return value;
}

/** The lines of metrics.jsonl. */
const logOf = (metrics: readonly Metric[]): string =>
  metrics.map((metric) => `${jsonText(metric, `The evaluation at step ${metric.step}`)}\n`).join('');

/**
 * Does what a process that was killed after it wrote the result had still to do, and mends what the result says too.
 */
async function tidyFinished(path: string, result: RunResult, lock: Lock): Promise<void> {
  await removeParts(path, true);
  await removeCheckpoints(path);
  await rm(join(path, 'error.json'));
  await renew(join(path, 'metrics.jsonl'), logOf(result.evaluations), lock);
  const { made } = result;
  if (made && !(await readConfig(path)))
    await renew(join(path, 'config.json'), configOf(made.settings, made), lock);
}

/** @throws DataError when the policy of a finished run is gone or damaged */
async function requirePolicy(path: string, result: RunResult): Promise<void> {
  const policy = join(path, 'policy.json');
  const hint = "Restore it, or remove the run's result.json: then the run is made again.";
  const saved = await readJson(policy);
  // Nobody asks for the policies of earlier releases, whose results have no checksum either.
  if (saved !== undefined) parsePolicy(saved, `'${policy}'`);
  else if (Object.hasOwn(result, 'checksum'))
    throw new DataError(`'${policy}' is missing, though the run has ended.`, { hint });
}

/** Writes a file if it holds anything else. */
async function renew(file: string, text: string, lock: Lock): Promise<void> {
  const held = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (held !== text) await writeWhole(file, text, lock.requireHeld);
}

/**
 * The result of a run that is whole, else undefined. Its folder is as it should be afterwards.
 *
 * @throws DataError when it is no result, or the folder is neither so nor can be made so
 */
export async function readFinished(path: string): Promise<RunResult | undefined> {
  const result = await readResult(path);
  if (!result) return undefined;
  const lock = await takeLock(join(path, 'run.lock'));
  try {
    await requirePolicy(path, result);
    await tidyFinished(path, result, lock);
  } finally {
    await lock.release();
  }
  return result;
}

/** A checkpoint without the seconds of its evaluations, as training made it. */
const untimed = (checkpoint: Checkpoint): Checkpoint => ({
  ...checkpoint,
  evaluations: checkpoint.evaluations.map((evaluation) => {
    const { seconds: _, ...measured } = evaluation as Metric;
    return measured;
  }),
});

/** Seconds by step, of the lines of a metrics.jsonl that can be read. */
async function loggedSeconds(file: string): Promise<Map<number, number>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const seconds = new Map<number, number>();
  for (const line of text.split('\n')) {
    try {
      const metric = parseJson(line) as Partial<Metric> | null;
      if (Number.isFinite(metric?.seconds)) seconds.set(Number(metric?.step), Number(metric?.seconds));
    } catch {}
  }
  return seconds;
}

/** Whether a name is that of a file which file managers leave in folders. */
export const isStray = (name: string): boolean =>
  name === '.DS_Store' || name === 'Thumbs.db' || name === 'desktop.ini' || name.startsWith('._');

/** The open folder of a run under way. Only one process has it open. */
export class RunFolder {
  readonly resume: Checkpoint | undefined;
  /** What to tell the user of an unusable checkpoint. */
  readonly warning: string | undefined;
  /** Seconds the run had taken at the evaluation before the checkpoint it goes on from. */
  private secondsBefore = 0;
  /** Seconds the run had taken at each evaluation, by its step. */
  private readonly secondsAt = new Map<number, number>();

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
    found: FoundCheckpoint | undefined,
    private made: RunMaking & { readonly settings: RunSettings },
  ) {
    this.resume = found && untimed(found.checkpoint);
    this.warning = found?.skipped?.message;
  }

  /**
   * Opens a new or empty folder, or that of an unfinished run of the same settings, which then goes on.
   *
   * @param requireResumable throws when a run cannot go on from a checkpoint; the folder is then left as it was
   * @throws UsageError when it holds anything else: a run never overwrites another
   */
  static async open(
    path: string,
    settings: RunSettings,
    making: RunMaking,
    requireResumable: (checkpoint: Checkpoint) => void = () => undefined,
  ): Promise<RunFolder> {
    const refuse = (why: string) =>
      new UsageError(`The folder '${path}' ${why}.`, {
        hint: 'Name a new one; a run never overwrites another.',
      });
    const ours = (name: string) => isStray(name) || isPart(name) || isClaim(name, 'run.lock');
    const ownConfig = async () => {
      const held = await readdir(path).catch((error: unknown) => {
        if (isAbsent(error)) return [];
        throw error;
      });
      const config = await readConfig(path);
      if (!config && !held.every(ours)) throw refuse('is not empty');
      const differing = config ? differences(config, settings) : [];
      if (differing.length > 0) throw refuse(`holds another run: ${differing.join(', ')}`);
      return config;
    };
    // Nothing of ours gets into a folder of something else.
    await ownConfig();
    await mkdir(path);
    const lock = await takeLock(join(path, 'run.lock'));
    try {
      // What counts is what the folder holds now: another process may have been at work in it meanwhile.
      const config = await ownConfig();
      const result = await readResult(path);
      if (result) {
        await tidyFinished(path, result, lock);
        throw refuse('holds a finished run');
      }
      await removeParts(path, true);
      const found = await findCheckpoint(path);
      if (found) requireResumable(found.checkpoint);
      const folder = new RunFolder(path, lock, found, { ...making, settings });
      // What a run that goes on has done, it has done where it was before; one that begins anew has done nothing yet.
      const before = found && config;
      if (typeof before?.adapter === 'string') {
        folder.made = { ...folder.made, adapter: before.adapter };
        folder.ranOn(making.adapter);
      }
      const { adapter } = folder.made;
      const { versions, command } = { ...making, ...before };
      await folder.write('config.json', configOf(settings, { versions, adapter, command }));
      // After the settings, without which a folder that holds something is nobody's.
      await folder.rebuildLog(found?.checkpoint.evaluations ?? []);
      return folder;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Makes metrics.jsonl what the checkpoint says. Only seconds are read from it, for checkpoints of earlier releases, which
   * have none: a line that is lost or damaged has those of the one before.
   */
  private async rebuildLog(evaluations: readonly (Evaluation | Metric)[]): Promise<void> {
    const file = join(this.path, 'metrics.jsonl');
    const logged = evaluations.every((evaluation) => 'seconds' in evaluation)
      ? new Map<number, number>()
      : await loggedSeconds(file);
    for (const evaluation of evaluations) {
      const { step } = evaluation;
      const seconds = 'seconds' in evaluation ? evaluation.seconds : logged.get(step);
      this.secondsBefore = Math.max(this.secondsBefore, seconds ?? 0);
      this.secondsAt.set(step, this.secondsBefore);
    }
    await this.writeLog(evaluations);
  }

  private async writeLog(evaluations: readonly Evaluation[]): Promise<void> {
    const text = logOf(evaluations.map(this.timed));
    if (text === '') await rm(join(this.path, 'metrics.jsonl'));
    else await this.write('metrics.jsonl', text);
  }

  private readonly timed = (evaluation: Evaluation): Metric => ({
    ...evaluation,
    seconds: this.secondsAt.get(evaluation.step) ?? this.secondsBefore,
  });

  /** Notes an adapter that a part of the run was made on. */
  ranOn(adapter: string): void {
    const known = this.made.adapter.split('; ');
    if (!known.includes(adapter)) this.made = { ...this.made, adapter: [...known, adapter].join('; ') };
  }

  /** Seconds of the run so far, those before a resumption included. */
  seconds(since: number): number {
    return Number((this.secondsBefore + since).toFixed(3));
  }

  async append(evaluation: Evaluation, since: number): Promise<void> {
    this.secondsAt.set(evaluation.step, this.seconds(since));
    const line = logOf([this.timed(evaluation)]);
    await this.lock.requireHeld();
    await appendFile(join(this.path, 'metrics.jsonl'), line);
  }

  /** The checkpoint has the seconds too: it alone is read when the run goes on. */
  async save(checkpoint: Checkpoint): Promise<void> {
    await this.lock.requireHeld();
    const timed = { ...checkpoint, evaluations: checkpoint.evaluations.map(this.timed) };
    await saveCheckpoint(this.path, timed, this.lock.requireHeld);
  }

  /** Writes a file of the run, if the folder is still the run's. */
  private async write(name: string, text: string): Promise<void> {
    await this.lock.requireHeld();
    await writeWhole(join(this.path, name), text, this.lock.requireHeld);
  }

  /** Writes the policy as it is: that of a run that has stopped is there to be played, until the run goes on to its end. */
  async keep(policy: PolicyFile): Promise<void> {
    await this.write('policy.json', `${jsonText(sealed({ ...policy, made: this.made }), 'The policy')}\n`);
  }

  /**
   * Writes policy and result, and removes the checkpoints, which nothing needs any more.
   *
   * @param evaluations of the whole run, as training gave them
   */
  async finish(policy: PolicyFile, evaluations: readonly Evaluation[], since: number): Promise<void> {
    await this.keep(policy);
    await this.writeLog(evaluations);
    const result: RunResult = {
      kind: 'divergrad-result',
      made: this.made,
      seconds: this.seconds(since),
      evaluations: evaluations.map(this.timed),
    };
    await this.write('result.json', `${jsonText(sealed(result), 'The result of the run')}\n`);
    await removeCheckpoints(this.path);
    await rm(join(this.path, 'error.json'));
  }

  /** Notes why the run failed; the next one over the folder tries again. */
  async fail(error: unknown): Promise<void> {
    const { name, message } = error as Error;
    await this.write('error.json', `${jsonText({ name, message }, 'The error')}\n`);
  }

  close(): Promise<void> {
    return this.lock.release();
  }
}
