import { requireKnown } from '../arguments.ts';
import { createCpuBackend } from '../backend/cpu/backend.ts';
import { Device, type Update } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import type { Space } from '../envs/environment.ts';
import { DataError, NumericsError, quoted, ShapeError, UsageError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { clockState, reshape, type State } from '../tape/index.ts';
import { actionMap } from './actions.ts';
import { type PolicyFile, parsePolicy, SavedPolicy, type SavedSpace } from './policy-file.ts';
import { flatParameters, torchArrays } from './policy-weights.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

/** All of a policy's file but its weights: what a file of weights from elsewhere does not say. */
export type PolicyDescription = Omit<PolicyFile, 'parameters' | 'kind' | 'version'> &
  Partial<Pick<PolicyFile, 'kind' | 'version' | 'parameters'>>;

/** How an action is chosen. */
export interface ActOptions {
  /** The most likely action, or its squashed mean, when true, as it is when absent; else a sample. */
  readonly deterministic?: boolean;
}

const known: Readonly<Record<keyof ActOptions, true>> = { deterministic: true };

/** What metadata of a safetensors file hold the description. */
const METADATA = 'divergrad-policy';

const spaceOf = (space: SavedSpace): Space =>
  space.kind === 'discrete'
    ? space
    : {
        kind: 'box',
        low: space.low.map((bound) => bound ?? Number.NEGATIVE_INFINITY),
        high: space.high.map((bound) => bound ?? Number.POSITIVE_INFINITY),
      };

/** A policy that acts in its environment's units, on the CPU in float64: nothing is to be opened, or disposed of. */
export class Policy extends SavedPolicy {
  private readonly device = new Device(createCpuBackend({ precision: 'f64' }));
  private readonly clock: State;
  private readonly programs = new Map<boolean, Promise<Update>>();

  /**
   * @param seed of what it samples
   * @throws DataError when {@link parsePolicy} refuses the file
   */
  constructor(file: PolicyFile, { seed = 0 }: { readonly seed?: number } = {}) {
    super(file);
    this.clock = clockState(seed, 'clock', 'policyActions');
  }

  /**
   * An action for an observation.
   *
   * @param observation [observations] in the environment's units
   * @returns [actions] what the environment's `step` takes: coordinates within its bounds, or the number of a choice
   * @throws ShapeError for another length, NumericsError where a number is not finite, UsageError for a file of an earlier
   *   release, which does not hold the spaces
   */
  async act(observation: ArrayLike<number>, options: ActOptions = {}): Promise<Float64Array> {
    const { observations, spaces, environment } = this.file;
    const { deterministic = true } = requireKnown(
      'act',
      options,
      known,
      'act(observation, { deterministic: false })',
    );
    if (!spaces)
      throw new UsageError(`This policy's file does not hold the spaces of '${environment}'.`, {
        hint: 'An earlier release wrote it: load it with loadPolicy({ ...file, spaces: { observation, action } }), without its checksum.',
      });
    if (observation?.length !== observations)
      throw new ShapeError(
        `The policy sees ${observations} observations; got ${typeof observation?.length === 'number' ? observation.length : quoted(observation)}.`,
      );
    if (typeof deterministic !== 'boolean')
      throw new UsageError(`deterministic is true or false; got ${quoted(deterministic)}.`);
    for (let i = 0; i < observations; i++) {
      const value: unknown = observation[i];
      if (typeof value !== 'number')
        throw new UsageError(`The observation is ${quoted(value)} at ${i}; it must be numbers.`);
      if (!Number.isFinite(value)) throw new NumericsError(`The observation is ${value} at ${i}.`);
    }
    const values = Float64Array.from(observation);
    const update = await this.program(deterministic);
    update.write({ observation: values });
    update.run();
    const action = await update.read('action');
    return actionMap(spaceOf(spaces.action)).toEnvironment(action);
  }

  private program(deterministic: boolean): Promise<Update> {
    const found =
      this.programs.get(deterministic) ??
      this.device.compile(
        ({ input }) => {
          const pi = this.distribution(input('observation', [1, this.file.observations]));
          return { action: reshape(deterministic ? pi.mode() : pi.sample(1).actions, [this.file.actions]) };
        },
        { clock: this.clock },
      );
    this.programs.set(deterministic, found);
    return found;
  }

  /**
   * The policy as a safetensors file: its weights by the names and in the layout of PyTorch's nn.Sequential(Linear, activation,
   * Linear, …), float32, and in the metadata everything else.
   */
  toSafetensors(): Uint8Array {
    const { parameters, ...description } = this.file;
    return encodeSafetensors({
      arrays: torchArrays(this.widths, parameters),
      metadata: { format: 'pt', [METADATA]: JSON.stringify(description) },
    });
  }

  private get widths(): number[] {
    return [this.file.observations, ...this.file.hidden, this.family.parameters(this.file.actions)];
  }
}

/**
 * A policy to act with.
 *
 * @param source what `savePolicy` gave, its JSON as text, or the bytes of a safetensors file
 * @param description for weights from elsewhere, whose file holds no more: another policy's file will do
 * @throws DataError naming what is wrong with the file, or what it lacks
 */
export function loadPolicy(
  source: PolicyFile | string | Uint8Array,
  description?: PolicyDescription,
): Policy {
  if (source instanceof Uint8Array) return new Policy(ofSafetensors(source, description));
  let file: unknown = source;
  if (typeof source === 'string') {
    try {
      file = parseJson(source);
    } catch (error) {
      throw new DataError(`The policy is not JSON: ${(error as Error).message}.`, {
        hint: 'Give the text of a policy.json, not its path.',
      });
    }
  }
  return new Policy(parsePolicy(file, 'The policy'));
}

/** The description that a file's metadata hold, if they hold one. */
function described(text: string | undefined, where: string): PolicyDescription | undefined {
  if (text === undefined) return undefined;
  let held: unknown;
  try {
    held = parseJson(text);
  } catch (error) {
    throw new DataError(
      `${where} has a description of its policy that is not JSON: ${(error as Error).message}.`,
    );
  }
  if (typeof held !== 'object' || held === null)
    throw new DataError(`${where} has a description of its policy that is ${quoted(held)}.`);
  return held as PolicyDescription;
}

function ofSafetensors(bytes: Uint8Array, description?: PolicyDescription): PolicyFile {
  const where = 'The safetensors file';
  const { arrays, metadata } = decodeSafetensors(bytes, where);
  const held = description ?? described(metadata[METADATA], where);
  if (held === undefined)
    throw new DataError(`${where} holds weights, and does not say of what policy.`, {
      hint: 'Give its description: loadPolicy(bytes, policy.file), or { environment, distribution, hidden, … }.',
    });
  const { parameters: _, checksum: __, ...rest } = held as PolicyDescription & { readonly checksum?: string };
  const asked = { kind: 'divergrad-policy' as const, version: 1 as const, ...rest };
  const isWidth = (width: unknown) =>
    Number.isInteger(width) && Number(width) >= 1 && Number(width) <= 2 ** 20;
  if (!Array.isArray(asked.hidden) || ![...asked.hidden, asked.observations, asked.actions].every(isWidth))
    throw new DataError(
      `${where} has observations ${quoted(asked.observations)}, hidden ${quoted(asked.hidden)} and actions ${quoted(asked.actions)}; these are whole numbers from 1.`,
    );
  const family = distributionFamily(asked.distribution);
  const widths = [asked.observations, ...asked.hidden, family.parameters(asked.actions)];
  return parsePolicy({ ...asked, parameters: flatParameters(widths, arrays, where) }, where);
}
