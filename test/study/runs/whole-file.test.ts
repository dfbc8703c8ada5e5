// Files and folders that are written whole or not at all, whoever else writes at the same time and however it ends.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FileError } from '../../../src/errors.ts';
import { mkdirSync as makeFolder } from '../../../src/study/runs/files.ts';
import { isPart, removeParts, writeFolder, writeWhole } from '../../../src/study/runs/whole-file.ts';

const test = suite<{ folder: string }>('whole files');
test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'divergrad-whole-'));
});
test.after.each(({ folder }) => rm(folder, { recursive: true, force: true }));

const failed = (promise: Promise<unknown>): Promise<FileError> =>
  promise.then(
    () => {
      throw new Error('it must fail');
    },
    (error: FileError) => error,
  );
/** A number that no process has any more. */
const deadProcess = () => spawnSync(process.execPath, ['--version']).pid;

test('many writes of one file at once all succeed, and one of them is there', async ({ folder }) => {
  const file = join(folder, 'report.html');
  const texts = Array.from({ length: 18 }, (_, i) => `${i} `.repeat(10_000));
  await Promise.all(texts.map((text) => writeWhole(file, text)));
  assert.ok(texts.includes(await readFile(file, 'utf8')));
  assert.equal(await readdir(folder), ['report.html']);
});

test('a text and pieces of bytes are written as they are', async ({ folder }) => {
  const file = join(folder, 'file');
  await writeWhole(file, 'KL(π‖p)\n');
  assert.is(await readFile(file, 'utf8'), 'KL(π‖p)\n');
  await writeWhole(file, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
  assert.equal([...(await readFile(file))], [1, 2, 3]);
});

test('nothing half written stays, and the file is as it was, wherever writing fails', async ({ folder }) => {
  const file = join(folder, 'file');
  await writeFile(file, 'before');
  const unwritable = [Uint8Array.of(1), { length: 1 } as Uint8Array];
  await failed(writeWhole(file, unwritable));
  await failed(
    writeWhole(file, 'after', async () => {
      throw new Error('the folder is another');
    }),
  );
  assert.is(await readFile(file, 'utf8'), 'before');
  assert.equal(await readdir(folder), ['file']);
  await mkdir(join(folder, 'taken', 'inside'), { recursive: true });
  await failed(writeWhole(join(folder, 'taken'), 'text'));
  assert.is((await failed(writeWhole(join(folder, 'absent', 'file'), 'text'))).fault, 'ENOENT');
  assert.equal((await readdir(folder)).sort(), ['file', 'taken']);
});

test('a folder that is replaced while a file is written never gets it', async ({ folder }) => {
  const [place, moved] = [join(folder, 'run'), join(folder, 'moved')];
  await mkdir(place);
  const error = await failed(
    writeWhole(join(place, 'file'), 'text', async () => {
      await rename(place, moved);
      await mkdir(place);
    }),
  );
  assert.is(error.fault, 'ENOENT');
  assert.equal(await readdir(place), []);
  await removeParts(moved, true);
  assert.equal(await readdir(moved), []);
});

test('a folder is there with all its files or not at all', async ({ folder }) => {
  const frames = new Map(Array.from({ length: 30 }, (_, i) => [`frame-${i}.svg`, `<svg>${i}</svg>`]));
  await writeFolder(join(folder, 'below', 'film'), frames);
  assert.equal((await readdir(join(folder, 'below', 'film'))).sort(), [...frames.keys()].sort());
  assert.is(await readFile(join(folder, 'below', 'film', 'frame-7.svg'), 'utf8'), '<svg>7</svg>');
  await mkdir(join(folder, 'empty'));
  await writeFolder(`${join(folder, 'empty')}/`, frames);
  assert.is((await readdir(join(folder, 'empty'))).length, 30);
  await mkdir(join(folder, 'full'));
  await writeFile(join(folder, 'full', 'kept'), 'kept');
  await failed(writeFolder(join(folder, 'full'), frames));
  await failed(writeFolder(join(folder, 'bad'), new Map([...frames, ['no/such/folder', 'text']])));
  assert.equal(await readdir(join(folder, 'full')), ['kept']);
  assert.equal((await readdir(folder)).sort(), ['below', 'empty', 'full']);
});

test('what dead processes have left is removed by the next write, and nothing else is', async ({
  folder,
}) => {
  const [dead, living] = [deadProcess(), process.pid].map((pid) => `file.${pid}-0123abcd.part`);
  const foreign = ['file.part', 'notes.12-part', 'apart', `${dead}.txt`];
  for (const name of [dead, living, ...foreign]) await writeFile(join(folder, name), 'half');
  await mkdir(join(folder, `film.${deadProcess()}-0123abcd.part`));
  await writeWhole(join(folder, 'file'), 'text');
  assert.equal((await readdir(folder)).sort(), ['file', living, ...foreign].sort());
  assert.equal([dead, living, ...foreign].filter(isPart), [dead, living, 'file.part']);
  // One that is alone in a folder knows that nobody is writing there.
  await removeParts(folder, true);
  assert.equal((await readdir(folder)).sort(), ['file', ...foreign.slice(1)].sort());
});

test('a folder below one that takes none is refused, and not tried for ever', () => {
  if (process.platform !== 'linux') return;
  assert.throws(() => makeFolder('/proc/none/deeper'), /'\/proc\/none\/deeper' cannot be made/);
});

test.run();
