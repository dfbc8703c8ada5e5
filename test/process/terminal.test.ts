// The command line at a terminal of 60 and of 120 columns: progress and lines never share a row, and nothing is cut off.
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli, cliOutput, inFolder } from '../helpers/process.ts';
import { noAdapter } from './cli-setting.ts';
import { atTerminal } from './terminal-setting.ts';

const small = '--env pendulum --backend cpu --warmup 50 --hidden 8 --batch 8 --seed 2 --episodes 2'.split(
  ' ',
);

for (const columns of [60, 120])
  test(`train at ${columns} columns: progress and lines never share a row, and every number is whole`, async () => {
    let drawn = 0;
    const { code, bytes, rows } = await atTerminal(
      columns,
      ['train', ...small, '--steps', '600', '--evaluate-every', '200'],
      {
        watch: (row) => {
          if (!/\d+%/.test(row)) return;
          drawn++;
          assert.match(row, /^training \[/);
          assert.not.match(row, /return|tanh-gaussian|cpu:/);
        },
      },
    );
    assert.is(code, 0, bytes);
    assert.ok(drawn > 0, 'there is progress to see');
    const text = rows.join('\n');
    assert.not.match(text, /%/, 'what is done needs no progress');
    for (const row of rows) assert.ok(row.length <= columns, row);
    const lines = text.replace(/\n {4}/g, '  ').split('\n');
    assert.is(
      lines.filter((line) =>
        /^step +[246]00 {2}return +-\d+\.\d ± \d+\.\d {2}temperature [\d.]+ {2}entropy -?[\d.]+ {2}criticLoss [\d.]+ {2}[\d.]+ s$/.test(
          line,
        ),
      ).length,
      3,
      text,
    );
    // A terminal breaks a row that is too long in the middle of a word; no row is that long.
    for (const line of bytes.split('\n'))
      assert.ok((line.split('\r').at(-1) as string).length <= columns, line);
  });

test('Ctrl-C says where it stopped, the policy so far plays, and the same command goes on from there', () =>
  inFolder(async (folder) => {
    const out = join(folder, 'run');
    const args = ['train', ...small, '--steps', '1e6', '--evaluate-every', '200', '--out', out];
    const first = await atTerminal(60, args, { interrupt: /step +200 / });
    assert.is(first.code, 130, first.bytes);
    const text = first.rows.join('\n');
    const [, step] = /^stopped at step (\d+), run again to go on$/m.exec(text) ?? [];
    assert.ok(Number(step) >= 200, text);
    assert.not.match(text, /%|nothing is kept/);
    const played = JSON.parse(
      await cliOutput(['play', out, '--episodes', '1', '--backend', 'cpu', '--json']),
    );
    assert.is(played.episodes.length, 1);
    const second = await atTerminal(120, args, { interrupt: /goes on from step/ });
    assert.match(second.rows.join('\n'), new RegExp(`^goes on from step ${step}$`, 'm'));
    assert.match(second.rows.join('\n'), /^stopped at step \d+, run again to go on$/m);
  }));

test('without a folder, train says before and after that nothing is kept', async () => {
  const { code, rows } = await atTerminal(
    60,
    ['train', ...small, '--steps', '1e6', '--evaluate-every', '100'],
    {
      interrupt: /step +100 /,
    },
  );
  assert.is(code, 130);
  assert.ok(rows.includes('nothing is kept without --out DIR'));
  assert.match(rows.join('\n'), /^stopped at step \d+, nothing is kept$/m);
});

test('where there is no WebGPU one short line says so, once', async () => {
  const args = [
    ...small.filter((word) => !['--backend', 'cpu'].includes(word)),
    '--steps',
    '60',
    '--evaluate-every',
    '60',
  ];
  const { code, stdout } = await cli(['train', ...args], { env: noAdapter });
  assert.is(code, 0);
  const told = stdout.split('\n').filter((line) => line.includes('WebGPU'));
  assert.is(told.length, 1, stdout);
  assert.match(told[0], /^wasm: .*\(no WebGPU: WebGPU offers no adapter\)$/);
  assert.ok(told[0].length <= 120);
});

test('steps that are all warm-up are warned of', async () => {
  const { code, rows } = await atTerminal(120, [
    'train',
    ...small,
    '--steps',
    '40',
    '--evaluate-every',
    '40',
  ]);
  assert.is(code, 0);
  assert.match(
    rows.join('\n'),
    /^divergrad: All 40 steps are warm-up, which takes 50: nothing is learned\./m,
  );
});

test.run();
