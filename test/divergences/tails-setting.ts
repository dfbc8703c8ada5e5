// What the tests of the ends of ranges share: what a network may put out there, and estimators tried with it.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { type EstimatorChoice, missingNeeds } from '../../src/divergences/estimator.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { constant, grad, literal, mul, square, stack, sub, sum, type Tensor } from '../../src/tape/index.ts';
import { evaluate } from '../helpers/devices.ts';
import { isQuick } from './cells-setting.ts';

export function finite(values: Readonly<Record<string, Float64Array>>, seen: unknown): void {
  for (const [name, array] of Object.entries(values))
    assert.ok(array.every(Number.isFinite), `${name}: ${array} for ${JSON.stringify(seen)}`);
}

/** Quadrature may refuse what lies outside its range: `quadratureError` and the loss are infinite then, all else is finite. */
function refused(values: Readonly<Record<string, Float64Array>>, outside: boolean) {
  const { quadratureError, loss, ...others } = values;
  if (!outside || quadratureError?.[0] !== Number.POSITIVE_INFINITY) return values;
  assert.is(loss[0], Number.POSITIVE_INFINITY);
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
export function actionOf({ capabilities }: DistributionFamily, size: number): fc.Arbitrary<number[]> {
  if (capabilities.actionKind === 'box') return fc.array(coordinate, { minLength: size, maxLength: size });
  const corner = (i: number) => Array.from({ length: size }, (_, j) => Number(i === j));
  return fc.nat({ max: size - 1 }).map(corner);
}

export const sizeOf = ({ capabilities }: DistributionFamily): number =>
  capabilities.actionKind === 'box' ? 2 : 3;
const ordinary = fc.double({ min: -3, max: 3, noNaN: true });
/** Outputs of a network for some states. Of a covariance only the diagonal is bounded, so the rest stays ordinary. */
export function headOf(
  family: DistributionFamily,
  batch: number,
  size = sizeOf(family),
): fc.Arbitrary<number[]> {
  const width = family.parameters(size);
  const full = family.name === 'gaussian-full';
  const diagonal = (i: number) => i >= size && (i - size) % (size + 1) === 0;
  return fc
    .tuple(
      ...Array.from({ length: batch * width }, (_, i) => (!full || diagonal(i % width) ? output : ordinary)),
    )
    .map((values) => values as number[]);
}

/** Twin critics that differ by more than 100 over the box. */
export const critics =
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

/** The families that an estimator is tried with: those of the quick tests, or the others. */
export const familiesFor = (choice: EstimatorChoice, quick: boolean): DistributionFamily[] =>
  distributionFamilies.filter((family) => {
    const actions = sizeFor(choice, family);
    const missing = missingNeeds(choice.needs, family, actions);
    return missing.length === 0 && isQuick({ name: '', choice, family, actions, missing }) === quick;
  });

const sizeFor = (choice: EstimatorChoice, family: DistributionFamily): number =>
  choice.needs.includes('enumerable') && family.capabilities.actionKind === 'box' ? 1 : sizeOf(family);

/** Loss and gradient are finite at the ends of their ranges. */
export async function finiteAtTheEnds(
  device: Device,
  choice: EstimatorChoice,
  family: DistributionFamily,
): Promise<void> {
  const size = sizeFor(choice, family);
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
              Object.entries(choice.estimator.duals ?? {}).map(([name, first]) => [name, constant(first)]),
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
  const numRuns = long ? 2 : 6;
  await fc.assert(property, { seed: 7, numRuns });
}
