// Whether results can be written where they are wanted: asked before the work that leads to them, changing nothing.
import { dirname, resolve } from 'node:path';
import { DataError } from '../../errors.ts';
import { access, faultOf, isAbsent, stat } from './files.ts';

/**
 * @param folder what will be made, with the folders above it, if it is not there
 * @throws DataError naming what is in the way: a file where a folder should be, one that may not be written to
 */
export async function requireFolder(folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  for (let path = resolve(folder); ; path = dirname(path)) {
    const found = await facts(path);
    if (!found) continue;
    if (!found.isDirectory()) throw refused(folder, `'${path}' is no folder`);
    return access(path);
  }
}

/**
 * @param file in a folder that is there; `-` stands for standard output
 * @throws DataError naming what is in the way
 */
export async function requireFile(file: string | undefined): Promise<void> {
  if (file === undefined || file === '-') return;
  if (file === '') throw refused(file, 'it has no name');
  const found = await facts(file);
  if (found?.isDirectory()) throw refused(file, 'it is a folder');
  if (found) return access(file);
  const folder = dirname(resolve(file));
  const above = await facts(folder);
  if (!above?.isDirectory()) throw refused(file, `there is no folder '${folder}'`);
  await access(folder);
}

const facts = (path: string) =>
  stat(path).catch((cause: Error) => {
    // Below a file there is nothing either: the file itself is found above.
    if (isAbsent(cause) || faultOf(cause) === 'ENOTDIR') return undefined;
    throw cause;
  });

const refused = (path: string, why: string): DataError =>
  new DataError(`Nothing can be written to '${path}': ${why}.`, {
    hint: 'Name another place; nothing has been done yet.',
  });
