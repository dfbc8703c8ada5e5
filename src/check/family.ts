import { createCpuBackend } from '../backend/cpu/backend.ts';
import { Device } from '../device.ts';
import type { Distribution, DistributionFamily } from '../distributions/distribution.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { PhiloxStream } from '../math/philox.ts';
import { formatShape, type Shape, sameShape } from '../math/shape.ts';
import { broadcastTo, exp, grad, literal, mean, mul, sum, type Tensor, tanh } from '../tape/index.ts';
import { type Checked, confirm, tryAll } from './confirm.ts';

/** Nodes of the quadrature along a line, and its reach in sinh⁻¹ a. */
const NODES = 3001;
const REACH = 7;
const SAMPLES = 8_000;
/** Standard errors within which a mean counts as the integral; seeds are fixed, so that a pass remains one. */
const WITHIN = 5;

type Outputs = Readonly<Record<string, Tensor>>;

/** Actions of one coordinate with their volumes: midpoints of the box, or a = sinh u on the line; choices, one-hot. */
function pointsOf({ capabilities }: DistributionFamily, choices: number): { at: number[]; volume: number[] } {
  const cells = Array.from({ length: NODES }, (_, i) => (2 * i + 1) / NODES - 1);
  if (capabilities.discrete)
    return {
      at: Array.from({ length: choices * choices }, (_, i) =>
        Number(Math.floor(i / choices) === i % choices),
      ),
      volume: Array.from({ length: choices }, () => 1),
    };
  if (capabilities.bounded) return { at: cells, volume: cells.map(() => 2 / NODES) };
  const u = cells.map((cell) => REACH * cell);
  return { at: u.map(Math.sinh), volume: u.map((x) => ((2 * REACH) / NODES) * Math.cosh(x)) };
}

const shaped = (x: Tensor, wanted: Shape, what: string): Tensor => {
  confirm(
    sameShape(x.shape, wanted),
    `${what} has shape ${formatShape(x.shape)}; it must have ${formatShape(wanted)}`,
  );
  return x;
};

/**
 * Checks a family as those of the library are: shapes; samples, their log-densities and their box; and by quadrature over one
 * coordinate, or by enumeration, its mass, the mean of its samples, its entropy and KL, and the gradient of its pathwise samples.
 * Densities of relaxed choices, which lie on a simplex, are not integrated.
 *
 * @param given a registered name, or the family
 * @returns what was tried
 * @throws CheckError naming each check that failed, and what was seen
 */
export async function checkFamily(given: string | DistributionFamily): Promise<Checked> {
  const family = typeof given === 'string' ? distributionFamily(given) : given;
  const { name, capabilities } = family;
  const { density, discrete, bounded, reparameterisable, closedKl, actionKind, certain } = capabilities;
  const actions = discrete || actionKind === 'discrete' ? 3 : 1;
  const parameters = family.parameters(actions);
  const random = new PhiloxStream(7, 'checks');
  const heads = [0, 1].map(() => Array.from({ length: parameters }, () => 0.4 * random.nextNormal()));
  const device = new Device(createCpuBackend({ precision: 'f64' }));
  const run = async (
    body: (first: Tensor, second: Tensor) => Outputs,
  ): Promise<Record<string, Float64Array>> => {
    const update = await device.compile(
      ({ input }) => body(input('first', [1, parameters]), input('second', [1, parameters])),
      { seed: 3 },
    );
    update.write({ first: heads[0], second: heads[1] });
    update.run();
    const found: Record<string, Float64Array> = {};
    for (const output of update.program.outputs.keys())
      found[output] = Float64Array.from(await update.read(output));
    update.dispose();
    return found;
  };
  const make = (head: Tensor): Distribution => family.make(head, actions);
  const { at, volume } = pointsOf(family, actions);
  const grid = () => literal(at, [volume.length, 1, actions]);
  const integrable = density && (discrete || actionKind === 'box');
  /** ∫ p·value, with p = e^log of each point. */
  const over = (logs: Float64Array, value: (i: number) => number) =>
    volume.reduce((total, v, i) => total + v * Math.exp(logs[i]) * (logs[i] > -700 ? value(i) : 0), 0);
  /** A bounded function of an action, whose mean exists whatever the tails. */
  const probe = (action: ArrayLike<number>, i: number) =>
    discrete
      ? [0.2, -0.5, 0.9][[...Array(actions).keys()].findIndex((j) => action[i * actions + j] === 1)]
      : Math.tanh(action[i]);
  const near = (seen: number, expected: number, within: number, what: string) =>
    confirm(Math.abs(seen - expected) <= within, `${what} is ${seen}; it must be ${expected} ± ${within}`);

  const checks: [string, () => unknown][] = [
    [
      'parameters is a whole number from 1',
      () =>
        confirm(Number.isInteger(parameters) && parameters >= 1, `parameters(${actions}) is ${parameters}`),
    ],
    [
      'distributions have the shapes of the contract',
      () =>
        run((head) => {
          const one = make(head);
          const facts = { family: name, batch: 1, actions, bounded };
          for (const [key, wanted] of Object.entries(facts)) {
            const seen = one[key as keyof typeof facts];
            confirm(seen === wanted, `${key} is ${seen}; it must be ${wanted}`);
          }
          confirm(
            (one.rsample !== undefined) === reparameterisable,
            `reparameterisable is ${reparameterisable}, and rsample is ${one.rsample ? '' : 'not '}there`,
          );
          confirm(
            (one.support !== undefined) === discrete,
            `discrete is ${discrete}, and support is ${one.support ? '' : 'not '}there`,
          );
          if (closedKl) confirm(one.kl !== undefined, 'closedKl is true, and kl is not there');
          for (const sample of [one.sample(4), one.rsample?.(4)]) {
            if (!sample) continue;
            shaped(sample.actions, [4, 1, actions], 'actions of a sample');
            shaped(sample.latent, [4, 1, actions], 'latent of a sample');
            if (density) shaped(sample.logProb, [4, 1], 'logProb of a sample');
          }
          shaped(one.mode(), [1, actions], 'the mode');
          if (one.entropy) shaped(one.entropy(), [1], 'the entropy');
          return { mode: one.mode() };
        }),
    ],
    [
      'samples let no gradient through, and a detached copy none at all',
      async () => {
        const { held, copy } = await run((head) => {
          const drawn = make(head).sample(8);
          const detached = make(head).detach();
          return {
            held: grad(sum(drawn.actions), [head])[0],
            copy: density ? grad(sum(detached.sample(8).logProb), [head])[0] : head,
          };
        });
        confirm(
          held.every((value) => value === 0),
          `the gradient of sample's actions is ${held}`,
        );
        if (density)
          confirm(
            copy.every((value) => value === 0),
            `the gradient of a detached copy is ${copy}`,
          );
      },
    ],
    [
      'samples are finite, and lie where they must',
      async () => {
        const { drawn } = await run((head) => ({ drawn: make(head).sample(SAMPLES).actions }));
        const wrong = drawn.findIndex((value) => !Number.isFinite(value) || (bounded && Math.abs(value) > 1));
        confirm(wrong < 0, `a sample is ${drawn[wrong]}`);
        if (!certain) confirm(new Set(drawn).size > 1, 'all samples are alike');
      },
    ],
  ];
  if (density)
    checks.push([
      "a sample's log-density is that of its action and of its latent",
      async () => {
        const { own, action, latent } = await run((head) => {
          const one = make(head);
          const drawn = one.sample(16);
          return {
            own: drawn.logProb,
            action: one.logProb(drawn.actions),
            latent: one.logProbLatent(drawn.latent),
          };
        });
        own.forEach((value, i) => {
          near(action[i], value, 1e-4 * (1 + Math.abs(value)), 'logProb(actions)');
          near(latent[i], value, 1e-6 * (1 + Math.abs(value)), 'logProbLatent(latent)');
        });
      },
    ]);
  if (integrable)
    checks.push(
      [
        'its mass is 1',
        async () => {
          const { log } = await run((head) => ({ log: make(head).logProb(grid()) }));
          near(
            over(log, () => 1),
            1,
            1e-3,
            'the mass',
          );
        },
      ],
      [
        'samples have the mean of the density',
        async () => {
          const { log, drawn } = await run((head) => ({
            log: make(head).logProb(grid()),
            drawn: make(head).sample(SAMPLES).actions,
          }));
          const expected = over(log, (i) => probe(at, i));
          const second = over(log, (i) => probe(at, i) ** 2);
          let total = 0;
          for (let i = 0; i < SAMPLES; i++) total += probe(drawn, i);
          const error = Math.sqrt(Math.max(0, second - expected ** 2) / SAMPLES);
          near(
            total / SAMPLES,
            expected,
            WITHIN * error + 1e-3,
            discrete ? 'the mean' : 'the mean of tanh a',
          );
        },
      ],
      [
        'its entropy is that of the density, within its range',
        async () => {
          const found = await run((head) => {
            const { entropy } = make(head);
            return {
              log: make(head).logProb(grid()),
              ...(entropy ? { entropy: entropy.call(make(head)) } : {}),
            };
          });
          const entropy = -over(found.log, (i) => found.log[i]);
          if (found.entropy) near(found.entropy[0], entropy, 3e-3 * (1 + Math.abs(entropy)), 'the entropy');
          const [low, high] = family.entropyRange?.(actions) ?? [-Infinity, Infinity];
          confirm(
            entropy >= low - 3e-3 && entropy <= high + 3e-3,
            `the entropy ${entropy} is outside its range [${low}, ${high}]`,
          );
        },
      ],
    );
  if (integrable && reparameterisable)
    checks.push([
      'the gradient of pathwise samples is that of the mean under the density',
      async () => {
        // Of E[tanh a] in each parameter: by samples, in states whose spread gives the error, and by quadrature.
        const batches = 40;
        const { log } = await run((head) => ({ log: make(head).logProb(grid()) }));
        // Where there is any mass: far out, a density may be 0 times infinity.
        const seen = [...log.keys()].filter((i) => log[i] > -60);
        const { exact, sampled } = await run((head) => {
          const heads = broadcastTo(head, [batches, parameters]);
          const pathwise = make(heads).rsample as NonNullable<Distribution['rsample']>;
          const drawn = sum(mean(tanh(pathwise.call(make(heads), 400).actions), 0));
          const weights = seen.map((i) => volume[i] * Math.tanh(at[i]));
          const points = literal(
            seen.map((i) => at[i]),
            [seen.length, 1, 1],
          );
          const mass = mul(exp(make(head).logProb(points)), literal(weights, [seen.length, 1]));
          return { exact: grad(sum(mass), [head])[0], sampled: grad(drawn, [heads])[0] };
        });
        for (let j = 0; j < parameters; j++) {
          const values = Array.from({ length: batches }, (_, i) => sampled[i * parameters + j]);
          const average = values.reduce((a, b) => a + b) / batches;
          const spread = Math.sqrt(
            values.reduce((a, b) => a + (b - average) ** 2, 0) / (batches - 1) / batches,
          );
          near(average, exact[j], WITHIN * spread + 1e-3, `the gradient in parameter ${j}`);
        }
      },
    ]);
  if (integrable && closedKl)
    checks.push([
      'KL is that of the densities, and 0 to itself',
      async () => {
        const { log, other, kl, self } = await run((first, second) => {
          const [one, two] = [make(first), make(second)];
          const both = (a: Distribution, b: Distribution) =>
            (a.kl as NonNullable<Distribution['kl']>).call(a, b);
          return {
            log: one.logProb(grid()),
            other: two.logProb(grid()),
            kl: both(one, two),
            self: both(one, make(first)),
          };
        });
        near(self[0], 0, 1e-9, 'KL to itself');
        const expected = over(log, (i) => log[i] - other[i]);
        near(kl[0], expected, 3e-3 * (1 + expected), 'KL');
      },
    ]);
  try {
    return await tryAll(`The distribution '${name}'`, checks);
  } finally {
    await device.dispose();
  }
}
