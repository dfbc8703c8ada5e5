// Every estimator with every distribution that it goes with, on the device under test: one recorded step gives the
// loss and the parameters that it gives in float64.
import { test } from 'uvu';
import type { Device } from '../../src/device.ts';
import { chooseEstimator, estimators } from '../../src/divergences/registry.ts';
import { cellsOf, isQuick } from '../divergences/cells-setting.ts';
import { exactDevice, openDevice } from '../helpers/devices.ts';
import { sameStep } from './cells-compare.ts';

let device: Device;
let exact: Device;
test.before(async () => {
  device = await openDevice();
  exact = exactDevice();
});
test.after(async () => {
  await device.dispose();
  await exact.dispose();
});

for (const { name } of estimators) {
  const allowed = cellsOf([chooseEstimator(name)]).filter(
    (cell) => cell.missing.length === 0 && isQuick(cell),
  );
  test(`${name}: a step with ${allowed.length} distributions`, () => sameStep(device, exact, allowed));
}

test.run();
