// The ends of every range in float32: actions at the faces of the box, log-std at its bounds, logits of ±80, weights
// that differ by more than e^100, temperatures from 1e-4 to 1e3, a single sample, a single state. Nothing may be NaN or infinite.
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { type EstimatorChoice, missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { UsageError } from '../../src/errors.ts';
import {
  add,
  constant,
  grad,
  literal,
  mul,
  square,
  stack,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { evaluate, lowered, openDevice } from '../helpers/devices.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(async () => {
  await device.dispose();
});

function finite(values: Readonly<Record<string, Float64Array>>, seen: unknown): void {
  for (const [name, array] of Object.entries(values))
    assert.ok(array.every(Number.isFinite), `${name}: ${array} for ${JSON.stringify(seen)}`);
}

/** Quadrature may refuse what lies outside its range, by an infinite `quadratureError`: all else is finite even then. */
function refused({ quadratureError, ...others }: Readonly<Record<string, Float64Array>>, outside: boolean) {
  if (!quadratureError || !outside) return { ...others, ...(quadratureError ? { quadratureError } : {}) };
  assert.not.ok(Number.isNaN(quadratureError[0]));
  return others;
}

/** What a network may put out: ordinary numbers, log-std at and past its bounds, logits of ±80. */
const output = fc.oneof(
  fc.double({ min: -3, max: 3, noNaN: true }),
  fc.constantFrom(-80, -20, -20.5, 2, 2.5, 80, 0),
);
const ulp = 2 ** -24;
const coordinate = fc.oneof(
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.constantFrom(1, -1, 1 - ulp, ulp - 1, 1 - 2 * ulp, 2 * ulp - 1, 0),
);

/** Actions that the family can be asked about. */
function actionOf({ capabilities }: DistributionFamily, size: number): fc.Arbitrary<number[]> {
  if (capabilities.actionKind === 'box') return fc.array(coordinate, { minLength: size, maxLength: size });
  const corner = (i: number) => Array.from({ length: size }, (_, j) => Number(i === j));
  return fc.nat({ max: size - 1 }).map(corner);
}

const sizeOf = ({ capabilities }: DistributionFamily): number => (capabilities.actionKind === 'box' ? 2 : 3);
const ordinary = fc.double({ min: -3, max: 3, noNaN: true });
/** Outputs of a network for some states. Of a covariance only the diagonal is bounded, so the rest stays ordinary. */
function headOf(family: DistributionFamily, batch: number, size = sizeOf(family)): fc.Arbitrary<number[]> {
  const width = family.parameters(size);
  const full = family.name === 'gaussian-full';
  const diagonal = (i: number) => i >= size && (i - size) % (size + 1) === 0;
  return fc
    .tuple(
      ...Array.from({ length: batch * width }, (_, i) => (!full || diagonal(i % width) ? output : ordinary)),
    )
    .map((values) => values as number[]);
}

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

/** Twin critics that differ by more than 100 over the box. */
const critics =
  (steepness: number) =>
  (a: Tensor): Tensor =>
    stack([mul(-steepness, sum(square(sub(a, 0.9)), -1)), mul(-steepness, sum(square(sub(a, 0.8)), -1))], 0);

interface Extreme {
  readonly batch: number;
  readonly samples: number;
  readonly logTemperature: number;
  readonly steepness: number;
  readonly seed: number;
}

const extremes = ({ name, minimumSamples }: EstimatorChoice): fc.Arbitrary<Extreme> =>
  fc.record({
    // Weights normalised over a batch of one say nothing, and are refused.
    batch: name === 'forward-kl/awr:softmax-batch' ? fc.constantFrom(2, 3) : fc.constantFrom(1, 1, 3),
    samples: fc.constantFrom(minimumSamples, Math.max(2, minimumSamples), 7),
    logTemperature: fc.constantFrom(-4, 3, 0, -2),
    steepness: fc.constantFrom(1, 60),
    seed: fc.nat({ max: 1000 }),
  });

for (const choice of estimatorChoices()) {
  test(`${choice.name}: finite loss and gradient at the ends of their ranges`, async () => {
    for (const family of distributionFamilies) {
      const size =
        choice.needs.includes('enumerable') && family.capabilities.actionKind === 'box' ? 1 : sizeOf(family);
      if (missingNeeds(choice.needs, family, size).length > 0) continue;
      const width = family.parameters(size);
      const property = fc.asyncProperty(
        extremes(choice).chain((extreme) => {
          return fc.tuple(
            fc.constant(extreme),
            headOf(family, 3 * extreme.batch, size),
            fc.array(actionOf(family, size), { minLength: extreme.batch, maxLength: extreme.batch }),
          );
        }),
        async ([extreme, heads, actions]) => {
          const { batch, samples, logTemperature, steepness, seed } = extreme;
          const part = (i: number) => heads.slice(i * batch * width, (i + 1) * batch * width);
          const values = await evaluate(
            ({ input }) => {
              const head = input('head', [batch, width]);
              const other = (name: string) => family.make(input(name, [batch, width]), size).detach();
              const { loss, diagnostics } = choice.loss({
                policy: family.make(head, size),
                target: boltzmann(critics(steepness), { temperature: 10 ** logTemperature }),
                samples,
                behaviour: other('behaviour'),
                reference: other('reference'),
                replayedActions: literal(actions.flat(), [1, batch, size]),
                value: literal(Array(batch).fill(0.1), [batch]),
                duals: Object.fromEntries(
                  Object.entries(choice.estimator.duals ?? {}).map(([name, first]) => [
                    name,
                    constant(first),
                  ]),
                ),
              });
              return { loss, dHead: grad(loss, [head])[0], ...diagnostics };
            },
            { head: part(0), behaviour: part(1), reference: part(2) },
            { device, seed },
          );
          const outside = logTemperature < -3 || part(0).some((x) => Math.abs(x) > 12);
          finite(refused(values, outside), { family: family.name, extreme, heads, actions });
        },
      );
      // The chains of mcmc and the rules of quadrature are long programs to compile.
      const long =
        choice.name === 'forward-kl/mcmc' || (choice.name.includes('/exact') && family.capabilities.bounded);
      const numRuns = long ? 3 : 6;
      await fc.assert(property, { seed: 7, numRuns });
    }
  });
}

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
