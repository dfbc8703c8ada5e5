// The checkpoints of one run's folder: the latest, and the one before it should the latest be unreadable.
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, DataError } from '../errors.ts';
import type { Checkpoint } from '../rl/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../rl/checkpoint-format.ts';
import { writeWhole } from './whole-file.ts';

const LATEST = 'checkpoint.bin';
const PREVIOUS = 'checkpoint.previous.bin';

/** What a folder has to resume from. */
export interface FoundCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly file: string;
  /** Why the latest one was not used, when it was not. */
  readonly skipped?: CheckpointError;
}

/**
 * Saves a checkpoint: at every moment the folder holds a whole one, also when the machine stops in the middle.
 *
 * @param before called when it is on the disk, before it takes its place: what throws there leaves all as it was
 * @throws DataError when the folder cannot be written; NumericsError for a number that no file can hold; what `before`
 *   throws of ours
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  const latest = join(folder, LATEST);
  const pieces = encodeCheckpoint(checkpoint);
  try {
    await mkdir(folder, { recursive: true });
    await writeWhole(latest, pieces, async () => {
      await before();
      await rename(latest, join(folder, PREVIOUS)).catch(unlessAbsent);
    });
    await synchroniseFolder(folder);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`The checkpoint '${latest}' cannot be written: ${(cause as Error).message}.`, {
      cause,
    });
  }
}

/**
 * The latest checkpoint of a folder that can be read; undefined when it has none.
 *
 * @throws CheckpointError when there are some and none is whole, with the latest one's fault; DataError when one cannot
 *   be opened
 */
export async function findCheckpoint(folder: string): Promise<FoundCheckpoint | undefined> {
  let skipped: CheckpointError | undefined;
  for (const name of [LATEST, PREVIOUS]) {
    const file = join(folder, name);
    const bytes = await readFile(file)
      .catch(unlessAbsent)
      .catch((cause: Error) => {
        throw new DataError(`The checkpoint '${file}' cannot be read: ${cause.message}.`, { cause });
      });
    if (!bytes) continue;
    try {
      const checkpoint = decodeCheckpoint(bytes);
      return { checkpoint, file, ...(skipped ? { skipped } : {}) };
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      skipped ??= new CheckpointError(error.fault, `'${file}' cannot be used. ${error.message}`, {
        cause: error,
      });
    }
  }
  if (skipped) throw skipped;
  return undefined;
}

/** Removes a folder's checkpoints, as when its run has ended. */
export async function removeCheckpoints(folder: string): Promise<void> {
  for (const name of [LATEST, PREVIOUS]) await rm(join(folder, name), { force: true });
}

/** Makes renames last. Systems that cannot open a folder order them themselves. */
async function synchroniseFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function unlessAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
