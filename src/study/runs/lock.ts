import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { DataError, UsageError } from '../../errors.ts';
import { ending } from './ending.ts';
import { faultOf, isAbsent, numberOf, readdir, readFile, rm, rmSync, writeFileSync } from './files.ts';

export interface Lock {
  /**
   * @throws DataError when the folder is no longer the one that was locked: it was removed, or moved and another stands in its
   *   place, be it a copy of it
   */
  requireHeld(): Promise<void>;
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
 * whoever sees it, which can take nobody's lock away, since no claim is ever given to another. It holds when its
 * process began, since the number may be another's by now: in a container that is started again it often is.
 *
 * @throws UsageError when another process holds it, DataError when claims cannot be written there
 */
export async function takeLock(file: string): Promise<Lock> {
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  const claim = join(folder, `${prefix}${ownMark()}`);
  const withdraw = () => rm(claim);
  const forget = ending.whenKilled(() => rmSync(claim, { force: true }));
  // One that cannot be removed goes when the next process sees that this one has ended.
  const release = () =>
    withdraw()
      .catch(() => undefined)
      .finally(forget);
  const number = () =>
    numberOf(claim).catch((error: unknown) => {
      if (isAbsent(error) || faultOf(error) === 'ENOTDIR') return undefined;
      throw error;
    });
  let own: bigint | undefined;
  const requireHeld = async () => {
    // A copy of the folder has a copy of the claim.
    const held = await number();
    if (held !== undefined && held === own) return;
    throw new DataError(`The folder '${folder}' is no longer the one that this process has locked.`, {
      hint: 'It was removed, or moved and another stands in its place. Put it back, and the same command goes on.',
    });
  };
  try {
    await contend(folder, prefix, claim, withdraw);
    own = await number();
    return { release, requireHeld };
  } catch (error) {
    // A full disk may have left it empty.
    await release();
    throw error;
  }
}

/** Comes back when no other living process has a claim. */
async function contend(
  folder: string,
  prefix: string,
  claim: string,
  withdraw: () => Promise<void>,
): Promise<void> {
  const own = basename(claim);
  const { began } = await lookAt(process.pid);
  const since = performance.now();
  for (let claimed = false; ; ) {
    // At once, and not by a call that may end after the claim was withdrawn.
    if (!claimed) writeFileSync(claim, began, { flag: 'wx' });
    claimed = true;
    const others = await livingClaims(folder, prefix, own);
    if (others.length === 0) return;
    if (performance.now() - since > PATIENCE_MS)
      throw new UsageError(`Process ${holderOf(others[0], prefix)} is at work in '${folder}'.`, {
        hint: 'Wait until it ends, or end it.',
      });
    if (others[0] < own) {
      await withdraw();
      claimed = false;
    }
    await new Promise((done) => setTimeout(done, 20 + 40 * Math.random()));
  }
}

/** Names this process, and one use of it: no other has it. */
export const ownMark = (): string => `${process.pid}-${randomBytes(4).toString('hex')}`;

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
    const began = await readFile(join(folder, name), 'utf8').catch(() => '');
    if (await isAlive(holder, began)) living.push(name);
    else await rm(join(folder, name));
  }
  return living;
}

/** The process of a claim; NaN for any other name. */
function holderOf(name: string, prefix: string): number {
  return Number(/^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1]);
}

/** Whether the process that had this number at that time still runs; of a time unknown, whether any has it. */
export async function isAlive(pid: number, began = ''): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const seen = await lookAt(pid);
  return !seen.ended && (!began || !seen.began || began === seen.began);
}

/**
 * What Linux tells of a process; elsewhere, nothing.
 * One that was killed has its number until its parent asks how it ended, which some parents never do: it has `ended`.
 * `began` counts ticks since the machine was started.
 */
async function lookAt(pid: number): Promise<{ ended: boolean; began: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the command in brackets and may hold anything; the state is the 3rd, the beginning the 22nd.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { ended: fields[0] === 'Z' || fields[0] === 'X', began: fields[19] ?? '' };
}
