// Times of a program's steps by the device's own clock: as many as there are steps, no more than the wall's, and the
// updates they look at are updates like any other.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { adam, mlp } from '../../src/nn/index.ts';
import { gradient, mean, square } from '../../src/tape/index.ts';
import { openDevice, testBackend } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

/** Fits a small network to 0. */
async function fitting() {
  const device = await openDevice();
  const network = mlp({ inputs: 3, hidden: [16, 16], outputs: 1, seed: 4 });
  const optimiser = adam(network.parameters, { learningRate: 1e-2 });
  const update = await device.compile(({ input }) => {
    const loss = mean(square(network(input('x', [32, 3]))));
    optimiser.step(gradient(loss, network.parameters));
    return { loss };
  });
  update.write({ x: normals(96, 5) });
  return { device, update };
}

test('timed updates leave what run leaves', async () => {
  const [timed, ran] = [await fitting(), await fitting()];
  const wrong = await timed.update.timeSteps(0).catch((error: unknown) => error);
  assert.instance(wrong, UsageError);
  const { information } = timed.device.backend;
  const offered = testBackend() === 'webgpu' && String(information.features).includes('timestamp-query');
  const begun = performance.now();
  const ms = await timed.update.timeSteps(5);
  const wallMs = performance.now() - begun;
  if (offered) {
    assert.ok(ms);
    assert.is(ms.length, timed.update.program.steps.length);
    assert.ok(ms.every((time) => Number.isFinite(time) && time >= 0));
    assert.ok(
      ms.some((time) => time > 0),
      'a clock that stands',
    );
    const total = 5 * ms.reduce((a, b) => a + b, 0);
    assert.ok(total <= wallMs, `${total} ms by the device, ${wallMs} by the wall`);
    ran.update.run(5);
    assert.is(await timed.update.readScalar('loss'), await ran.update.readScalar('loss'));
  } else assert.is(ms, undefined);
  await Promise.all([timed.device.dispose(), ran.device.dispose()]);
});

test.run();
