// The one file here that reads the disk.
import { basename, join } from 'node:path';
import { DataError } from '../errors.ts';
import { readEntries, readFile } from '../study/runs/files.ts';
import { isStray } from '../study/runs/run-folder.ts';
import { type GoldenTrajectory, readTrajectories } from './environments.ts';
import { type GoldenCase, parseJson, readGolden } from './format.ts';
import { type MujocoCase, readMujoco } from './mujoco.ts';

/** The cases of one group: one line of the report. */
export interface GoldenGroup {
  /** Name of the file without `.json`; trajectories of environments are `envs`. */
  readonly name: string;
  /** What the documents call their group: wider than the file, e.g. `ops`. */
  readonly family: string;
  readonly cases: readonly GoldenCase[];
  readonly trajectories: readonly GoldenTrajectory[];
  readonly mujoco: readonly MujocoCase[];
}

const ENVIRONMENTS = 'envs';
const MUJOCO = 'mujoco';

/**
 * Reads all golden vectors of a folder: its files, those of `envs/` and those below `mujoco/`.
 *
 * @throws DataError when the folder cannot be read, holds no golden vectors, or a file is ill-formed
 */
export async function readFolder(folder: string): Promise<GoldenGroup[]> {
  const top = await jsonFiles(folder);
  const groups: GoldenGroup[] = [];
  const trajectories: GoldenTrajectory[] = [];
  for (const file of [...top.files, ...(await subfolder(folder, ENVIRONMENTS, top.folders))]) {
    const document = parseJson(await readFile(join(folder, file), 'utf8'), file);
    const family = document.get('group').text();
    if (family === ENVIRONMENTS)
      for (const each of some(readTrajectories(document), file)) trajectories.push(each);
    else
      groups.push({
        ...empty(basename(file, '.json'), family),
        cases: some(readGolden(document).cases, file),
      });
  }
  if (trajectories.length > 0) groups.push({ ...empty(ENVIRONMENTS, ENVIRONMENTS), trajectories });
  const physics = await deepJsonFiles(folder, MUJOCO, top.folders);
  const mujoco: MujocoCase[] = [];
  for (const file of physics)
    for (const each of some(readMujoco(parseJson(await readFile(join(folder, file), 'utf8'), file)), file))
      mujoco.push(each);
  if (mujoco.length > 0) groups.push({ ...empty(MUJOCO, MUJOCO), mujoco });
  if (groups.length === 0) throw new DataError(`${folder} holds no golden vectors (*.json).`);
  return groups;
}

/** @throws DataError where there is nothing to compare with */
function some<T>(cases: readonly T[], file: string): readonly T[] {
  if (cases.length === 0) throw new DataError(`${file} holds no cases.`);
  return cases;
}

const empty = (name: string, family: string): GoldenGroup => ({
  name,
  family,
  cases: [],
  trajectories: [],
  mujoco: [],
});

async function jsonFiles(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readEntries(folder);
  const files = entries.filter(
    (entry) => !entry.isDirectory() && entry.name.endsWith('.json') && !isStray(entry.name),
  );
  const folders = entries.filter((entry) => entry.isDirectory());
  return {
    files: files.map(({ name }) => name).sort(),
    folders: folders.map(({ name }) => name),
  };
}

/** Files of a subfolder, if it is there, relative to the folder. */
async function subfolder(folder: string, name: string, folders: readonly string[]): Promise<string[]> {
  if (!folders.includes(name)) return [];
  const { files } = await jsonFiles(join(folder, name));
  return files.map((file) => join(name, file));
}

async function deepJsonFiles(folder: string, name: string, folders: readonly string[]): Promise<string[]> {
  if (!folders.includes(name)) return [];
  const inner = await jsonFiles(join(folder, name));
  const deeper = await Promise.all(
    inner.folders.sort().map((child) => deepJsonFiles(join(folder, name), child, inner.folders)),
  );
  return [...inner.files, ...deeper.flat()].map((file) => join(name, file));
}
