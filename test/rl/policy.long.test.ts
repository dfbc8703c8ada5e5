// PyTorch → safetensors → policy → safetensors → PyTorch, with PyTorch itself where it is installed (Debian: python3-torch).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadPolicy } from '../../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-torch-'));
const python = (...args: string[]) =>
  spawnSync('/usr/bin/python3', ['test/golden/policy/sequential.py', ...args], { encoding: 'utf8' });
// Without PyTorch, the files that it made are read.
const made = python('make', folder).status === 0;
const source = made ? folder : 'test/golden/policy';

test('actions agree to 1e-6 after both ways', async () => {
  const policy = loadPolicy(new Uint8Array(readFileSync(join(source, 'torch.safetensors'))), {
    ...{ environment: 'a world', estimator: 'reverse-kl/pathwise', distribution: 'tanh-gaussian' },
    ...{ observations: 3, actions: 2, hidden: [8, 5], activation: 'tanh' },
    spaces: {
      observation: { kind: 'box', low: [null, null, null], high: [null, null, null] },
      action: { kind: 'box', low: [-2, 0], high: [2, 1] },
    },
  });
  const { observations, actions } = JSON.parse(readFileSync(join(source, 'actions.json'), 'utf8'));
  const near = (a: ArrayLike<number>, b: readonly number[]) => {
    for (const [i, value] of b.entries())
      assert.ok(Math.abs(a[i] - value) < 1e-6, `${a[i]} instead of ${value}`);
  };
  for (const [i, observation] of observations.entries()) near(await policy.act(observation), actions[i]);
  const back = join(folder, 'back.safetensors');
  writeFileSync(back, policy.toSafetensors());
  if (!made) return;
  const { stdout, stderr } = python('act', back, folder);
  assert.is(stderr, '');
  for (const [i, action] of (JSON.parse(stdout) as number[][]).entries()) near(action, actions[i]);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
