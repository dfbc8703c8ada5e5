// bench:peers as a user meets it, without any peer: help, arguments, and a peer that cannot be had.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ended, startIn } from '../helpers/process.ts';

const test = suite('bench:peers');

const run = (...args: string[]): Promise<Ended> => startIn('node', 'dist/peers/main.js', args).ended;

test('--help names the options, the peers and the runtimes', async () => {
  const { code, stdout, stderr } = await run('--help');
  assert.is(code, 0);
  assert.is(stderr, '');
  const flags = ['--quick', '--work', '--runtime', '--peers', '--json', '--svg', '--seed', '--threads'];
  for (const text of [...flags, 'pytorch', 'jax-js', 'tfjs', 'gpu.js', 'chromium', 'deno'])
    assert.ok(stdout.includes(text), text);
});

for (const [args, message] of [
  [['--work', 'huge'], /Unknown work 'huge'.*small, big/],
  [['--peers', 'pytorch,numpy'], /Unknown peer 'numpy'.*pytorch/],
  [['--runtime', 'bun'], /Unknown runtime 'bun'.*node/],
  [['--rounds', '0'], /--rounds.*whole number/],
  [['--seed', '-1'], /--seed.*whole number/],
  [['--bogus'], /unknown option/],
] as const) {
  test(`${args.join(' ')} is refused with exit code 2`, async () => {
    const { code, stdout, stderr } = await run(...args);
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, message);
  });
}

test('a peer asked for by name that cannot be had is named with the reason, and the exit code is 1', async () => {
  const { code, stdout, stderr } = await run(
    ...['--peers', 'pytorch', '--python', '/nowhere/python', '--quick', '--runtime', 'node'],
    ...['--work', 'small', '--backend', 'wasm', '--json', '-'],
  );
  assert.is(code, 1, stderr);
  assert.match(stderr, /pytorch was asked for and did not run/);
  const report = JSON.parse(stdout);
  assert.is(report.kind, 'divergrad-peers');
  const reasons = [...report.absent, ...report.contests.flatMap((c: { absent: unknown[] }) => c.absent)];
  assert.ok(reasons.length > 0 && reasons.every(({ reason }) => reason.length > 0), stdout);
});

test.run();
