// The checkpoints of one run's folder: the latest, and the one before it should the latest be unreadable.
import { join } from 'node:path';
import { CheckpointError } from '../../errors.ts';
import type { Checkpoint } from '../../rl/checkpoint.ts';
import { decoding, encoding } from '../../rl/checkpoint-format.ts';
import { isAbsent, mkdir, open, rename, rm, typed } from './files.ts';
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
 * @throws FileError when the folder cannot be written, NumericsError for a number that no file can hold; what `before`
 *   throws of ours
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  const latest = join(folder, LATEST);
  await mkdir(folder);
  await writeWhole(latest, encoding(checkpoint), async () => {
    await before();
    await rename(latest, join(folder, PREVIOUS)).catch(unlessAbsent);
  });
  await synchroniseFolder(folder);
}

/**
 * The latest checkpoint of a folder that can be read; undefined when it has none.
 *
 * @throws CheckpointError when there are some and none is whole, with the latest one's fault; FileError when one cannot
 *   be read
 */
export async function findCheckpoint(folder: string): Promise<FoundCheckpoint | undefined> {
  let skipped: CheckpointError | undefined;
  for (const name of [LATEST, PREVIOUS]) {
    const file = join(folder, name);
    try {
      const checkpoint = await read(file);
      if (!checkpoint) continue;
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
  for (const name of [LATEST, PREVIOUS]) await rm(join(folder, name));
}

/** The checkpoint in a file; undefined when there is no such file. */
async function read(file: string): Promise<Checkpoint | undefined> {
  const handle = await open(file, 'r').catch(unlessAbsent);
  if (!handle) return undefined;
  try {
    return await typed(file, 'be read', async () => {
      const decoder = decoding((await handle.stat()).size);
      for (;;) {
        const { value, done } = decoder.next();
        if (done) return value;
        for (let at = 0; at < value.length; ) {
          const { bytesRead } = await handle.read(value, at, value.length - at);
          if (bytesRead === 0)
            throw new CheckpointError('truncated', 'The checkpoint has been cut off meanwhile.');
          at += bytesRead;
        }
      }
    });
  } finally {
    await handle.close();
  }
}

/** Makes renames last. Systems that cannot open a folder order them themselves. */
async function synchroniseFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function unlessAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}
