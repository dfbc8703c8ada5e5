// Every reference value on WebGPU, through the command line.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/cli/verify.ts';
import { cli } from '../helpers/process.ts';

test('webgpu passes every case, and says what needed more than the tolerance', async () => {
  const { code, stdout, stderr } = await cli(['verify', 'test/golden', '--backend', 'webgpu', '--json']);
  const report = JSON.parse(stdout) as VerifyReport;
  assert.is(report.backend, 'webgpu');
  assert.is(code, 0, stderr);
  const left = report.cases.filter(({ status: found }) => found !== 'passed' && found !== 'not applicable');
  assert.equal(left, []);
  for (const { group, status: found } of report.cases) {
    assert.is(found === 'not applicable', group === 'envs' || group === 'mujoco');
  }
  for (const { beyond, counts } of report.groups) assert.ok(beyond <= counts.passed);
});

test.run();
