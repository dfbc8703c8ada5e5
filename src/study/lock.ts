import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, UsageError } from '../errors.ts';

export interface Lock {
  release(): Promise<void>;
}

/** Milliseconds to wait for a process that is about to end, as one whose parent has just been killed. */
const PATIENCE_MS = 5000;

/**
 * Makes this process the only one to use what `file` stands for.
 *
 * Every contender puts a claim of its own beside the others, `<file>.<process>-<random>`, and then looks: it has the
 * lock when no other living process has a claim. Of two that claim at once the later sees the earlier, so both never
 * have it; all but the first by name withdraw, so one soon does. A claim of a process that is gone is removed by
 * whoever sees it, which can take nobody's lock away, since no claim is ever given to another.
 *
 * @throws UsageError when another process holds it, DataError when claims cannot be written there
 */
export async function takeLock(file: string): Promise<Lock> {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  const own = `${prefix}${process.pid}-${randomBytes(4).toString('hex')}`;
  const release = () => rm(join(folder, own), { force: true });
  const begun = performance.now();
  for (let claimed = false; ; ) {
    if (!claimed)
      await writeFile(join(folder, own), '', { flag: 'wx' }).catch((error: Error) => {
        throw new DataError(`Cannot lock '${folder}': ${error.message}.`);
      });
    claimed = true;
    const others = await livingClaims(folder, prefix, own);
    if (others.length === 0) return { release };
    const late = performance.now() - begun > PATIENCE_MS;
    if (late || others[0] < own) {
      await release();
      claimed = false;
    }
    if (late)
      throw new UsageError(`Process ${holderOf(others[0], prefix)} is at work in '${folder}'.`, {
        hint: 'Wait until it ends, or end it.',
      });
    await new Promise((done) => setTimeout(done, 20 + 40 * Math.random()));
  }
}

/** Whether a name in a folder is a claim to the lock of that name. */
export const isClaim = (name: string, lock: string): boolean =>
  name.startsWith(`${lock}.`) && holderOf(name, `${lock}.`) > 0;

/** Names of the other claims, sorted; those of processes that are gone are removed. */
async function livingClaims(folder: string, prefix: string, own: string): Promise<string[]> {
  const living: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (name === own || !name.startsWith(prefix)) continue;
    const holder = holderOf(name, prefix);
    if (!(holder > 0)) continue;
    if (isAlive(holder)) living.push(name);
    else await rm(join(folder, name), { force: true });
  }
  return living;
}

/** The process of a claim; NaN for any other name. */
function holderOf(name: string, prefix: string): number {
  return Number(/^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
