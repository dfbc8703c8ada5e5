// The reference values on every build of the wasm kernels, through the command line, which lets Node 20 use relaxed SIMD.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/cli/verify.ts';
import { cliOutput } from '../helpers/process.ts';

const engines = { relaxed: 'relaxed SIMD', simd: 'SIMD', scalar: 'no SIMD' } as const;
for (const [build, engine] of Object.entries(engines)) {
  for (const threads of build === 'scalar' ? [1] : [1, 2]) {
    test(`${build}: every case passes, threads ${threads}`, async () => {
      const options = ['--backend', 'wasm', '--simd', build, '--threads', String(threads), '--json'];
      const report: VerifyReport = JSON.parse(await cliOutput(['verify', 'test/golden', ...options]));
      assert.match(report.description, new RegExp(`^wasm: ${engine}, ${threads} thread`));
      assert.ok(report.cases.filter(({ status }) => status === 'passed').length >= 369);
    });
  }
}

test.run();
