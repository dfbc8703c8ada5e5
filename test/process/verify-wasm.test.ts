// The reference values on every build of the wasm kernels, through the command line, which lets Node 20 use relaxed SIMD.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/cli/verify.ts';

test('every build of the wasm kernels passes every case, on one thread and on two', () => {
  const builds = ['relaxed', 'simd', 'scalar'] as const;
  for (const build of builds) {
    for (const threads of build === 'scalar' ? [1] : [1, 2]) {
      const options = ['--backend', 'wasm', '--simd', build, '--threads', String(threads), '--json'];
      const run = { encoding: 'utf8', timeout: 120_000, maxBuffer: 2 ** 26 } as const;
      const args = ['dist/cli.js', 'verify', 'test/golden', ...options];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, run);
      assert.is(status, 0, `${build}, ${threads} threads: ${stderr}`);
      const report = JSON.parse(stdout) as VerifyReport;
      const engine = { relaxed: 'relaxed SIMD', simd: 'SIMD', scalar: 'no SIMD' }[build];
      assert.match(report.description, new RegExp(`^wasm: ${engine}, ${threads} thread`));
      assert.ok(report.cases.filter(({ status: found }) => found === 'passed').length >= 369);
    }
  }
});

test.run();
