// The folder of one training run: config.json, metrics.jsonl, checkpoints, policy.json, and result.json last, whose
// presence says that the run is whole.
import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.ts';
import type { Checkpoint } from '../rl/checkpoint.ts';
import type { PolicyFile } from '../rl/policy-file.ts';
import type { Evaluation } from '../rl/train.ts';
import { findCheckpoint, removeCheckpoints, saveCheckpoint } from './checkpoint-file.ts';
import { isClaim, type Lock, takeLock } from './lock.ts';
import { earlierSettings, type RunSettings } from './run-settings.ts';
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

const lines = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The settings of a run as config.json holds them; undefined when there is no such file. */
export async function readConfig(path: string): Promise<Record<string, unknown> | undefined> {
  return (await readJson(join(path, 'config.json'))) as Record<string, unknown> | undefined;
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

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new DataError(`'${file}' cannot be read: ${error.message}.`);
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`'${file}' is not JSON: ${(error as Error).message}.`);
  }
}

/** Names of the settings in which a folder's config differs from those wanted, as `batch 64 instead of 128`. */
export function differences(config: Readonly<Record<string, unknown>>, wanted: RunSettings): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const held = { ...earlierSettings, ...config }[name];
    const [a, b] = [held, value].map((x) => JSON.stringify(x) ?? 'none');
    return a === b ? [] : [`${name} ${a} instead of ${b}`];
  });
}

/** The open folder of a run under way. Only one process has it open. */
export class RunFolder {
  /** Seconds the run had taken when the checkpoint it goes on from was made. */
  private secondsBefore = 0;
  private metrics: Metric[] = [];

  private constructor(
    readonly path: string,
    private readonly lock: Lock,
    readonly resume: Checkpoint | undefined,
    /** What to tell the user of an unusable checkpoint. */
    readonly warning: string | undefined,
    private made: RunMaking & { readonly settings: RunSettings },
  ) {}

  /**
   * Opens a new or empty folder, or that of an unfinished run of the same settings, which then goes on.
   *
   * @throws UsageError when it holds anything else: a run never overwrites another
   */
  static async open(path: string, settings: RunSettings, making: RunMaking): Promise<RunFolder> {
    const refuse = (why: string) =>
      new UsageError(`The folder '${path}' ${why}.`, {
        hint: 'Name a new one; a run never overwrites another.',
      });
    const ownConfig = async () => {
      const held = await readdir(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw new DataError(`Cannot use '${path}' for the run: ${error.message}.`);
      });
      const config = await readConfig(path);
      if (!config && held.some((name) => !isPart(name) && !isClaim(name, 'run.lock')))
        throw refuse('is not empty');
      const differing = config ? differences(config, settings) : [];
      if (differing.length > 0) throw refuse(`holds another run: ${differing.join(', ')}`);
      return config;
    };
    // Nothing of ours gets into a folder of something else.
    await ownConfig();
    await mkdir(path, { recursive: true }).catch((error: Error) => {
      throw new DataError(`Cannot create '${path}': ${error.message}.`);
    });
    const lock = await takeLock(join(path, 'run.lock'));
    try {
      // What counts is what the folder holds now: another process may have been at work in it meanwhile.
      const config = await ownConfig();
      if (await readResult(path)) throw refuse('holds a finished run');
      await removeParts(path, true);
      const found = await findCheckpoint(path);
      const folder = new RunFolder(path, lock, found?.checkpoint, found?.skipped?.message, {
        ...making,
        settings,
      });
      await folder.keepUntil(found?.checkpoint.step ?? 0);
      // What a run that goes on has done, it has done where it was before.
      if (folder.resume && typeof config?.adapter === 'string') {
        folder.made = { ...folder.made, adapter: config.adapter };
        folder.ranOn(making.adapter);
        const { adapter } = folder.made;
        if (adapter !== config.adapter)
          await writeWhole(join(path, 'config.json'), lines({ ...config, adapter }));
      }
      if (!config)
        await writeWhole(join(path, 'config.json'), lines({ kind: 'divergrad-run', ...settings, ...making }));
      return folder;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Keeps the metrics up to the checkpoint; those after it come again. */
  private async keepUntil(step: number): Promise<void> {
    const file = join(this.path, 'metrics.jsonl');
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      // The last line may be half written.
      try {
        const metric = JSON.parse(line) as Metric;
        if (metric.step <= step) this.metrics.push(metric);
      } catch {}
    }
    this.secondsBefore = this.metrics.at(-1)?.seconds ?? 0;
    if (text !== '') await writeWhole(file, this.metrics.map((m) => `${JSON.stringify(m)}\n`).join(''));
  }

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
    const metric = { ...evaluation, seconds: this.seconds(since) };
    this.metrics.push(metric);
    await this.lock.requireHeld();
    await appendFile(join(this.path, 'metrics.jsonl'), `${JSON.stringify(metric)}\n`);
  }

  async save(checkpoint: Checkpoint): Promise<void> {
    await this.lock.requireHeld();
    await saveCheckpoint(this.path, checkpoint, this.lock.requireHeld);
  }

  /** Writes a file of the run, if the folder is still the run's. */
  private async write(name: string, text: string): Promise<void> {
    await this.lock.requireHeld();
    await writeWhole(join(this.path, name), text, this.lock.requireHeld);
  }

  /** Writes policy and result, and removes the checkpoints, which nothing needs any more. */
  async finish(policy: PolicyFile, since: number): Promise<void> {
    await this.write('policy.json', `${JSON.stringify({ ...policy, made: this.made })}\n`);
    const result: RunResult = {
      kind: 'divergrad-result',
      made: this.made,
      seconds: this.seconds(since),
      evaluations: this.metrics,
    };
    await this.write('result.json', `${JSON.stringify(result)}\n`);
    await removeCheckpoints(this.path);
    await rm(join(this.path, 'error.json'), { force: true });
  }

  /** Notes why the run failed; the next one over the folder tries again. */
  async fail(error: unknown): Promise<void> {
    const { name, message } = error as Error;
    await this.write('error.json', `${JSON.stringify({ name, message })}\n`);
  }

  close(): Promise<void> {
    return this.lock.release();
  }
}
