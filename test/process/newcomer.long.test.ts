// The documents as a newcomer follows them: what they add compiles, the bench measures the divergence, a policy learns the
// environment, and the kernel parameter reaches the kernel on wasm.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../src/cli/bench-document.ts';
import {
  added,
  building,
  bundle,
  copy,
  divergrad,
  load,
  node,
  prepare,
  remove,
  requireScaledRewards,
  walks,
} from './newcomer-setting.ts';

test.before(prepare);
test.after(remove);

test("the documents' TypeScript type-checks: the example, the new divergence, and what the walks change", async () => {
  const changed = walks.flatMap(({ changes }) => changes.map(({ file }) => file));
  const checked = [...new Set(changed)].filter(
    (file) => file.endsWith('.ts') && !file.includes('/assembly/'),
  );
  const config = {
    extends: './tsconfig.json',
    compilerOptions: { paths: { divergrad: ['./src/index.ts'] }, incremental: false },
    files: ['example.ts', 'src/divergences/registry.ts', 'src/wgsl.d.ts', ...checked],
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
  const rows = await bench('--estimators', 'all');
  for (const name of added) {
    const row = rows.find(({ estimator }) => estimator === name);
    assert.ok(row && row.msPerUpdate > 0 && row.kernelsPerUpdate > 0, name);
  }
});

test('a policy learns the new environment', async () => {
  const settings = '--steps 1000 --warmup 100 --evaluate-every 1000 --hidden 16 --batch 32 --json';
  const { code, stdout, stderr } = await divergrad(
    ...['train', '--backend', 'cpu', '--env', 'docking', '--distribution', 'gumbel', ...settings.split(' ')],
  );
  assert.is(code, 0, stderr);
  const { evaluations } = JSON.parse(stdout) as { evaluations: { meanReturn: number }[] };
  // At random −9.54, as good as can be −0.27.
  assert.ok(evaluations[0].meanReturn > -2, String(evaluations[0].meanReturn));
});

test('the kernel parameter reaches the kernel on wasm, built anew', async () => {
  await (await building()).compileKernels();
  await bundle('parts.ts', 'anew.mjs');
  const parts = await load('anew.mjs');
  const device = await parts.open({ backend: 'wasm' });
  assert.is(device.backend.name, 'wasm');
  await requireScaledRewards(parts, device);
  await device.dispose();
});

test.run();
