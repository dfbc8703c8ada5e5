// Files that are written whole or not at all, also when the process or the machine stops: beside their place under a name of
// this process's own, synchronised, and renamed. What a process that was killed has left is removed by the next one.
import { dirname, join, resolve } from 'node:path';
import { FileError } from '../../errors.ts';
import { ending } from './ending.ts';
import {
  type FileHandle,
  fileError,
  mkdirSync,
  open,
  readdir,
  rename,
  rm,
  rmSync,
  typed,
  writeFileSync,
} from './files.ts';
import { isAlive, ownMark } from './lock.ts';

/** What is written: a text, or pieces one after the other. */
export type Content = string | Iterable<Uint8Array>;

/** A name that no other process and no other write has. */
const partOf = (path: string): string => `${path}.${ownMark()}.part`;
const partName = /\.(?:(\d+)-[0-9a-f]{8}\.)?part$/;

/** Whether a name in a folder is that of something half written. */
export const isPart = (name: string): boolean => partName.test(name);

/** Folders that this process has looked through. */
const swept = new Set<string>();

/**
 * Removes what processes that are gone have left half written in a folder.
 *
 * @param alone whether nobody else writes there: then all that is half written goes, whoever began it
 */
export async function removeParts(folder: string, alone = false): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [whole, pid] = partName.exec(name) ?? [];
    if (whole === undefined || !(alone || (pid && !(await isAlive(Number(pid)))))) continue;
    await rm(join(folder, name));
  }
}

/**
 * Makes something under a name of its own and lets it be put in its place. It is gone again when that fails, and when
 * a signal ends the process meanwhile: so it is created at once, and not by a call that may end after its removal.
 *
 * @param place puts it in its place
 */
async function inPart(
  path: string,
  make: (part: string) => Promise<void>,
  place: (part: string) => Promise<void>,
): Promise<void> {
  const folder = resolve(dirname(path));
  if (!swept.has(folder)) {
    swept.add(folder);
    await removeParts(folder);
  }
  const part = partOf(path);
  // A file may be on its way into a folder while that is removed.
  const forget = ending.whenKilled(() => rmSync(part, { recursive: true, force: true, maxRetries: 5 }));
  try {
    await make(part);
    await place(part);
  } catch (error) {
    await rm(part).catch(() => undefined);
    // Named as it was asked for.
    const unfit = error instanceof FileError && error.path.startsWith(part);
    throw unfit ? fileError(path, 'be written', error.cause) : error;
  } finally {
    forget();
  }
}

/**
 * Writes a file whole or not at all.
 *
 * @param before called when all is on the disk, before it gets its name: what throws there leaves all as it was
 */
export const writeWhole = (
  file: string,
  content: Content,
  before: () => Promise<void> = async () => undefined,
): Promise<void> =>
  inPart(
    file,
    (part) => writeNew(part, content),
    async (part) => {
      await before();
      await rename(part, file);
    },
  );

/** Makes a folder with all its files or not at all. It must be absent or empty. @param files by name */
export const writeFolder = (path: string, files: ReadonlyMap<string, string>): Promise<void> =>
  inPart(
    resolve(path),
    async (part) => {
      mkdirSync(part);
      for (const [name, text] of files) await writeNew(join(part, name), text);
    },
    (part) => rename(part, path),
  );

const writeNew = (file: string, content: Content): Promise<void> =>
  typed(file, 'be written', async () => {
    writeFileSync(file, '', { flag: 'wx' });
    const handle = await open(file, 'r+');
    try {
      for (const piece of typeof content === 'string' ? [Buffer.from(content)] : content)
        await writeAll(handle, piece);
      // On the disk before it gets its name.
      await handle.sync();
    } finally {
      await handle.close();
    }
  });

async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
}
