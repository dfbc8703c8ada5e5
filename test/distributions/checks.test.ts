// What a distribution is given belongs to it: broadcasting would otherwise make a number of anything.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import type { Distribution } from '../../src/distributions/distribution.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { type DivergradError, ShapeError, UsageError } from '../../src/errors.ts';
import { literal, type Tensor } from '../../src/tape/index.ts';

const test = suite('distribution checks');
const device = new Device(createCpuBackend({ precision: 'f64' }));
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const filled = (shape: readonly number[], value = 0.3) =>
  literal(new Float64Array(size(shape)).fill(value), shape);
const made = (name: string, batch: number, actions: number): Distribution => {
  const family = distributionFamily(name);
  return family.make(filled([batch, family.parameters(actions)], 0.1), actions);
};

async function refuses(kind: new (...given: never[]) => DivergradError, words: RegExp, body: () => Tensor) {
  let thrown: unknown;
  await device
    .compile(() => ({ y: body() }))
    .catch((error) => {
      thrown = error;
    });
  assert.instance(thrown, kind, `${thrown}`);
  assert.match((thrown as Error).message, words);
}

const [batch, actions] = [3, 2];
for (const { name, capabilities } of distributionFamilies) {
  test(`${name}: actions and noise have one shape`, async () => {
    if (capabilities.density)
      for (const shape of [
        [4, batch, 1],
        [4, batch, 3],
        [4, 1, actions],
        [batch, 4, actions],
        [batch, actions],
      ]) {
        await refuses(ShapeError, /must have shape|needs a head/, () =>
          made(name, batch, actions).logProb(filled(shape)),
        );
        await refuses(ShapeError, /must have shape|needs a head/, () =>
          made(name, batch, actions).logProbLatent(filled(shape)),
        );
      }
    await refuses(
      ShapeError,
      /noise must have shape/,
      () => made(name, batch, actions).sample(4, { noise: filled([4, batch, 1]) }).actions,
    );
    for (const samples of [0, -1, 1.5])
      await refuses(
        ShapeError,
        /extents must be whole numbers/,
        () => made(name, batch, actions).sample(samples).actions,
      );
  });

  test(`${name}: a KL divergence is of one family and one shape, or refused by name`, async () => {
    if (!capabilities.closedKl) {
      await device.compile(() => {
        assert.is(made(name, batch, actions).kl, undefined);
        return {};
      });
      return;
    }
    for (const { name: other } of distributionFamilies)
      if (other !== name)
        await refuses(
          UsageError,
          new RegExp(`one family; got ${name} and ${other}\\.`),
          () => made(name, batch, actions).kl?.(made(other, batch, actions)) as Tensor,
        );
    await refuses(
      UsageError,
      /got .* and undefined/,
      () => made(name, batch, actions).kl?.(undefined as never) as Tensor,
    );
    for (const [b, a] of [
      [batch, 1],
      [1, actions],
    ])
      await refuses(
        ShapeError,
        /one has 3 states and 2 actions, the other/,
        () => made(name, batch, actions).kl?.(made(name, b, a)) as Tensor,
      );
    const update = await device.compile(() => ({
      y: made(name, batch, actions).kl?.(made(name, batch, actions)) as Tensor,
    }));
    update.run();
    for (const value of await update.read('y')) assert.ok(Math.abs(value) < 1e-12, `${value}`);
  });
}

test.run();
