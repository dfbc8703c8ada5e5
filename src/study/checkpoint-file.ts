// The checkpoints of one run's folder: the latest, and the one before it should the latest be unreadable.
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError, DataError } from '../errors.ts';
import type { Checkpoint } from '../rl/checkpoint.ts';
import { decoding, encoding } from '../rl/checkpoint-format.ts';

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
 * @throws DataError when the folder cannot be written
 */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const latest = join(folder, LATEST);
  const part = `${latest}.part`;
  try {
    await mkdir(folder, { recursive: true });
    await write(part, encoding(checkpoint));
    await rename(latest, join(folder, PREVIOUS)).catch(unlessAbsent);
    await rename(part, latest);
    await synchroniseFolder(folder);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => undefined);
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
    try {
      const checkpoint = await read(file);
      if (!checkpoint) continue;
      return { checkpoint, file, ...(skipped ? { skipped } : {}) };
    } catch (error) {
      if (!(error instanceof CheckpointError))
        throw new DataError(`The checkpoint '${file}' cannot be read: ${(error as Error).message}.`, {
          cause: error,
        });
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
  for (const name of [LATEST, PREVIOUS, `${LATEST}.part`]) await rm(join(folder, name), { force: true });
}

/** The checkpoint in a file; undefined when there is no such file. */
async function read(file: string): Promise<Checkpoint | undefined> {
  const handle = await open(file, 'r').catch(unlessAbsent);
  if (!handle) return undefined;
  try {
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
  } finally {
    await handle.close();
  }
}

async function write(file: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await writeAll(handle, pieces);
    // On the disk before it gets its name.
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, pieces: Iterable<Uint8Array>): Promise<void> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
  }
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
