// A choice that a mask forbids is as if it were not there: every estimator gives the loss and gradients that it gives for
// the other choices alone, and none to the masked logit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import type { Distribution, DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { grad, literal, mul, reshape, sliceAxis, sum, type Tensor } from '../../src/tape/index.ts';
import { evaluate, exactDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

const batch = 2;
const choices = 4;
const samples = 6;
/** Choices allowed at each state. */
const allowed = [
  [0, 1, 3],
  [0, 2, 3],
];
const isAllowed = (i: number) => allowed[Math.floor(i / choices)].includes(i % choices);
const table = (seed: number) => [...normals(batch * choices, seed)];

/** The part of [..., batch, choices] values that the masks leave: [..., batch, 3]. */
const kept = (values: readonly number[]) => values.filter((_, i) => isAllowed(i % (batch * choices)));

/** Loss and gradient of the logits, all choices with masks or only those allowed. */
async function lossOf(device: Device, name: string, family: DistributionFamily, mask: number | undefined) {
  const choice = chooseEstimator(name);
  const size = mask === undefined ? choices - 1 : choices;
  const pick = (values: readonly number[]) => (mask === undefined ? kept(values) : values);
  const masked = (values: readonly number[]) =>
    pick(values.map((x, i) => (mask === undefined || isAllowed(i) ? x : mask)));
  return evaluate(
    () => {
      const logits = literal(masked(table(1)), [batch, size]);
      const make = (seed: number) => family.make(literal(masked(table(seed)), [batch, size]), size);
      const policy: Distribution = family.make(logits, size);
      const values = literal(pick(table(4)), [batch, size]);
      const critics = (actions: Tensor) =>
        reshape(sum(mul(actions, values), -1), [1, actions.shape[0], batch]);
      const noise = literal(pick(Array.from(normals(samples * batch * choices, 5), (x) => 2 * x)), [
        samples,
        batch,
        size,
      ]);
      const { loss } = choice.loss({
        ...{ policy, samples, noise, target: boltzmann(critics, { temperature: 0.5 }) },
        ...{ behaviour: make(2), reference: make(3) },
        replayedActions: literal(pick([0, 0, 0, 1, 1, 0, 0, 0]), [1, batch, size]),
        value: literal([0.1, 0.2], [batch]),
      });
      return { loss, gradient: grad(loss, [logits])[0] };
    },
    {},
    { device },
  );
}

for (const family of ['categorical', 'relaxed-categorical'].map(distributionFamily)) {
  const fitting = estimatorChoices().filter(({ needs }) => missingNeeds(needs, family, choices).length === 0);
  for (const { name } of fitting) {
    test(`${name} with ${family.name}: masked choices are as if they were not there`, async () => {
      for (const [precision, mask] of [
        ['f64', Number.NEGATIVE_INFINITY],
        ['f32', -3.4e38],
      ] as const) {
        const device = new Device(createCpuBackend({ precision }));
        const actual = await lossOf(device, name, family, mask);
        actual.gradient.forEach((x, i) => {
          assert.ok(Number.isFinite(x), `gradient [${i}] is ${x}`);
          if (!isAllowed(i)) assert.is(Math.abs(x), 0);
        });
        assert.ok(Number.isFinite(actual.loss[0]), `loss is ${actual.loss[0]}`);
        // Half of its samples are its own draws, which differ with the number of choices.
        if (name.endsWith(':mixture')) continue;
        const expected = await lossOf(exactDevice(), name, family, undefined);
        const off = precision === 'f64' ? 1e-12 : 1e-5;
        assert.ok(
          Math.abs(actual.loss[0] - expected.loss[0]) <= off * (1 + Math.abs(expected.loss[0])),
          `loss is ${actual.loss[0]}, expected ${expected.loss[0]}`,
        );
        const largest = expected.gradient.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        kept([...actual.gradient]).forEach((x, i) => {
          assert.ok(
            Math.abs(x - expected.gradient[i]) <= off * (1 + largest),
            `gradient [${i}] is ${x}, expected ${expected.gradient[i]}`,
          );
        });
      }
    });
  }
}

test('sliced states: a mask of one state does not reach another', async () => {
  const family = distributionFamily('categorical');
  const { entropy } = await evaluate(() => {
    const logits = literal([0, 0.5, Number.NEGATIVE_INFINITY, 0, 0, 0], [2, 3]);
    return { entropy: sum(sliceAxis(family.make(logits, 3).entropy?.() as Tensor, 0, 1, 2)) };
  });
  assert.ok(Math.abs(entropy[0] - Math.log(3)) < 1e-14);
});

test.run();
