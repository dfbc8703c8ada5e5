// Same seed, same machine, same backend: the same results, and every result says what made it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const cli = process.env.DIVERGRAD_CLI ?? 'dist/cli.js';
const folder = mkdtempSync(join(tmpdir(), 'divergrad-repeat-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return stdout;
}

test("bench's counts repeat", () => {
  const counts = () => {
    const args = ['--quick', '--backend', 'wasm', '--estimators', 'reverse-kl/pathwise,mpo/decoupled'];
    const { reports, ...rest } = JSON.parse(run('bench', ...args, '--seed', '4', '--json', '-'));
    assert.ok(JSON.stringify(rest).includes('versions') || JSON.stringify(reports).includes('version'));
    return reports[0].rows.map((row: Record<string, unknown>) => [
      row.estimator,
      row.samples,
      row.kernelsPerUpdate,
      row.flops,
      row.bytes,
      row.arenaBytes,
    ]);
  };
  assert.equal(counts(), counts());
});

test('training repeats bit for bit on cpu and wasm, and its folder says what made it', () => {
  for (const backend of ['cpu', 'wasm']) {
    const runs = ['a', 'b'].map((name) => {
      const out = join(folder, `${backend}-${name}`);
      const settings =
        '--env pendulum --steps 300 --warmup 100 --hidden 8 --batch 8 --evaluate-every 100 --episodes 2';
      run('train', ...settings.split(' '), '--seed', '9', '--backend', backend, '--out', out);
      const read = (file: string) => JSON.parse(readFileSync(join(out, file), 'utf8'));
      const config = read('config.json');
      for (const key of ['versions', 'adapter', 'command', 'seed', 'estimator', 'steps'])
        assert.ok(Object.hasOwn(config, key), key);
      const { evaluations } = read('result.json');
      return [
        evaluations.map(({ seconds: _seconds, ...rest }: { seconds: number }) => rest),
        read('policy.json').parameters,
      ];
    });
    assert.equal(runs[0], runs[1], backend);
  }
});

test.run();
