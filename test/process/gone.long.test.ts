// Outputs that cannot be written, terminals and parents that are gone, disks that are full: every command, every way.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCli } from '../helpers/process.ts';
import { Gone } from './gone-setting.ts';

const gone = new Gone();
const commands = await gone.files();
test.after(() => gone.remove());

for (const [name, args] of Object.entries(commands)) {
  const wrong = name === 'a wrong call';
  test(`${name}: standard output that cannot be written is named, with exit code 1`, async () => {
    const { code, stderr } = await gone.shell(args, '>/dev/full');
    if (wrong) return assert.is(code, 2);
    assert.is(code, 1, stderr);
    assert.match(stderr, /^divergrad: Standard output cannot be written: ENOSPC.*\n$/m);
    assert.not.match(stderr, /unexpected/);
  });

  for (const [how, after] of [
    ['cannot be written', '2>/dev/full'],
    ['has lost its reader', '3>&1 1>&2 2>&3 3>&- | true'],
  ])
    test(`${name}: standard error ${how}, and the exit code is that of the result`, async () => {
      const whole = await gone.shell(args, '');
      assert.is(whole.code, wrong ? 2 : 0, whole.stderr);
      // In the second way what the command prints comes by the shell's standard error.
      const { code, stdout, stderr } = await gone.shell(args, after);
      assert.is(code, whole.code, stderr);
      assert.is((stdout + stderr).split('\n').length, whole.stdout.split('\n').length);
    });

  test(`${name}: no output can be written, and it ends`, async () => {
    assert.is((await gone.shell(args, '>/dev/full 2>&1')).code, wrong ? 2 : 1);
  });

  test(`${name}: nobody reads what it prints, and it ends`, async () => {
    // The reader has gone before the command begins.
    const { code, stderr } = await gone.shell(args, '2>&1 | true');
    assert.is(stderr, '');
    assert.ok(wrong ? code === 2 : code === 141, `${code}`);
  });
}

test('a study whose reader has gone stops its runs, which keep their checkpoints', async () => {
  const out = gone.path('study');
  const file = gone.study([{ name: 'linear-quadratic', steps: 200 }, 'pendulum']);
  // The first run ends with a line, which nobody reads.
  const args = ['study', file, '--jobs', '1', '--checkpoint-every', '1000', '--out', out];
  assert.is((await gone.shell(args, '2>&1 | true')).code, 141);
  gone.assertClean(out);
});

test('a signal to all processes of a terminal, as Ctrl-C, stops a study once: its runs keep their checkpoints', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const out = gone.path(`group-${signal}`);
    const { child, runs } = await gone.studyUnderWay(out);
    process.kill(-(child.child.pid ?? Number.NaN), signal);
    assert.is((await child.ended).code, code);
    for (const run of runs) gone.assertKept(run);
  }
});

test('a signal that comes twice at once, as of timeout, is one', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const out = gone.path(`twice-${signal}`);
    const child = startCli(gone.endless(out));
    await child.says(/^step +1000 /m);
    child.kill(signal);
    child.kill(signal);
    assert.is((await child.ended).code, code);
    gone.assertKept(out);
  }
});

test('a disk that is full is named, and leaves nothing half written', async () => {
  const out = gone.path('limited');
  // No file may have more than so many blocks, of 512 bytes or 1 kB.
  const limited = (blocks: number, args: readonly string[]) => gone.shell(args, '', `ulimit -f ${blocks}`);
  const trained = await limited(8, [...gone.endless(out), '--checkpoint-every', '500']);
  assert.is(trained.code, 1);
  assert.match(
    trained.stderr,
    /^divergrad: '.*checkpoint\.bin' cannot be written: files may not become so large\..*\n$/,
  );
  gone.assertClean(out);
  const page = await limited(8, [
    'report',
    gone.path('finished'),
    '--resamples',
    '100',
    '--out',
    gone.path('page'),
  ]);
  assert.is(page.code, 1);
  assert.match(page.stderr, /^divergrad: '.*' cannot be written: files may not become so large\..*\n$/);
  gone.assertClean(gone.path('page'));
  const film = await limited(1, [
    'play',
    gone.path('finished'),
    '--episodes',
    '1',
    '--render',
    gone.path('cut'),
  ]);
  assert.is(film.code, 1);
  assert.match(film.stderr, /^divergrad: '.*' cannot be written: files may not become so large\..*\n$/);
  assert.not.ok(existsSync(gone.path('cut')));
  gone.assertClean(gone.folder);
});

test('a film is there with all its frames or not at all, whenever it is interrupted', async () => {
  const whole = gone.path('film');
  const play = (out: string) => ['play', gone.path('finished'), '--episodes', '1', '--render', out];
  const begun = performance.now();
  await startCli(play(whole)).ended;
  const ms = performance.now() - begun;
  const frames = readdirSync(whole).length;
  for (let i = 1; i <= 8; i++) {
    const out = gone.path(`films-${i}`);
    const child = startCli(play(`${out}/film`));
    const asked = setTimeout(() => child.kill('SIGINT'), (ms * (i + 4)) / 13);
    await child.ended;
    clearTimeout(asked);
    assert.not.ok(existsSync(out) && readdirSync(out).some((name) => name !== 'film'));
    if (existsSync(join(out, 'film'))) assert.equal(readdirSync(join(out, 'film')).length, frames);
  }
});

test.run();
