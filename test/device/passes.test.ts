// Mesa's software drivers end all loops of an invocation after 65,535 passes. What would go further is right, or refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { BackendError } from '../../src/errors.ts';
import { add, digamma, logGamma, sum, type Tensor, trigamma } from '../../src/tape/index.ts';
import { evaluate, exactDevice, openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

const functions: Record<string, (x: Tensor) => Tensor> = {
  trigamma,
  'three at once': (x) => add(add(trigamma(x), digamma(x)), logGamma(x)),
};
for (const [name, of] of Object.entries(functions))
  for (const count of [3000, 8190, 20_000])
    test(`sums of ${count} of ${name}`, async () => {
      const x = Float32Array.from({ length: count }, (_, i) => 0.1 + (0.7 * i) / count);
      const body = ({ input }: { input: (name: string, shape: number[]) => Tensor }) => ({
        y: sum(of(input('x', [count]))),
      });
      const expected = await evaluate(body, { x }, { device: exactDevice() });
      const found = await evaluate(body, { x }, { device }).catch((error: Error) => error);
      if (found instanceof Error) {
        assert.instance(found, BackendError);
        assert.match(found.message, /passes of loops, and this adapter ends loops after 65535 .*llvmpipe/);
      } else {
        const wanted = expected.y[0];
        assert.ok(Math.abs(found.y[0] - wanted) < 1e-4 * Math.abs(wanted), `${found.y[0]}, not ${wanted}`);
      }
    });

for (const actions of [5000, 5900, 7000])
  test(`samples of ${actions} actions, whose noise is drawn where it is used`, async () => {
    const head = new Float32Array(4 * actions).fill(-0.5);
    const body = ({ input }: { input: (name: string, shape: number[]) => Tensor }) => {
      const { actions: taken, logProb } = new Gaussian(
        input('head', [2, 2 * actions]),
        actions,
        false,
      ).sample(1);
      return { logProb, total: sum(taken) };
    };
    const expected = await evaluate(body, { head }, { device: exactDevice() });
    const found = await evaluate(body, { head }, { device }).catch((error: Error) => error);
    if (found instanceof Error) {
      assert.instance(found, BackendError);
      assert.match(found.message, /passes of loops, and this adapter ends loops after 65535 .*llvmpipe/);
    } else
      for (const i of [0, 1]) {
        const [value, wanted] = [found.logProb[i], expected.logProb[i]];
        assert.ok(Math.abs(value - wanted) < 1e-4 * Math.abs(wanted), `${value}, not ${wanted}`);
      }
  });

test.run();
