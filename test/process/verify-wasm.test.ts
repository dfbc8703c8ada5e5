// The reference values on the wasm kernels as they are by default, through the command line, which lets Node 20 use relaxed SIMD.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/cli/verify.ts';
import { cliOutput } from '../helpers/process.ts';

test('wasm passes every case', async () => {
  const report: VerifyReport = JSON.parse(
    await cliOutput(['verify', 'test/golden', '--backend', 'wasm', '--json']),
  );
  assert.match(report.description, /^wasm: relaxed SIMD, \d+ thread/);
  assert.ok(report.cases.filter(({ status }) => status === 'passed').length >= 369);
});

test.run();
