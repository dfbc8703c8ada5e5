import type { Device } from '../device.ts';
import type { Distribution, DistributionFamily, FamilyOptions } from '../distributions/distribution.ts';
import { distributionFamilies } from '../distributions/registry.ts';
import type { Environment, Space } from '../envs/environment.ts';
import { DataError, quoted, UsageError } from '../errors.ts';
import { requireHeld } from '../json.ts';
import { activations } from '../nn/activation.ts';
import { type Activation, mlp, type Network } from '../nn/index.ts';
import { div, literal, State, sub, type Tensor } from '../tape/index.ts';
import { version } from '../version.ts';
import type { ActorCritic } from './actor-critic.ts';
import { requireSealed } from './seal.ts';

/** Bounds of a coordinate, null where there is none. */
type Bounds = readonly (number | null)[];

/** A space as a file holds it. */
export type SavedSpace =
  | { readonly kind: 'box'; readonly low: Bounds; readonly high: Bounds }
  | { readonly kind: 'discrete'; readonly n: number };

/**
 * A saved policy: plain JSON, enough to act with. Version 2 is that of a file with `normalisation`, which earlier releases would
 * not apply; all else that was added they may leave out.
 */
export interface PolicyFile {
  readonly kind: 'divergrad-policy';
  readonly version: 1 | 2;
  /** The version of the library that wrote it. */
  readonly library?: string;
  /** The environment's, in its units; absent from files of earlier releases. */
  readonly spaces?: { readonly observation: SavedSpace; readonly action: SavedSpace };
  /** What the network sees of an observation: (observation − mean)/scale, [observations] each. */
  readonly normalisation?: { readonly mean: readonly number[]; readonly scale: readonly number[] };
  readonly environment: string;
  readonly estimator: string;
  readonly distribution: string;
  readonly observations: number;
  /** Coordinates of an action, or the number of choices. */
  readonly actions: number;
  readonly hidden: readonly number[];
  readonly activation: string;
  /** Options of the distribution, where they were given: bounds of log-std. An infinite bound is null. */
  readonly familyOptions?: { readonly logStd?: readonly [low: number | null, high: number | null] };
  /** What made it, for the reader; nothing is read from it. */
  readonly made?: unknown;
  /** Flat parameters W0 [in, out], b0, W1, ... row-major. */
  readonly parameters: readonly number[];
}

/**
 * The learner's policy as it stands on the device.
 *
 * @param environment whose spaces the policy then acts in; of a name alone it has none
 * @throws NumericsError when a parameter is not finite
 */
export async function savePolicy(
  device: Device,
  learner: ActorCritic,
  environment: string | Pick<Environment, 'name' | 'observationSpace' | 'actionSpace'>,
): Promise<PolicyFile> {
  const { observations, actions, family, familyOptions, estimator, hidden, activation } = learner.options;
  const parameters = Array.from(await device.read(learner.policy.parameters));
  requireHeld(parameters, 'The parameters of the policy');
  return {
    kind: 'divergrad-policy',
    version: 1,
    library: version,
    environment: typeof environment === 'string' ? environment : environment.name,
    ...(typeof environment === 'string'
      ? {}
      : {
          spaces: {
            observation: savedSpace(environment.observationSpace),
            action: savedSpace(environment.actionSpace),
          },
        }),
    estimator: estimator.name,
    distribution: family.name,
    observations,
    actions: actions.size,
    hidden,
    activation,
    ...(familyOptions?.logStd ? { familyOptions: { logStd: bounds(familyOptions.logStd) } } : {}),
    parameters,
  };
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

const savedSpace = (space: Space): SavedSpace =>
  space.kind === 'discrete'
    ? { kind: 'discrete', n: space.n }
    : { kind: 'box', low: Array.from(space.low, finite), high: Array.from(space.high, finite) };

const bounds = ([low, high]: readonly [number, number]) =>
  [Number.isFinite(low) ? low : null, Number.isFinite(high) ? high : null] as const;

/** The options to make the file's distribution with. */
function familyOptionsOf({ familyOptions }: PolicyFile): FamilyOptions {
  if (!familyOptions?.logStd) return {};
  const [low, high] = familyOptions.logStd;
  return { logStd: [low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY] };
}

/** Parameters at most of a policy that is saved: as text, 20 bytes each, it would be longer than any text can be. */
const MOST_SAVED = 20_000_000;

/** @throws UsageError for a policy too large for a file: to be known before it is trained */
export function requireSavable(learner: ActorCritic): void {
  const { size } = learner.policy.parameters;
  if (size <= MOST_SAVED) return;
  throw new UsageError(
    `The policy has ${size} parameters, and a policy.json holds at most ${MOST_SAVED}: it could not be saved.`,
    { hint: 'Use narrower hidden layers.' },
  );
}

const LARGEST_WIDTH = 65_536;

/**
 * Checks that a value parsed from JSON is a policy this version can act with.
 *
 * @param where what it came from, for the error
 * @throws DataError naming what is wrong: another kind of file, a newer version, an unknown name, sizes that do not fit
 *   together, parameters that are not finite
 */
export function parsePolicy(value: unknown, where: string): PolicyFile {
  const wrong = (problem: string, hint?: string) =>
    new DataError(`${where} ${problem}.`, hint === undefined ? {} : { hint });
  if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'divergrad-policy')
    throw wrong('is not a saved policy', "Name a policy.json that 'train --out' wrote.");
  const file = value as Readonly<Record<keyof PolicyFile, unknown>>;
  if (file.version !== 1 && file.version !== 2) {
    const newer = typeof file.version === 'number' && file.version > 2;
    throw wrong(
      `has version ${quoted(file.version)}, and this program reads versions 1 and 2`,
      newer ? 'Use the newer divergrad that wrote it.' : undefined,
    );
  }
  requireSealed(value, where);
  for (const name of ['environment', 'estimator'] as const)
    if (typeof file[name] !== 'string') throw wrong(`has ${name} ${quoted(file[name])}, not a name`);
  const family = distributionFamilies.find((candidate) => candidate.name === file.distribution);
  if (!family) throw wrong(`has the unknown distribution ${quoted(file.distribution)}`);
  const activation = activations.find((candidate) => candidate === file.activation);
  if (!activation) throw wrong(`has the unknown activation ${quoted(file.activation)}`);
  const options = file.familyOptions;
  if (options !== undefined) {
    const logStd =
      typeof options === 'object' && options !== null && Object.hasOwn(options, 'logStd')
        ? (options as { logStd: unknown }).logStd
        : undefined;
    const bound = (x: unknown) => x === null || (typeof x === 'number' && Number.isFinite(x));
    const whole =
      Array.isArray(logStd) &&
      logStd.length === 2 &&
      logStd.every(bound) &&
      (logStd[0] ?? Number.NEGATIVE_INFINITY) <= (logStd[1] ?? Number.POSITIVE_INFINITY);
    if (!whole) throw wrong(`has familyOptions ${quoted(options)}, not bounds of log-std`);
  }
  const width = (x: unknown): x is number =>
    typeof x === 'number' && Number.isInteger(x) && x >= 1 && x <= LARGEST_WIDTH;
  const { observations, actions, hidden, parameters } = file;
  if (!width(observations)) throw wrong(`has observations ${quoted(observations)}, not a size`);
  if (!width(actions)) throw wrong(`has actions ${quoted(actions)}, not a size`);
  if (!Array.isArray(hidden) || hidden.length > 64 || !hidden.every(width))
    throw wrong(`has hidden ${quoted(hidden)}, not a list of sizes`);
  if (!Array.isArray(parameters)) throw wrong('has no list of parameters');
  requireSpaces(file.spaces, observations, actions, wrong);
  const { normalisation } = file as { readonly normalisation?: PolicyFile['normalisation'] };
  const list = (x: unknown) =>
    Array.isArray(x) && x.length === observations && x.every((value) => Number.isFinite(value));
  if (
    normalisation !== undefined &&
    !(list(normalisation?.mean) && list(normalisation?.scale) && normalisation.scale.every((x) => x > 0))
  )
    throw wrong(
      `has normalisation ${quoted(normalisation)}, not a mean and a scale above 0 of each observation`,
    );
  const widths: number[] = [observations, ...hidden, family.parameters(actions)];
  let needed = 0;
  for (let i = 1; i < widths.length; i++) needed += (widths[i - 1] + 1) * widths[i];
  if (parameters.length !== needed)
    throw wrong(`has ${parameters.length} parameters, and a network of ${widths.join('-')} has ${needed}`);
  const bad = parameters.findIndex((x) => typeof x !== 'number' || !Number.isFinite(Math.fround(x)));
  if (bad >= 0) throw wrong(`has ${quoted(parameters[bad])} at parameter ${bad}, not a finite number`);
  return value as PolicyFile;
}

function requireSpaces(
  spaces: unknown,
  observations: number,
  actions: number,
  wrong: (problem: string) => DataError,
): void {
  if (spaces === undefined) return;
  const { observation, action } = (spaces ?? {}) as Partial<NonNullable<PolicyFile['spaces']>>;
  const list = (x: unknown, size: number) =>
    Array.isArray(x) && x.length === size && x.every((value) => value === null || Number.isFinite(value));
  const box = (space: SavedSpace | undefined, size: number) =>
    space?.kind === 'box' && list(space.low, size) && list(space.high, size);
  const fits = action?.kind === 'discrete' ? action.n === actions : box(action, actions);
  if (!box(observation, observations) || !fits)
    throw wrong(
      `has spaces ${quoted(spaces)}, which are not of ${observations} observations and ${actions} actions`,
    );
}

/** A policy to act with, made of a file: its network and distributions. */
export class SavedPolicy {
  readonly network: Network;
  readonly family: DistributionFamily;

  /** @throws DataError when {@link parsePolicy} refuses the file */
  constructor(readonly file: PolicyFile) {
    parsePolicy(file, 'The policy');
    const { observations, actions, hidden, activation, distribution } = file;
    const family = distributionFamilies.find(({ name }) => name === distribution) as DistributionFamily;
    this.family = family;
    const made = mlp({
      inputs: observations,
      hidden,
      outputs: family.parameters(actions),
      activation: activation as Activation,
      name: 'policy',
    });
    // Every device begins with them.
    const { name, shape } = made.parameters;
    this.network = made.withParameters(new State(name, shape, Float32Array.from(file.parameters)));
  }

  private normalised(states: Tensor): Tensor {
    const { normalisation } = this.file;
    if (!normalisation) return states;
    const { mean, scale } = normalisation;
    return div(sub(states, literal(mean, [mean.length])), literal(scale, [scale.length]));
  }

  /** Puts the file's parameters on a device again, whatever became of them there. */
  load(device: Device): void {
    device.write(this.network.parameters, Float32Array.from(this.file.parameters));
  }

  /** The distribution at states [batch, observations], in the environment's units. Its actions lie in the box [−1, 1], or choices. */
  distribution(states: Tensor): Distribution {
    return this.family.make(
      this.network(this.normalised(states)),
      this.file.actions,
      familyOptionsOf(this.file),
    );
  }
}
