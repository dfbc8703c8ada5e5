import { open, readFile, rm } from 'node:fs/promises';
import { UsageError } from '../errors.ts';

export interface Lock {
  release(): Promise<void>;
}

/** Milliseconds to wait for a process that is about to end, as one whose parent has just been killed. */
const PATIENCE_MS = 5000;

/**
 * Makes this process the only one to use what the file stands for. The lock of a process that is gone is taken over.
 *
 * @throws UsageError when another process holds it
 */
export async function takeLock(file: string): Promise<Lock> {
  const begun = performance.now();
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(`${process.pid}\n`);
      await handle.close();
      return { release: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(file, 'utf8').catch(() => ''));
    const waited = performance.now() - begun;
    if (holder > 0 ? !isAlive(holder) : waited > PATIENCE_MS / 10) {
      await rm(file, { force: true });
      continue;
    }
    if (waited > PATIENCE_MS)
      throw new UsageError(`'${file}' says that process ${holder} is at work here.`, {
        hint: 'Wait until it ends, or end it.',
      });
    await new Promise((done) => setTimeout(done, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
