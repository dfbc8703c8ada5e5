// Same seed, same machine, same backend: the same results, and every result says what made it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliOutput } from '../helpers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-repeat-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]): Promise<string> => cliOutput(args);

test('training repeats bit for bit on cpu and wasm, and its folder says what made it', async () => {
  for (const backend of ['cpu', 'wasm']) {
    const runs: unknown[] = [];
    for (const name of ['a', 'b']) {
      const out = join(folder, `${backend}-${name}`);
      const settings =
        '--env pendulum --steps 300 --warmup 100 --hidden 8 --batch 8 --evaluate-every 100 --episodes 2';
      await run('train', ...settings.split(' '), '--seed', '9', '--backend', backend, '--out', out);
      const read = (file: string) => JSON.parse(readFileSync(join(out, file), 'utf8'));
      const config = read('config.json');
      for (const key of ['versions', 'adapter', 'command', 'seed', 'estimator', 'steps'])
        assert.ok(Object.hasOwn(config, key), key);
      const { evaluations } = read('result.json');
      for (const file of ['result.json', 'policy.json'])
        for (const key of ['versions', 'adapter', 'command', 'settings'])
          assert.ok(Object.hasOwn(read(file).made, key), `${file}: ${key}`);
      runs.push([
        evaluations.map(({ seconds: _seconds, ...rest }: { seconds: number }) => rest),
        read('policy.json').parameters,
      ]);
    }
    assert.equal(runs[0], runs[1], backend);
  }
});

test('an environment of choices trains where no estimator is named', async () => {
  const args = 'train --env cartpole --steps 120 --warmup 100 --hidden 8 --batch 8 --evaluate-every 60';
  assert.match(
    await run(...args.split(' ')),
    /^reverse-kl\/exact, since reverse-kl\/pathwise does not work with categorical$/m,
  );
});

test.run();
