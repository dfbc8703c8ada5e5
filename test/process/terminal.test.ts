// The command line at a terminal of 60 and of 120 columns: progress and lines never share a row, and nothing is cut off.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
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

test.run();
