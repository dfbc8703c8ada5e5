// A run that meets NaN or infinity ends with one line and exit code 1; asked to, it names the operation.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from '../helpers/process.ts';

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
  test(`train ${extra.join(' ')} with a senseless learning rate`, async () => {
    const { code, stderr } = await cli([...args, '--learning-rate', '1e13', ...extra]);
    assert.is(code, 1, stderr);
    assert.match(stderr, line);
    assert.is(stderr.trim().split('\n').length, 1);
  });
}

test.run();
