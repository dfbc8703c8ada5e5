// The lock of a folder: of many processes that want it at once, with locks of dead ones in the way, never two have it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/errors.ts';
import { isClaim, takeLock } from '../../../src/study/runs/lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-lock-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const claims = (name: string) => readdirSync(folder).filter((entry) => isClaim(entry, name));

/** A number that no process has any more. */
const deadProcess = () => spawnSync(process.execPath, ['--version']).pid;

test('one at a time; a second is refused by the number of the first', async () => {
  const lock = await takeLock(join(folder, 'one.lock'));
  await takeLock(join(folder, 'one.lock')).then(
    () => assert.unreachable('two locks'),
    (error: Error) => {
      assert.instance(error, UsageError);
      assert.match(error.message, new RegExp(`Process ${process.pid} is at work`));
    },
  );
  await lock.release();
  const again = await takeLock(join(folder, 'one.lock'));
  assert.is(claims('one.lock').length, 1);
  await again.release();
  assert.equal(claims('one.lock'), []);
});

test('names that are no claims are left alone', async () => {
  writeFileSync(join(folder, 'two.lock.txt'), 'kept');
  const lock = await takeLock(join(folder, 'two.lock'));
  await lock.release();
  assert.is(readFileSync(join(folder, 'two.lock.txt'), 'utf8'), 'kept');
});

const claimOf = (name: string, pid: number) => join(folder, `${name}.${pid}-00000000`);

// Elsewhere a system does not say when a process began, and a claim is known by its number alone.
if (process.platform === 'linux') {
  test('a process that was killed but not yet asked how it ended is gone', async () => {
    // A shell that becomes something else never asks after the child it leaves.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = Number(await new Promise((done) => parent.stdout.once('data', done)));
    // Until it has become that, it would still ask.
    while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8').trim() !== 'sleep')
      await new Promise((done) => setTimeout(done, 5));
    process.kill(pid, 'SIGKILL');
    process.kill(pid, 0);
    writeFileSync(claimOf('three.lock', pid), '');
    const lock = await takeLock(join(folder, 'three.lock'));
    assert.is(claims('three.lock').length, 1);
    await lock.release();
    process.kill(pid, 0);
    parent.kill('SIGKILL');
  });

  test('a claim is not that of a later process with the same number', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    writeFileSync(claimOf('four.lock', child.pid as number), '1');
    writeFileSync(claimOf('four.lock', process.pid), '1');
    const lock = await takeLock(join(folder, 'four.lock'));
    assert.is(claims('four.lock').length, 1);
    await lock.release();
    child.kill('SIGKILL');
  });
}

test('of many processes racing for dead locks never two are inside', async () => {
  const file = join(folder, 'race.lock');
  const module = join(folder, 'lock.mjs');
  buildSync({
    entryPoints: ['src/study/runs/lock.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: module,
  });
  const rounds = 15;
  const racer = join(folder, 'racer.mjs');
  // Each round leaves a dead process's claim behind, as a kill does; `wx` fails when another is inside.
  writeFileSync(
    racer,
    `import { rmSync, writeFileSync } from 'node:fs';
import { takeLock } from ${JSON.stringify(pathToFileURL(module).href)};
const [file, inside, dead] = process.argv.slice(2);
for (let done = 0; done < ${rounds}; ) {
  const lock = await takeLock(file).catch((error) => {
    if (error.code !== 'usage') throw error;
  });
  if (!lock) continue;
  writeFileSync(inside, '', { flag: 'wx' });
  await new Promise((resolve) => setTimeout(resolve, 1));
  rmSync(inside);
  writeFileSync(\`\${file}.\${dead}-\${String(done).padStart(8, '0')}\`, '');
  await lock.release();
  done++;
}`,
  );
  const dead = String(deadProcess());
  const ends = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, [racer, file, join(folder, 'inside'), dead], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise<[number | null, string]>((done) => child.on('close', (code) => done([code, stderr])));
  });
  for (const [code, stderr] of await Promise.all(ends)) assert.is(code, 0, stderr);
  const last = await takeLock(file);
  await last.release();
  assert.equal(claims('race.lock'), []);
});

test.run();
