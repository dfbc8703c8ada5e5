// A run that meets NaN or infinity ends with one line and exit code 1; asked to, it names the operation.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
const args = [
  'train',
  '--env',
  'pendulum',
  '--backend',
  'wasm',
  '--steps',
  '60',
  '--warmup',
  '20',
  '--hidden',
  '8',
];

for (const [extra, line] of [
  [[], /^divergrad: The run met NaN or infinity by step \d+: in update \d+, first in /],
  [
    ['--debug-numerics'],
    /^divergrad: In update \d+, step \d+ of \d+, \w+ .*, gives (NaN|-?Infinity) at element \d+ of /,
  ],
] as const) {
  test(`train ${extra.join(' ')} with a senseless learning rate`, () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [cli, ...args, '--learning-rate', '1e13', ...extra],
      {
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
    assert.is(status, 1, stderr);
    assert.match(stderr, line);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test.run();
