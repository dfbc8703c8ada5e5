// The system's files, with errors of ours: each names the path, what is wrong with it, and what to do. Whatever reads or
// writes files does it through here.
import * as now from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileError } from '../../errors.ts';

export { rmSync } from 'node:fs';
export type { FileHandle } from 'node:fs/promises';

/** What cannot be done with a path: said after its name. */
type Doing = 'be read' | 'be written' | 'be made' | 'be removed' | 'be put in its place';

interface Fault {
  readonly reason: string;
  readonly hint?: string;
}

const elsewhere = 'Name another place, or change what is allowed there.';

/** By the system's name of it. */
const faults: Readonly<Record<string, Fault>> = {
  ENOSPC: { reason: 'the disk is full', hint: 'Free some room, and the same command goes on.' },
  EDQUOT: {
    reason: 'the quota of the disk is used up',
    hint: 'Free some room, and the same command goes on.',
  },
  EFBIG: { reason: 'files may not become so large', hint: 'Allow larger files (ulimit -f).' },
  EROFS: { reason: 'the disk is read-only', hint: elsewhere },
  EACCES: { reason: 'permission denied', hint: elsewhere },
  EPERM: { reason: 'permission denied', hint: elsewhere },
  ENOENT: { reason: 'it does not exist' },
  EISDIR: { reason: 'it is a folder' },
  ENOTDIR: { reason: 'it is not a folder, or is below a file' },
  EEXIST: { reason: 'something of that name is there', hint: 'Move it away, or name another place.' },
  ENOTEMPTY: { reason: 'a folder of that name is there', hint: 'Move it away, or name another place.' },
  EBUSY: { reason: 'something else uses it' },
  EIO: { reason: 'the disk does not work', hint: 'Look at what the system says of it.' },
  ELOOP: { reason: 'its links lead in a circle' },
  EMFILE: { reason: 'too many files are open', hint: 'Allow more of them (ulimit -n).' },
  ENFILE: { reason: 'too many files are open', hint: 'End other programs.' },
  ENAMETOOLONG: { reason: 'its name is too long', hint: 'Name a shorter path.' },
  ENOMEM: { reason: 'there is no memory left' },
  ERR_FS_FILE_TOO_LARGE: { reason: 'it is larger than 2 GiB' },
  ERR_STRING_TOO_LONG: { reason: 'it is too large for a text' },
  ERR_INVALID_ARG_VALUE: { reason: 'no path may hold a character of code 0' },
};

/** The system's name of what is wrong; undefined where an error is none of the system's. */
export function faultOf(error: unknown): string | undefined {
  if (error instanceof FileError) return error.fault;
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string') return undefined;
  return Object.hasOwn(faults, code) || syscall !== undefined ? code : undefined;
}

/** Whether there is no such file or folder. */
export const isAbsent = (error: unknown): boolean => faultOf(error) === 'ENOENT';

/** Why nothing can be put at a path. */
function nowhere(path: string, doing: Doing): Fault {
  if (!now.existsSync(dirname(path)))
    return { reason: 'its folder does not exist', hint: 'Make the folder, or name another place.' };
  if (doing === 'be put in its place') return { reason: 'what was written for it has gone' };
  return { reason: 'its folder takes nothing new', hint: elsewhere };
}

/** An error of the system's as one of ours; any other as it is. */
export function fileError(path: string, doing: Doing, error: unknown): unknown {
  const fault = error instanceof FileError ? undefined : faultOf(error);
  if (fault === undefined) return error;
  const known = Object.hasOwn(faults, fault) ? faults[fault] : { reason: (error as Error).message };
  const { reason, hint } = fault === 'ENOENT' && doing !== 'be read' ? nowhere(path, doing) : known;
  return new FileError(`'${path}' cannot ${doing}: ${reason}.`, {
    ...{ path, fault, cause: error },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Does something with a path. @throws FileError for an error of the system's */
export async function typed<T>(path: string, doing: Doing, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(path, doing, error);
  }
}

/** As {@link typed}, at once: no signal comes in between. */
function typedNow<T>(path: string, doing: Doing, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(path, doing, error);
  }
}

export const writeFileSync = (path: string, text: string, options: { readonly flag?: string } = {}): void =>
  typedNow(path, 'be written', () => now.writeFileSync(path, text, options));

/** One folder after another: Node's own way tries for ever where a folder that is there takes none, as in /proc. */
function makeFolders(path: string): void {
  try {
    now.mkdirSync(path);
  } catch (error) {
    if (now.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (faultOf(error) !== 'ENOENT' || now.existsSync(dirname(path))) throw error;
    makeFolders(dirname(path));
    makeFolders(path);
  }
}

/** Makes a folder, and those that it is in. */
export const mkdirSync = (path: string): void => typedNow(path, 'be made', () => makeFolders(path));

export function readFile(path: string): Promise<Buffer>;
export function readFile(path: string, encoding: 'utf8'): Promise<string>;
export function readFile(path: string, encoding?: 'utf8'): Promise<Buffer | string> {
  return typed(path, 'be read', () => fs.readFile(path, encoding));
}

export const writeFile = (
  path: string,
  text: string,
  options: { readonly flag?: string } = {},
): Promise<void> => typed(path, 'be written', () => fs.writeFile(path, text, options));

export const appendFile = (path: string, text: string): Promise<void> =>
  typed(path, 'be written', () => fs.appendFile(path, text));

/** Makes a folder, and those that it is in. */
export const mkdir = (path: string): Promise<void> => typed(path, 'be made', async () => makeFolders(path));

/** Names in a folder. */
export const readdir = (path: string): Promise<string[]> => typed(path, 'be read', () => fs.readdir(path));

/** What is in a folder. */
export const readEntries = (path: string) =>
  typed(path, 'be read', () => fs.readdir(path, { withFileTypes: true }));

export const stat = (path: string) => typed(path, 'be read', () => fs.stat(path));
/** The number that a file has for as long as it is there, wherever it is moved on its disk; a copy has another. */
export const numberOf = (path: string): Promise<bigint> =>
  typed(path, 'be read', async () => (await fs.stat(path, { bigint: true })).ino);

/** Whether two descriptors of this process lead to one place. */
export function areOneFile(first: number, second: number): boolean {
  try {
    const [a, b] = [now.fstatSync(first), now.fstatSync(second)];
    return a.ino !== 0 && a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

export const realpath = (path: string): Promise<string> => typed(path, 'be read', () => fs.realpath(path));

/** Asks whether a path may be written to. */
export const access = (path: string): Promise<void> =>
  typed(path, 'be written', () => fs.access(path, fs.constants.W_OK));

export const rename = (from: string, to: string): Promise<void> =>
  typed(to, 'be put in its place', () => fs.rename(from, to));

/** Removes a file, or a folder with all that is in it; one that is not there is gone already. */
export const rm = (path: string): Promise<void> =>
  typed(path, 'be removed', () => fs.rm(path, { recursive: true, force: true }));

/** @param flags as of the system's `open` */
export const open = (path: string, flags: string) =>
  typed(path, flags === 'r' ? 'be read' : 'be written', () => fs.open(path, flags));
