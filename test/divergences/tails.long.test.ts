// Integrals over a box with the families that tails.test.ts leaves out: finite at the ends of every range.
import { test } from 'uvu';
import type { Device } from '../../src/device.ts';
import { estimatorChoices } from '../../src/divergences/registry.ts';
import { openDevice } from '../helpers/devices.ts';
import { familiesFor, finiteAtTheEnds } from './tails-setting.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

for (const choice of estimatorChoices().filter((choice) => familiesFor(choice, false).length > 0))
  test(`${choice.name}: finite loss and gradient at the ends of their ranges`, async () => {
    for (const family of familiesFor(choice, false)) await finiteAtTheEnds(device, choice, family);
  });

test.run();
