// A driver that the other suites do not have: its adapter is opened, agrees with the reference, and gives the golden values.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type OpenedDevice, open } from '../../src/open/open.ts';
import { readFolder } from '../../src/verify/folder.ts';
import { verifyGroup } from '../../src/verify/runner.ts';

let device: OpenedDevice;
test.before(async () => {
  device = await open({ backend: 'webgpu' });
});
test.after(() => device.dispose());

test("the adapter is Mesa's", () => {
  assert.match(device.backend.description, /llvmpipe/i);
});

for (const name of ['mlp_small', 'ops_unary', 'ops_matmul', 'optim', 'estimators_ab'])
  test(`all of ${name} passes`, async () => {
    const groups = (await readFolder('test/golden')).filter((group) => group.name === name);
    assert.is(groups.length, 1);
    const cases = await verifyGroup(groups[0], device, { precision: 'f32' });
    assert.ok(cases.length > 0);
    assert.equal(
      cases.filter(({ status }) => status !== 'passed'),
      [],
    );
  });

test.run();
