// The folder of a run that is stopped and goes on: every evaluation once, with the seconds of the whole run.
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError, UsageError } from '../../../src/errors.ts';
import type { Checkpoint } from '../../../src/rl/checkpoint.ts';
import type { Evaluation } from '../../../src/rl/evaluation.ts';
import type { PolicyFile } from '../../../src/rl/policy-file.ts';
import { saveCheckpoint } from '../../../src/study/runs/checkpoint-file.ts';
import { performRun } from '../../../src/study/runs/run.ts';
import { RunFolder, readConfig, readFinished } from '../../../src/study/runs/run-folder.ts';
import { type RunSettings, runDefaults } from '../../../src/study/runs/settings.ts';

const test = suite<{ folder: string }>('run folder');
test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'divergrad-run-'));
});
test.after.each(({ folder }) => rm(folder, { recursive: true }));

const settings: RunSettings = {
  ...runDefaults,
  ...{ environment: 'bimodal-bandit', estimator: 'reverse-kl/pathwise', distribution: 'tanh-gaussian' },
  ...{ seed: 4, steps: 40, batch: 4, hidden: [4], warmup: 8, evaluateEvery: 10, evaluationEpisodes: 2 },
  ...{ capacity: 64, backend: 'cpu', temperature: 'auto', samples: 1, criticTarget: 'sample' },
};
const making = { versions: { divergrad: 'test' }, adapter: 'a test', command: ['train'] };

const evaluation = (step: number): Evaluation => ({
  ...{ step, updates: step - 8, returns: [step, step + 1], meanReturn: step + 0.5 },
  metrics: { entropy: 1 / step },
});
/** With the evaluations of every tenth step. */
const checkpointAt = (step: number): Checkpoint => ({
  ...{ streams: 2, settings: {}, step, updates: step, environments: [] },
  evaluations: Array.from({ length: Math.floor(step / 10) }, (_, i) => evaluation(10 * (i + 1))),
  random: { seed: 0, purpose: 'warmup', index: 0, position: 0, spareNormal: null },
  replay: { rows: new Float32Array(3), next: 0 },
  states: new Map([['policy.parameters', Float32Array.of(step)]]),
});

const lines = async (folder: string) =>
  (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
/** A document without its checksum. */
const read = async (file: string) => {
  const { checksum, ...rest } = JSON.parse(await readFile(file, 'utf8'));
  assert.match(checksum, /^[0-9a-f]{8}$/);
  return rest;
};
const result = (folder: string) => read(join(folder, 'result.json'));

test('what was measured up to the checkpoint is kept, what came after it is measured again', async ({
  folder,
}) => {
  const first = await RunFolder.open(folder, settings, making);
  assert.is(first.resume, undefined);
  await first.append(evaluation(10), 1.5);
  await first.append(evaluation(20), 3);
  await first.save(checkpointAt(20));
  await first.append(evaluation(30), 4.25);
  await first.close();
  // It ended in the middle of a line.
  await writeFile(join(folder, 'metrics.jsonl'), '{"step": 40, "ret', { flag: 'a' });

  const second = await RunFolder.open(folder, settings, making);
  assert.is(second.resume?.step, 20);
  assert.equal(await lines(folder), [
    { ...evaluation(10), seconds: 1.5 },
    { ...evaluation(20), seconds: 3 },
  ]);
  assert.is(second.seconds(1), 4);
  await second.append(evaluation(30), 1.25);
  const policy = { kind: 'a policy' } as unknown as PolicyFile;
  await second.finish(policy, [10, 20, 30].map(evaluation), 2.5);
  await second.close();
  const evaluations = [
    { ...evaluation(10), seconds: 1.5 },
    { ...evaluation(20), seconds: 3 },
    { ...evaluation(30), seconds: 4.25 },
  ];
  assert.equal(await lines(folder), evaluations);
  const made = { ...making, settings };
  assert.equal(await result(folder), { kind: 'divergrad-result', made, seconds: 5.5, evaluations });
  assert.equal(await read(join(folder, 'policy.json')), { ...policy, made });
  assert.equal(await read(join(folder, 'config.json')), {
    ...{ kind: 'divergrad-run', ...settings, ...making },
  });
  assert.equal((await readdir(folder)).sort(), [
    'config.json',
    'metrics.jsonl',
    'policy.json',
    'result.json',
  ]);
  const refused = await RunFolder.open(folder, settings, making).catch((error: unknown) => error);
  assert.instance(refused, UsageError);
});

test('a run that went on elsewhere names every adapter that it was made on', async ({ folder }) => {
  const on = (adapter: string) => RunFolder.open(folder, settings, { ...making, adapter });
  for (const [adapter, known] of [
    ['one', 'one'],
    ['two', 'one; two'],
    ['one', 'one; two'],
    ['three', 'one; two; three'],
  ]) {
    const run = await on(adapter);
    await run.append(evaluation(10), 1);
    await run.save(checkpointAt(10));
    await run.close();
    assert.is((await readConfig(folder))?.adapter, known);
  }
  const last = await on('three');
  // Lost in the middle, and opened anew.
  last.ranOn('four');
  last.ranOn('four');
  await last.finish({ kind: 'a policy' } as unknown as PolicyFile, [evaluation(10)], 2);
  await last.close();
  assert.is((await result(folder)).made.adapter, 'one; two; three; four');
});

test('a run that is stopped at any step has the metrics of one that is not', async ({ folder }) => {
  const perform = (path: string, stopAt: number) => {
    const stop = new AbortController();
    return performRun(settings, {
      folder: path,
      making,
      checkpointEvery: 10,
      signal: stop.signal,
      onStep: (step) => {
        if (step === stopAt) stop.abort();
      },
    });
  };
  const measured = async (path: string) =>
    (await result(path)).evaluations.map(({ seconds: _, ...rest }: { seconds: number }) => rest);
  const whole = join(folder, 'whole');
  await perform(whole, Number.POSITIVE_INFINITY);
  const expected = await measured(whole);
  assert.equal(
    expected.map(({ step }: Evaluation) => step),
    [10, 20, 30, 40],
  );
  for (const stopAt of [19, 20, 21]) {
    const path = join(folder, `stopped-${stopAt}`);
    assert.is((await perform(path, stopAt)).stopped, true);
    assert.is((await perform(path, Number.POSITIVE_INFINITY)).stopped, false);
    assert.equal(await measured(path), expected);
    assert.equal(
      (await lines(path)).map(({ step }) => step),
      [10, 20, 30, 40],
    );
  }
});

test('of two runs that want a new folder at once one has it, and the other changes nothing', async ({
  folder,
}) => {
  const path = join(folder, 'run');
  const wanted = [settings, { ...settings, batch: 8 }];
  const opened: RunFolder[] = [];
  const tries = wanted.map(async (each) => {
    const run = await RunFolder.open(path, each, making);
    opened.push(run);
    await run.append(evaluation(10), 1);
    await run.save(checkpointAt(10));
    await run.close();
    return each;
  });
  const [first, second] = await Promise.allSettled(tries);
  const [won, lost] = first.status === 'fulfilled' ? [first, second] : [second, first];
  assert.ok(won.status === 'fulfilled' && lost.status === 'rejected', `${first.status} ${second.status}`);
  assert.instance(lost.reason, UsageError);
  assert.match(lost.reason.message, /holds another run: batch/);
  assert.is((await readConfig(path))?.batch, won.value.batch);
  assert.is(opened.length, 1);
  // And it goes on.
  const again = await RunFolder.open(path, won.value, making);
  assert.is(again.resume?.step, 10);
  await again.close();
});

test('a folder that was moved, or moved and replaced, even by its copy, is noticed before anything gets into its place', async ({
  folder,
}) => {
  const [path, moved] = [join(folder, 'run'), join(folder, 'moved')];
  for (const replaced of ['by nothing', 'by another', 'by its copy']) {
    const run = await RunFolder.open(path, settings, making);
    await run.save(checkpointAt(10));
    if (replaced === 'by its copy')
      await cp(path, `${path}-copy`, { recursive: true, preserveTimestamps: true });
    await rename(path, moved);
    if (replaced === 'by its copy') await rename(`${path}-copy`, path);
    if (replaced === 'by another') {
      const other = await RunFolder.open(path, settings, making);
      await other.close();
    }
    const unlocked = async () =>
      (await readdir(path).catch(() => [])).filter((name) => !name.startsWith('run.lock'));
    const before = await unlocked();
    for (const write of [
      () => run.append(evaluation(20), 1),
      () => run.save(checkpointAt(20)),
      () => run.fail(new Error('something')),
      () => run.finish({ kind: 'a policy' } as unknown as PolicyFile, [], 2),
    ]) {
      const error = await write().catch((thrown: unknown) => thrown);
      assert.instance(error, DataError, replaced);
      assert.match((error as Error).message, /no longer the one that this process has locked/);
    }
    assert.equal(await unlocked(), before);
    await run.close();
    assert.equal(await readdir(path).catch(() => []), before, 'the lock goes from a copy too');
    // Back in its place the run goes on, whatever a process that was killed has left half written.
    await rm(path, { recursive: true, force: true });
    await rename(moved, path);
    // Its process has ended.
    for (const name of await readdir(path)) if (name.startsWith('run.lock')) await rm(join(path, name));
    await writeFile(join(path, 'checkpoint.bin.1-0123abcd.part'), 'half');
    const again = await RunFolder.open(path, settings, making);
    assert.is(again.resume?.step, 10);
    await again.close();
    assert.equal((await readdir(path)).sort(), [
      'checkpoint.bin',
      ...(replaced !== 'by nothing' ? ['checkpoint.previous.bin'] : []),
      'config.json',
      'metrics.jsonl',
    ]);
  }
});

test('the checkpoint is the truth: whatever becomes of the log, the result is that of an undisturbed run', async ({
  folder,
}) => {
  const perform = (path: string, stopAt = Number.POSITIVE_INFINITY) => {
    const stop = new AbortController();
    const onStep = (step: number) => (step === stopAt ? stop.abort() : undefined);
    return performRun(settings, { folder: path, making, checkpointEvery: 10, signal: stop.signal, onStep });
  };
  const timeless = (list: (Evaluation & { seconds: number })[]) =>
    list.map(({ seconds: _, ...rest }) => rest);
  const whole = join(folder, 'whole');
  await perform(whole);
  const expected = await result(whole);
  const policy = async (path: string) =>
    JSON.parse(await readFile(join(path, 'policy.json'), 'utf8')).parameters;
  const damages: Readonly<Record<string, (text: string) => string | undefined>> = {
    nothing: (text) => text,
    'the last line lost': (text) => `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`,
    'the last line cut': (text) => text.slice(0, -20),
    'a line repeated': (text) => text + text.slice(text.lastIndexOf('{"step"')),
    'all lines repeated': (text) => text + text,
    'a line in the middle lost': (text) => text.split('\n').toSpliced(1, 1).join('\n'),
    'lines in another order': (text) => text.trimEnd().split('\n').reverse().join('\n'),
    'a byte-order mark': (text) => `\uFEFF${text}`,
    'other numbers': (text) => text.replaceAll(/"meanReturn":[^,]*/g, '"meanReturn":1000'),
    'another end of lines': (text) => text.replaceAll('\n', '\r\n'),
    'no text': () => '\0\0\0',
    'all of it': () => undefined,
  };
  for (const [name, damage] of Object.entries(damages)) {
    const path = join(folder, name);
    await perform(path, 30);
    const log = join(path, 'metrics.jsonl');
    const before = await lines(path);
    const damaged = damage(await readFile(log, 'utf8'));
    await (damaged === undefined ? rm(log) : writeFile(log, damaged));
    await perform(path);
    const { evaluations, seconds } = await result(path);
    assert.equal(timeless(evaluations), timeless(expected.evaluations), name);
    assert.equal(await lines(path), evaluations, name);
    assert.equal(await policy(path), await policy(whole), name);
    // The seconds too are the checkpoint's.
    assert.equal(evaluations.slice(0, 2), before.slice(0, 2), name);
    assert.ok(seconds >= evaluations.at(-1).seconds);
  }
});

test("a checkpoint of an earlier release has no seconds: they are the log's, as far as it has them", async ({
  folder,
}) => {
  const first = await RunFolder.open(folder, settings, making);
  for (const [i, step] of [10, 20, 30].entries()) await first.append(evaluation(step), 2 * (i + 1));
  await first.close();
  await saveCheckpoint(folder, checkpointAt(30));
  const log = join(folder, 'metrics.jsonl');
  await writeFile(log, (await readFile(log, 'utf8')).split('\n').toSpliced(1, 1).join('\n'));
  const second = await RunFolder.open(folder, settings, making);
  assert.equal(second.resume?.evaluations, [10, 20, 30].map(evaluation));
  await second.close();
  assert.equal(
    await lines(folder),
    [10, 20, 30].map((step, i) => ({ ...evaluation(step), seconds: [2, 2, 6][i] })),
  );
});

test('what was changed after it was written is refused by its checksum, whatever it says', async ({
  folder,
}) => {
  const path = join(folder, 'run');
  await performRun(settings, { folder: path, making, checkpointEvery: 100 });
  const whole = await readFinished(path);
  assert.ok(whole && whole.evaluations.length === 4);
  for (const [name, from, to] of [
    ['result.json', /"meanReturn":-?\d/, '"meanReturn":7'],
    ['policy.json', /"parameters":\[(-?)\d/, '"parameters":[$17'],
    ['config.json', '"divergrad": "test"', '"divergrad": "tost"'],
  ] as const) {
    const file = join(path, name);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(from, to));
    const error = await readFinished(path)
      .then(() => readConfig(path))
      .catch((thrown: unknown) => thrown);
    assert.instance(error, DataError);
    assert.match((error as Error).message, `${name}' was changed after it was written`);
    // Other spaces are none of its business, and without a checksum nothing is asked.
    await writeFile(file, JSON.stringify(JSON.parse(text), null, 7));
    await readFinished(path);
    await writeFile(file, text.replace(from, to).replace(/,\s*"checksum": ?"\w+"/, ''));
    await readFinished(path);
    await writeFile(file, text);
  }
});

test('a finished run is as it should be after it was read: what was to be removed is gone, the log and the settings are back', async ({
  folder,
}) => {
  const path = join(folder, 'run');
  await performRun(settings, { folder: path, making, checkpointEvery: 100 });
  const contents = async () =>
    Promise.all(
      (await readdir(path)).sort().map(async (name) => [name, await readFile(join(path, name), 'utf8')]),
    );
  const before = await contents();
  await saveCheckpoint(path, checkpointAt(40));
  await writeFile(join(path, 'error.json'), '{}');
  await writeFile(join(path, 'checkpoint.bin.1-0123abcd.part'), 'half');
  await writeFile(join(path, 'run.lock.999999999-0123abcd'), '1');
  await writeFile(join(path, 'metrics.jsonl'), '{"step": 10');
  await rm(join(path, 'config.json'));
  await readFinished(path);
  assert.equal(await contents(), before);
  await rm(join(path, 'policy.json'));
  const error = await readFinished(path).catch((thrown: unknown) => thrown);
  assert.instance(error, DataError);
  assert.match((error as Error).message, /policy.json' is missing, though the run has ended/);
});

test.run();
