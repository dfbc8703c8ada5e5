// Mesa's software drivers end all loops of an invocation after 65,535 passes. What would go further is right, or refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
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

test.run();
