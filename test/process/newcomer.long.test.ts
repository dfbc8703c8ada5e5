// The README as a newcomer follows it: its example and its divergence compile, and the bench measures what it adds.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench.ts';
import { added, copy, divergrad, node, prepare, remove } from './newcomer-setting.ts';

test.before(prepare);
test.after(remove);

test("the README's TypeScript type-checks: the example, and the new divergence", async () => {
  const config = {
    extends: './tsconfig.json',
    compilerOptions: { paths: { divergrad: ['./src/index.ts'] }, incremental: false },
    files: ['example.ts', 'src/divergences/registry.ts', 'src/wgsl.d.ts'],
    include: existsSync('src/backend/wasm/wasm.d.ts') ? ['src/backend/wasm/wasm.d.ts'] : [],
  };
  writeFileSync(join(copy, 'tsconfig.readme.json'), JSON.stringify(config));
  const { code, stdout } = await node(
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.readme.json',
    '--pretty',
    'false',
  );
  assert.is(code, 0, stdout);
});

test('the new divergence has its rows in the bench, which nobody told of it', async () => {
  const sizes = ['--batch', '2', '--hidden', '4', '--obs', '2'];
  const bench = async (...more: string[]) => {
    const { code, stdout, stderr } = await divergrad(
      ...['bench', '--quick', '--json', '-', '--backend', 'cpu', ...sizes, ...more],
    );
    assert.is(code, 0, stderr);
    return (JSON.parse(stdout) as BenchDocument).reports[0].rows;
  };
  // An exact reference is measured when it is asked for.
  const rows = [...(await bench()), ...(await bench('--estimators', 'neyman/exact'))];
  for (const name of added) {
    const row = rows.find(({ estimator }) => estimator === name);
    assert.ok(row && row.msPerUpdate > 0 && row.kernelsPerUpdate > 0, name);
  }
});

test.run();
