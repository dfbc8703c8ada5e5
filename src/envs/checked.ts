// What comes from an environment is looked at once, where it comes in: everything that trains, evaluates, plays or measures
// steps environments through this wrapper.

import { DivergradError, EnvironmentError, type ErrorDetails, quoted, UsageError } from '../errors.ts';
import { requireHeld } from '../json.ts';
import type { Environment, EnvironmentState, Space, Transition } from './environment.ts';
import type { Scene } from './scene.ts';

/**
 * An environment whose contract is kept by this wrapper: observations are copies of the right length and finite as float32,
 * rewards finite numbers, `terminated` and `truncated` booleans, `maxEpisodeSteps` holds, and an ended episode cannot be
 * stepped. Its spaces stay those that it has now. An environment that is checked already is returned as it is.
 *
 * @throws EnvironmentError naming what is wrong with the environment: here its spaces and methods, later what a step gave,
 *   with the step and the value seen
 */
export const checked = (environment: Environment): Environment =>
  environment instanceof Checked ? environment : new Checked(environment);

/**
 * Environments that are stepped together, checked.
 *
 * @throws UsageError when there is none, or one twice; EnvironmentError when two differ in their spaces
 */
export function checkedTogether(environments: readonly Environment[]): readonly Environment[] {
  if (!Array.isArray(environments))
    throw new UsageError(`Environments must be a list; got ${quoted(environments)}.`);
  if (environments.length === 0) throw new UsageError('At least one environment is needed.');
  if (new Set(environments).size < environments.length)
    throw new UsageError('The same environment twice: each has episodes of its own.', {
      hint: 'Make a new one for each place.',
    });
  const all = environments.map(checked);
  for (const other of all) requireAlike(all[0], other);
  return all;
}

/** @throws EnvironmentError unless both have observations of one length and the same actions */
export function requireAlike(one: Environment, other: Environment): void {
  const [first, second] = [one, other].map(
    ({ observationSpace, actionSpace }) =>
      `${observationSpace.low.length} observations and ${
        actionSpace.kind === 'box'
          ? `actions from [${actionSpace.low}] to [${actionSpace.high}]`
          : `${actionSpace.n} choices`
      }`,
  );
  if (first === second) return;
  throw new EnvironmentError(
    `Environments of one run differ: '${one.name}' has ${first}, and '${other.name}' has ${second}.`,
  );
}

class Checked implements Environment {
  readonly name: string;
  readonly observationSpace: Extract<Space, { kind: 'box' }>;
  readonly actionSpace: Space;
  readonly maxEpisodeSteps: number;
  scene?: () => Scene;
  /** Steps of the episode, and the episodes begun. */
  private steps = 0;
  private episodes = 0;
  private running = false;

  constructor(private readonly inner: Environment) {
    requireEnvironment(inner);
    this.name = inner.name;
    this.observationSpace = boxOf(inner.observationSpace);
    this.actionSpace =
      inner.actionSpace.kind === 'box'
        ? boxOf(inner.actionSpace)
        : { kind: 'discrete', n: inner.actionSpace.n };
    this.maxEpisodeSteps = inner.maxEpisodeSteps;
    if (typeof inner.scene === 'function') this.scene = () => (inner.scene as () => Scene)();
  }

  reset(seed?: number): Float32Array {
    const when = seed === undefined ? 'when it was reset' : `when it was reset with seed ${seed}`;
    const observation = this.attempt(when, () => checkedObservation(this, this.inner.reset(seed), when));
    this.steps = 0;
    this.episodes++;
    this.running = true;
    return observation;
  }

  step(action: ArrayLike<number>): Transition {
    if (!this.running) {
      const reason = this.steps === 0 ? 'before the first reset' : 'after its episode had ended';
      throw new EnvironmentError(`The environment '${this.name}' was stepped ${reason}.`, {
        hint: 'Call reset() first.',
      });
    }
    const when = `in step ${this.steps + 1} of episode ${this.episodes}`;
    // Where the step fails, only a reset may follow.
    this.running = false;
    const transition = this.attempt(when, () => {
      // A copy: the environment may keep it.
      const own = Float64Array.from(action);
      if (this.actionSpace.kind === 'box') unround(own, this.actionSpace);
      return checkedTransition(this, this.inner.step(own), when);
    });
    this.steps++;
    const truncated = transition.truncated || this.steps >= this.maxEpisodeSteps;
    this.running = !transition.terminated && !truncated;
    return { ...transition, truncated };
  }

  getState(): EnvironmentState {
    // A state that cannot be set again is of no use.
    this.method('setState');
    const state = checkedState(
      this,
      this.attempt('when its state was read', () => this.method('getState')()),
      'when its state was read',
    );
    const { elapsedSteps } = state;
    if (elapsedSteps !== this.steps)
      throw wrong(
        this,
        `gave elapsedSteps ${elapsedSteps} after ${this.steps} steps of the episode`,
        'when its state was read',
      );
    return this.attempt('when its state was copied', () => structuredClone(state));
  }

  setState(state: EnvironmentState): void {
    this.attempt('when its state was set', () => this.method('setState')(state));
    this.steps = state.elapsedSteps;
    this.running = state.running;
  }

  private method<K extends 'getState' | 'setState'>(name: K): Environment[K] {
    const found = this.inner[name] as Environment[K] | undefined;
    if (typeof found === 'function') return found.bind(this.inner) as Environment[K];
    throw new EnvironmentError(`The environment '${this.name}' has no method '${name}'.`, {
      hint: 'Checkpoints need getState and setState; train without a checkpoint, or add them.',
    });
  }

  private attempt<T>(when: string, body: () => T): T {
    try {
      return body();
    } catch (cause) {
      if (cause instanceof DivergradError) throw cause;
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new EnvironmentError(
        `The environment '${this.name}' failed ${when}: ${said.replace(/\.$/, '')}.`,
        { cause },
      );
    }
  }
}

/**
 * @returns a copy [observations]
 * @throws EnvironmentError naming environment, step and value seen
 */
export function checkedObservation(
  environment: Pick<Environment, 'name' | 'observationSpace'>,
  given: unknown,
  when: string,
): Float32Array {
  const size = environment.observationSpace.low.length;
  const values = given as ArrayLike<unknown>;
  if (!isObject(given) || typeof values.length !== 'number')
    throw wrong(environment, 'gave no observation', when, {
      seen: given,
      hint: `An array of ${size} numbers is wanted.`,
    });
  if (values.length !== size)
    throw wrong(environment, `gave an observation of ${values.length} numbers instead of ${size}`, when, {
      seen: given,
      ...(Array.isArray(given) && isObject(given[0])
        ? { hint: 'Return the observation alone, not a list that begins with it.' }
        : {}),
    });
  const observation = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const value = values[i];
    if (typeof value === 'number') observation[i] = value;
    // After rounding to float32, which makes 1e39 infinite.
    if (typeof value !== 'number' || !Number.isFinite(observation[i]))
      throw wrong(environment, `gave an observation with ${shown(value)} at position ${i}`, when);
  }
  return observation;
}

/** @throws EnvironmentError naming environment, time and value seen, when a state cannot be kept in a file */
export function checkedState(
  environment: Pick<Environment, 'name'>,
  given: unknown,
  when: string,
): EnvironmentState {
  const valid =
    isObject(given) &&
    Array.isArray(given.physics) &&
    given.physics.every((value: unknown) => typeof value === 'number') &&
    Number.isSafeInteger(given.elapsedSteps) &&
    typeof given.running === 'boolean';
  if (!valid)
    throw wrong(environment, 'gave no state', when, {
      seen: given,
      hint: 'A state is { environment, physics: numbers, elapsedSteps, running, random }.',
    });
  const state = given as unknown as EnvironmentState;
  const bad = state.physics.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw wrong(environment, `gave the state ${state.physics[bad]} at position ${bad}`, when);
  try {
    requireHeld(state, 'its state');
  } catch (cause) {
    const { message } = cause as Error;
    throw new EnvironmentError(
      `The environment '${environment.name}' gave a wrong state ${when}: ${message}`,
      {
        cause,
      },
    );
  }
  return state;
}

/** @throws EnvironmentError naming environment, step and value seen */
export function checkedTransition(
  environment: Pick<Environment, 'name' | 'observationSpace'>,
  given: unknown,
  when: string,
): Transition {
  if (!isObject(given) || Array.isArray(given) || isPromise(given))
    throw wrong(environment, 'gave no transition', when, {
      seen: given,
      hint: 'A step returns { observation, reward, terminated, truncated }.',
    });
  const { reward, terminated, truncated } = given;
  if (typeof reward !== 'number' || !Number.isFinite(Math.fround(reward)))
    throw wrong(environment, `gave the reward ${shown(reward)}`, when, {
      hint: 'Rewards are finite numbers, within the range of float32.',
    });
  for (const [name, value] of Object.entries({ terminated, truncated })) {
    if (typeof value === 'boolean') continue;
    throw wrong(environment, `gave ${name} ${shown(value)}, not true or false`, when, {
      hint: Object.hasOwn(given, 'done')
        ? 'Instead of `done`, `terminated` says that the task ended, and `truncated` that a time limit cut it.'
        : 'Both `terminated` (the task ended) and `truncated` (a time limit cut it) are needed.',
    });
  }
  const observation = checkedObservation(environment, given.observation, when);
  return { observation, reward, terminated: terminated as boolean, truncated: truncated as boolean };
}

function requireEnvironment(environment: Environment): void {
  if (!isObject(environment) || isPromise(environment))
    throw new EnvironmentError(`An environment is wanted, and ${shown(environment)} was given.`, {
      hint: 'Await what has to be loaded before; `makeEnvironment` itself is not async.',
    });
  const { name, observationSpace, actionSpace, maxEpisodeSteps } = environment;
  if (typeof name !== 'string' || name === '')
    throw new EnvironmentError(`An environment has the name ${shown(name)}.`, { hint: 'Give it one.' });
  const refuse = (problem: string) => new EnvironmentError(`The environment '${name}' ${problem}.`);
  for (const method of ['reset', 'step'] as const)
    if (typeof environment[method] !== 'function') throw refuse(`has no method '${method}'`);
  if (!Number.isSafeInteger(maxEpisodeSteps) || maxEpisodeSteps < 1)
    throw refuse(`has maxEpisodeSteps ${shown(maxEpisodeSteps)}, not a whole number from 1`);
  if (observationSpace?.kind !== 'box')
    throw refuse(`has the observation space ${shown(observationSpace)}, not a box`);
  requireBox(observationSpace, 'observation', refuse, (low, high) => low <= high);
  if (actionSpace?.kind === 'box')
    requireBox(
      actionSpace,
      'action',
      refuse,
      // Policies and replay buffers hold float32.
      (low, high) => low < high && Number.isFinite(Math.fround(low)) && Number.isFinite(Math.fround(high)),
    );
  else if (actionSpace?.kind !== 'discrete' || !Number.isSafeInteger(actionSpace.n) || actionSpace.n < 1)
    throw refuse(`has the action space ${shown(actionSpace)}, neither a box nor 1 or more choices`);
}

/** A copy. */
const boxOf = ({ low, high }: Extract<Space, { kind: 'box' }>): Extract<Space, { kind: 'box' }> => ({
  kind: 'box',
  low: Array.from(low),
  high: Array.from(high),
});

/** Puts what rounding to float32 took past a bound back on it. */
function unround(action: Float64Array, { low, high }: Extract<Space, { kind: 'box' }>): void {
  for (let i = 0; i < action.length; i++) {
    if (action[i] > high[i] && action[i] <= Math.fround(high[i])) action[i] = high[i];
    else if (action[i] < low[i] && action[i] >= Math.fround(low[i])) action[i] = low[i];
  }
}

function requireBox(
  { low, high }: Extract<Space, { kind: 'box' }>,
  what: string,
  refuse: (problem: string) => EnvironmentError,
  fits: (low: number, high: number) => boolean,
): void {
  if (!(low?.length >= 1) || low.length !== high?.length)
    throw refuse(`has ${low?.length ?? 'no'} lower and ${high?.length ?? 'no'} upper bounds of the ${what}`);
  for (let i = 0; i < low.length; i++)
    if (typeof low[i] !== 'number' || typeof high[i] !== 'number' || !fits(low[i], high[i]))
      throw refuse(`has the bounds ${shown(low[i])} and ${shown(high[i])} of ${what} ${i}`);
}

function wrong(
  { name }: Pick<Environment, 'name'>,
  problem: string,
  when: string,
  { seen, ...details }: ErrorDetails & { readonly seen?: unknown } = {},
): EnvironmentError {
  const what = seen === undefined ? '' : ` (${shown(seen)})`;
  if (isPromise(seen))
    return new EnvironmentError(`The environment '${name}' gave a promise ${when}.`, {
      hint: 'Environments answer at once: reset and step are not async.',
    });
  return new EnvironmentError(`The environment '${name}' ${problem}${what} ${when}.`, details);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const isPromise = (value: unknown): boolean => isObject(value) && typeof value.then === 'function';

function shown(value: unknown): string {
  if (isPromise(value)) return 'a promise';
  if (typeof value === 'number' || value === undefined) return String(value);
  if (typeof value === 'function' || typeof value === 'bigint' || typeof value === 'symbol')
    return `a ${typeof value}`;
  try {
    return quoted(value);
  } catch {
    return `a ${typeof value}`;
  }
}
