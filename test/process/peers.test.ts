// bench:peers as a user meets it, without any peer: help, arguments, and a peer that cannot be had.
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('bench:peers');

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/peers/main.js', ...args], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, stdout, stderr };
};

test('--help names the options, the peers and the runtimes', () => {
  const { status, stdout, stderr } = run('--help');
  assert.is(status, 0);
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
  test(`${args.join(' ')} is refused with exit code 2`, () => {
    const { status, stdout, stderr } = run(...args);
    assert.is(status, 2);
    assert.is(stdout, '');
    assert.match(stderr, message);
  });
}

test('a peer asked for by name that cannot be had is named with the reason, and the exit code is 1', () => {
  const { status, stdout, stderr } = run(
    ...['--peers', 'pytorch', '--python', '/nowhere/python', '--quick', '--runtime', 'node'],
    ...['--work', 'small', '--backend', 'wasm', '--json', '-'],
  );
  assert.is(status, 1, stderr);
  assert.match(stderr, /pytorch was asked for and did not run/);
  const report = JSON.parse(stdout);
  assert.is(report.kind, 'divergrad-peers');
  const reasons = [...report.absent, ...report.contests.flatMap((c: { absent: unknown[] }) => c.absent)];
  assert.ok(reasons.length > 0 && reasons.every(({ reason }) => reason.length > 0), stdout);
});

test.run();
