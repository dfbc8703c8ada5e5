// What goes wrong in a worker is told as it is told without one: the same line, the same exit code.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import { cli, inFolder, startCli } from '../helpers/process.ts';

const settings =
  '--env pendulum --backend cpu --steps 1000000 --warmup 1000000 --evaluate-every 1000000 --checkpoint-every 40 --episodes 1';
const parallel = [...settings.split(' '), '--parallel-environments', '4'];

type Environments = Checkpoint['environments'];
const withPhysics = (all: Environments, physics: readonly number[]): Environments =>
  all.map((each, i) => (i === 3 ? { ...each, state: { ...each.state, physics } } : each));
const damages: Record<string, readonly [change: (all: Environments) => Environments, told: RegExp]> = {
  'one environment less': [(all) => all.slice(1), /holds 3 environments, and the run has 4/],
  'one environment more': [(all) => [...all, all[0]], /holds 5 environments, and the run has 4/],
  'physics of another size': [
    (all) => withPhysics(all, [1]),
    /The state of the environment 'pendulum' is malformed/,
  ],
  'an observation of another size': [
    (all) => all.map((each) => ({ ...each, observation: each.observation.slice(1) })),
    /holds 2 values as the observation of environment 0, and it has 3/,
  ],
};

test('a checkpoint whose environments are not those of the run', () =>
  inFolder(async (folder) => {
    const out = join(folder, 'run');
    const first = startCli(['train', ...parallel, '--out', out]);
    const file = join(out, 'checkpoint.bin');
    await first.brings(() => {
      try {
        return decodeCheckpoint(readFileSync(file)).step > 0;
      } catch {
        return false;
      }
    });
    first.kill('SIGINT');
    await first.ended;
    const whole = decodeCheckpoint(readFileSync(file));
    for (const [name, [change, told]] of Object.entries(damages)) {
      for (const place of [file, join(out, 'checkpoint.previous.bin')])
        writeFileSync(
          place,
          Buffer.concat(encodeCheckpoint({ ...whole, environments: change(whole.environments) })),
        );
      const lines = [];
      for (const workers of ['0', '3']) {
        const { code, stderr } = await cli(['train', ...parallel, '--workers', workers, '--out', out]);
        assert.is(code, 1, `${name}: ${stderr}`);
        assert.match(stderr, told);
        assert.not.match(stderr, /unexpected/);
        lines.push(stderr);
      }
      assert.is(lines[0], lines[1], name);
    }
  }));

test.run();
