// Everything a training run needs to go on from where it stood: what the device holds, and what the host does.
import type { Values } from '../backend/backend.ts';
import type { Device } from '../device.ts';
import type { EnvironmentState } from '../envs/environment.ts';
import { CheckpointError, NumericsError } from '../errors.ts';
import type { PhiloxState } from '../math/philox.ts';
import { streamVersion } from '../math/streams.ts';
import type { State } from '../tape/index.ts';
import type { Evaluation } from './evaluation.ts';
import type { ReplayContents } from './replay.ts';

/** What a run was asked for: a run resumes only from a checkpoint that agrees. */
export type CheckpointSettings = Readonly<Record<string, string | number>>;

/** A training run between two environment steps, or two updates of one. */
export interface Checkpoint {
  /** Version of the random streams that the run draws from. */
  readonly streams: number;
  readonly settings: CheckpointSettings;
  /** Environment steps taken. */
  readonly step: number;
  /** Gradient steps taken. */
  readonly updates: number;
  readonly evaluations: readonly Evaluation[];
  /** Scalars of the last update, where the run was stopped in the evaluation that is due at this step. */
  readonly pending?: { readonly metrics: Readonly<Record<string, number>> };
  /** Updates that were still to be made, where the run was stopped among those of this step. */
  readonly owed?: number;
  /** The host's random numbers. */
  readonly random: PhiloxState;
  /** What the run learns in, each with the observation that its next action answers. */
  readonly environments: readonly {
    readonly state: EnvironmentState;
    /** [observations] */
    readonly observation: Float32Array;
  }[];
  readonly replay: ReplayContents;
  /** By name: parameters, targets, moments of the optimisers, temperature, clocks of the device's random numbers. */
  readonly states: ReadonlyMap<string, Values>;
}

/** When a run is saved, and from where it goes on. */
export interface CheckpointOptions {
  /** Environment steps between checkpoints; one is also made when the run is stopped. */
  readonly every: number;
  /** Goes on from here; a run begins anew when absent. */
  readonly resume?: Checkpoint | undefined;
  /** Keeps a checkpoint; the run waits for it. It is the receiver's alone: nothing in it changes later. */
  readonly save: (checkpoint: Checkpoint) => void | Promise<void>;
}

/**
 * Reads states from the device.
 *
 * @throws NumericsError when one holds NaN or infinity: what cannot be resumed must not replace a good checkpoint
 */
export async function saveStates(device: Device, states: Iterable<State>): Promise<Map<string, Values>> {
  const saved = new Map<string, Values>();
  for (const state of states) {
    if (saved.has(state.name)) throw new Error(`two states are named '${state.name}'`);
    const values = await device.read(state);
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      throw new NumericsError(`State '${state.name}' holds ${values[wrong]} at element ${wrong}.`);
    }
    saved.set(state.name, values);
  }
  return saved;
}

/** Writes states to the device. @throws CheckpointError when one is missing or of another size */
export function restoreStates(
  device: Device,
  states: Iterable<State>,
  saved: ReadonlyMap<string, Values>,
): void {
  for (const state of states) {
    const values = saved.get(state.name);
    const fits =
      values?.length === Math.max(1, state.size) && values instanceof Uint32Array === (state.dtype === 'u32');
    if (!fits) {
      const held = values ? `${values.length} values` : 'nothing';
      throw new CheckpointError(
        'other-run',
        `The checkpoint holds ${held} for '${state.name}', which has ${state.size} here.`,
      );
    }
    device.write(state, values);
  }
}

/**
 * Checks that a checkpoint has a state and an observation of the right size for each environment of the run.
 *
 * @throws CheckpointError naming both numbers
 */
export function requireEnvironments({ environments }: Checkpoint, count: number, observations: number): void {
  if (environments.length !== count)
    throw new CheckpointError(
      'other-run',
      `The checkpoint holds ${environments.length} environments, and the run has ${count}.`,
      { hint: 'Resume with the settings it was made with, or start a new run.' },
    );
  const wrong = environments.findIndex(({ observation }) => observation.length !== observations);
  if (wrong >= 0)
    throw new CheckpointError(
      'other-run',
      `The checkpoint holds ${environments[wrong].observation.length} values as the observation of environment ${wrong}, and it has ${observations}.`,
    );
}

/**
 * @throws CheckpointError when the run would go on with other random numbers than it began with, or naming the settings
 *   that differ
 */
export function requireResumable({ streams, settings: saved }: Checkpoint, wanted: CheckpointSettings): void {
  if (streams !== streamVersion)
    throw new CheckpointError(
      'older',
      `The checkpoint's run draws from random streams of version ${streams}, and this release has version ${streamVersion}: evaluations would begin elsewhere than in an undisturbed run.`,
      { hint: 'Finish the run with the release that began it, or start a new one.' },
    );
  const names = new Set([...Object.keys(wanted), ...Object.keys(saved)]);
  const of = (settings: CheckpointSettings, name: string) =>
    Object.hasOwn(settings, name) ? settings[name] : 'none';
  const differing = [...names].filter((name) => of(saved, name) !== of(wanted, name));
  if (differing.length === 0) return;
  const list = differing.map((name) => `${name} ${of(saved, name)} instead of ${of(wanted, name)}`);
  throw new CheckpointError('other-run', `The checkpoint is of another run: ${list.join(', ')}.`, {
    hint: 'Resume with the settings it was made with, or start a new run.',
  });
}
