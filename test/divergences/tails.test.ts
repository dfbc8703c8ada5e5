// The ends of every range in float32: actions at the faces of the box, log-std at its bounds, logits of ±80, weights
// that differ by more than e^100, temperatures from 1e-4 to 1e3, a single sample, a single state. Nothing may be NaN or infinite.
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import { add, grad, sum } from '../../src/tape/index.ts';
import { evaluate, lowered, openDevice } from '../helpers/devices.ts';
import { actionOf, critics, familiesFor, finite, finiteAtTheEnds, headOf, sizeOf } from './tails-setting.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(async () => {
  await device.dispose();
});

// ---- distributions --------------------------------------------------------------------------------------

for (const family of distributionFamilies.filter(({ capabilities }) => capabilities.density)) {
  const size = sizeOf(family);
  test(`${family.name}: density and gradients at the ends of their ranges`, async () => {
    const update = await device.compile(({ input }) => {
      const head = input('head', [1, family.parameters(size)]);
      const actions = input('actions', [1, 1, size]);
      const logProb = family.make(head, size).logProb(actions);
      const [dHead, dActions] = grad(sum(logProb), [head, actions]);
      return { logProb, dHead, dActions };
    });
    const property = fc.asyncProperty(headOf(family, 1), actionOf(family, size), async (head, actions) => {
      update.write({ head, actions });
      update.run();
      const read: Record<string, Float64Array> = {};
      for (const name of ['logProb', 'dHead', 'dActions'])
        read[name] = Float64Array.from(await update.read(name));
      finite(read, { head, actions });
    });
    await fc.assert(property, { seed: 7, numRuns: 300 });
    update.dispose();
  });

  test(`${family.name}: samples, their density and their gradients at the ends of their ranges`, async () => {
    const update = await device.compile(({ input }) => {
      const head = input('head', [1, family.parameters(size)]);
      const policy = family.make(head, size);
      const drawn = policy.sample(4);
      const path = policy.rsample?.(4);
      const byPath = path ? { path: grad(add(sum(path.actions), sum(path.logProb)), [head])[0] } : {};
      return {
        actions: drawn.actions,
        logProb: drawn.logProb,
        score: grad(sum(drawn.logProb), [head])[0],
        ...byPath,
      };
    });
    const property = fc.asyncProperty(headOf(family, 1), async (head) => {
      update.write({ head });
      update.run();
      const read: Record<string, Float64Array> = {};
      for (const name of update.program.outputs.keys())
        read[name] = Float64Array.from(await update.read(name));
      finite(read, head);
      if (family.capabilities.bounded)
        assert.ok(
          read.actions.every((a) => Math.abs(a) <= 1),
          `${read.actions}`,
        );
    });
    await fc.assert(property, { seed: 7, numRuns: 300 });
    update.dispose();
  });
}

// ---- estimators -----------------------------------------------------------------------------------------

for (const choice of estimatorChoices())
  test(`${choice.name}: finite loss and gradient at the ends of their ranges`, async () => {
    for (const family of familiesFor(choice, true)) await finiteAtTheEnds(device, choice, family);
  });

test('a temperature of zero is refused, as are those below and infinite ones', () => {
  for (const temperature of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => lowered(() => ({ t: boltzmann(critics(1), { temperature }).temperature })),
      (error: Error) => error instanceof UsageError && /must be above 0/.test(error.message),
    );
  }
});

test('total variation: samples that are all one choice pull nowhere', async () => {
  const family = distributionFamilies.find(({ name }) => name === 'categorical') as DistributionFamily;
  for (const samples of [2, 3, 7, 100]) {
    const { dHead } = await evaluate(
      ({ input }) => {
        const head = input('head', [1, 3]);
        const { loss } = chooseEstimator('total-variation/score').loss({
          policy: family.make(head, 3),
          target: boltzmann(critics(1), { temperature: 0.1 }),
          samples,
        });
        return { dHead: grad(loss, [head])[0] };
      },
      { head: [40, 0, 0] },
      { device },
    );
    assert.equal([...dHead], [0, 0, 0], `${samples} samples`);
  }
});

test.run();
