// Steps of cells on the device under test against the same in float64.
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { type Cell, type Stepped, trainStep } from '../divergences/cells-setting.ts';
import { allclose } from '../helpers/allclose.ts';

/** The gradient that reached the optimiser: its first moment after one step, without the factor 1 − β₁ that both have. */
const gradientOf = ({ after }: Stepped): Float64Array => {
  const moments = after.get('policy.parameters.moments') as Float64Array;
  return moments.subarray(0, moments.length / 2);
};
/** How far every weight of the policy moved. */
const moves = ({ before, after }: Stepped): Float64Array => {
  const start = before.get('policy.parameters') as Float64Array;
  return (after.get('policy.parameters') as Float64Array).map((v, i) => v - start[i]);
};

function compare(name: string, here: Stepped, reference: Stepped): void {
  allclose([here.loss], [reference.loss], { rtol: 1e-3, atol: 1e-3 }, `${name}: loss`);
  for (const [state, values] of here.after) assert.ok(values.every(Number.isFinite), `${name}: ${state}`);
  const [gradient, expected] = [gradientOf(here), gradientOf(reference)];
  const size = Math.max(...expected.map(Math.abs));
  allclose(gradient, expected, { rtol: 1e-3, atol: 1e-4 * size }, `${name}: gradient`);
  const [moved, away] = [moves(here), moves(reference)];
  // Adam's first step is as large for a gradient of mere rounding as for any other.
  const certain = [...expected.keys()].filter((i) => Math.abs(expected[i]) > 1e-2 * size);
  assert.ok(certain.length > 0 && size > 1e-7, `${name}: no gradient`);
  allclose(
    certain.map((i) => moved[i]),
    certain.map((i) => away[i]),
    { rtol: 1e-3, atol: 1e-6 },
    `${name}: step`,
  );
}

/** One recorded step of each cell gives the loss and the parameters that it gives on the exact device. */
export async function sameStep(device: Device, exact: Device, cells: readonly Cell[]): Promise<void> {
  assert.ok(cells.length > 0);
  // At once, so that a device can build the programs side by side.
  const steps = await Promise.all(cells.map((cell) => trainStep(device, cell)));
  for (const [i, cell] of cells.entries()) compare(cell.name, steps[i], await trainStep(exact, cell));
}
