// A run's folder always holds a whole checkpoint, and what cannot be read is named and passed over.
import {
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, type CheckpointFault, DataError } from '../../../src/errors.ts';
import type { Checkpoint } from '../../../src/rl/checkpoint.ts';
import { encoding } from '../../../src/rl/checkpoint-format.ts';
import {
  findCheckpoint,
  removeCheckpoints,
  saveCheckpoint,
} from '../../../src/study/runs/checkpoint-file.ts';
import { removeParts } from '../../../src/study/runs/whole-file.ts';
import { bytesOf } from '../../helpers/training.ts';

const at = (step: number): Checkpoint => ({
  streams: 2,
  settings: { environment: 'pendulum' },
  step,
  updates: step,
  evaluations: [],
  random: { seed: 0, purpose: 'warmup', index: 0, position: 0, spareNormal: null },
  environments: [],
  replay: { rows: new Float32Array(30), next: 3 },
  states: new Map([['policy.parameters', Float32Array.of(step)]]),
});

async function refused(folder: string, fault: CheckpointFault): Promise<void> {
  const error = await findCheckpoint(folder).then(
    () => undefined,
    (thrown) => thrown as unknown,
  );
  assert.instance(error, CheckpointError);
  assert.is((error as CheckpointError).fault, fault);
}

const test = suite<{ folder: string }>('checkpoint files');
test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'divergrad-checkpoint-'));
});
test.after.each(({ folder }) => rm(folder, { recursive: true }));

test('the latest and the one before are kept, and nothing else', async ({ folder }) => {
  const run = join(folder, 'run');
  assert.is(await findCheckpoint(run), undefined);
  for (const step of [10, 20, 30]) await saveCheckpoint(run, at(step));
  assert.equal((await readdir(run)).sort(), ['checkpoint.bin', 'checkpoint.previous.bin']);
  const found = await findCheckpoint(run);
  assert.equal(found, { checkpoint: at(30), file: join(run, 'checkpoint.bin') });
  assert.equal(new Uint8Array(await readFile(join(run, 'checkpoint.previous.bin'))), bytesOf(at(20)));
  await removeCheckpoints(run);
  assert.equal(await readdir(run), []);
});

test('arrays of any size are written and read in pieces that every system takes, and damage in one is seen', async ({
  folder,
}) => {
  const rows = Float32Array.from({ length: 2 ** 24 + 5 }, (_, i) => i % 1000);
  const large: Checkpoint = { ...at(1), replay: { rows, next: 0 } };
  const lengths = [...encoding(large)].map(({ length }) => length);
  assert.is(Math.max(...lengths), 2 ** 26);
  await saveCheckpoint(folder, large);
  const file = join(folder, 'checkpoint.bin');
  assert.is(
    (await stat(file)).size,
    lengths.reduce((total, length) => total + length),
  );
  const found = await findCheckpoint(folder);
  assert.ok(found?.checkpoint.replay.rows.every((value, i) => value === i % 1000));
  assert.is(found?.checkpoint.replay.rows.length, rows.length);
  const handle = await open(file, 'r+');
  await handle.write(Uint8Array.of(0xff), 0, 1, 2 ** 26 + 7);
  await handle.close();
  await refused(folder, 'corrupted');
});

test('stopped between the two renames, the folder still has the one before', async ({ folder }) => {
  await saveCheckpoint(folder, at(10));
  await copyFile(join(folder, 'checkpoint.bin'), join(folder, 'checkpoint.previous.bin'));
  await rm(join(folder, 'checkpoint.bin'));
  await writeFile(join(folder, 'checkpoint.bin.part'), 'half');
  assert.is((await findCheckpoint(folder))?.checkpoint.step, 10);
  await saveCheckpoint(folder, at(20));
  assert.is((await findCheckpoint(folder))?.checkpoint.step, 20);
  await removeParts(folder, true);
  assert.equal((await readdir(folder)).sort(), ['checkpoint.bin', 'checkpoint.previous.bin']);
});

const damages: Record<Exclude<CheckpointFault, 'other-run' | 'older'>, (file: string) => Promise<void>> = {
  truncated: (file) => truncate(file, 100),
  corrupted: async (file) => {
    const bytes = await readFile(file);
    bytes[bytes.length - 20] ^= 1;
    await writeFile(file, bytes);
  },
  foreign: (file) => writeFile(file, 'something else'),
  newer: async (file) => {
    const bytes = await readFile(file);
    bytes.writeUInt32LE(99, 8);
    await writeFile(file, bytes);
  },
};

for (const [fault, damage] of Object.entries(damages)) {
  test(`${fault}: the file is named and the one before used; without one it is an error`, async ({
    folder,
  }) => {
    await saveCheckpoint(folder, at(10));
    await saveCheckpoint(folder, at(20));
    await damage(join(folder, 'checkpoint.bin'));
    const found = await findCheckpoint(folder);
    assert.is(found?.checkpoint.step, 10);
    assert.is(found?.file, join(folder, 'checkpoint.previous.bin'));
    assert.is(found?.skipped?.fault, fault);
    assert.match(found?.skipped?.message ?? '', `'${join(folder, 'checkpoint.bin')}' cannot be used. `);
    await damage(join(folder, 'checkpoint.previous.bin'));
    try {
      await findCheckpoint(folder);
      assert.unreachable('none can be read');
    } catch (error) {
      assert.instance(error, CheckpointError);
      assert.is((error as CheckpointError).fault, fault);
    }
  });
}

test('a place where nothing can be written or read is an error of data', async ({ folder }) => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await mkdir(join(folder, 'run/checkpoint.bin'), { recursive: true });
  for (const refused of [saveCheckpoint(join(file, 'run'), at(1)), findCheckpoint(join(folder, 'run'))]) {
    const error = await refused.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, DataError);
    assert.match((error as Error).message, /' cannot be (written|read|made): it is /);
  }
});

test.run();
