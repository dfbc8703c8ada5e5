// Trajectories of the classic-control tasks: set the first state, replay the actions, compare every row.

import type { Environment } from '../envs/environment.ts';
import { environments } from '../envs/registry.ts';
import { compare, type Deviation, worse } from './compare.ts';
import type { Bound } from './format.ts';
import type { Place } from './place.ts';

export interface GoldenTrajectory {
  /** Gymnasium's identifier. */
  readonly environment: string;
  readonly name: string;
  readonly initialState: Float64Array;
  readonly initialObservation: Float64Array;
  readonly actions: readonly Float64Array[];
  readonly states: readonly Float64Array[];
  readonly observations: readonly Float64Array[];
  readonly rewards: Float64Array;
  readonly terminated: readonly boolean[];
  readonly truncated: readonly boolean[];
}

/** The format's own tolerances: float64 states, float32 observations and rewards. */
const STATE_BOUND: Bound = { rtol: 0, atol: 1e-9 };
const RUNGE_KUTTA_BOUND: Bound = { rtol: 0, atol: 1e-7 };
const FLOAT32_BOUND: Bound = { rtol: 0, atol: 1e-6 };

/** Reads a document of trajectories. @throws DataError naming the file, the case and the key */
export function readTrajectories(document: Place): GoldenTrajectory[] {
  const environment = document.get('env').text();
  return document
    .get('cases')
    .list()
    .map((inner, index) => {
      const place = inner.called(`${document.where}: case ${index}`);
      const actions = place.get('actions').list();
      const rows = (key: string): Place[] => {
        const list = place.get(key).list();
        if (list.length !== actions.length)
          place.fail(`${key} has ${list.length} rows, but there are ${actions.length} actions`);
        return list;
      };
      return {
        environment,
        name: `${environment}/${index}`,
        initialState: place.get('initial_state').numbers(),
        initialObservation: place.get('initial_obs').numbers(),
        actions: actions.map((action) =>
          typeof action.value === 'number' ? Float64Array.of(action.number()) : action.numbers(),
        ),
        states: rows('states').map((row) => row.numbers()),
        observations: rows('obs').map((row) => row.numbers()),
        rewards: Float64Array.from(rows('rewards'), (reward) => reward.number()),
        terminated: rows('terminated').map((flag) => flag.flag()),
        truncated: rows('truncated').map((flag) => flag.flag()),
      };
    });
}

/** Replays a trajectory; undefined when the library does not have the environment. */
export function replay(golden: GoldenTrajectory): Deviation | undefined {
  const environment = environments.find(({ gymnasiumId }) => gymnasiumId === golden.environment)?.make();
  if (!environment) return undefined;
  const first = environment.reset(0);
  environment.setState({ ...environment.getState(), physics: Array.from(golden.initialState) });
  const stateBound = environment.name === 'acrobot' ? RUNGE_KUTTA_BOUND : STATE_BOUND;
  let worst: Deviation = { factor: 0, detail: '' };
  const check = (deviation: Deviation) => {
    worst = worse(worst, deviation);
  };
  if (first.length !== golden.initialObservation.length) {
    check(wrong(`observations have ${first.length} values, not ${golden.initialObservation.length}`));
  }
  golden.actions.forEach((action, t) => {
    const { observation, reward, terminated, truncated } = environment.step(action);
    check(near(`state after step ${t}`, physicsOf(environment), golden.states[t], stateBound));
    check(near(`observation after step ${t}`, observation, golden.observations[t], FLOAT32_BOUND));
    check(near(`reward of step ${t}`, [reward], golden.rewards.slice(t, t + 1), FLOAT32_BOUND));
    if (terminated !== golden.terminated[t]) check(wrong(`terminated is ${terminated} at step ${t}`));
    if (truncated !== golden.truncated[t]) check(wrong(`truncated is ${truncated} at step ${t}`));
  });
  return worst;
}

const physicsOf = (environment: Environment): readonly number[] => environment.getState().physics;

const wrong = (detail: string): Deviation => ({ factor: Number.POSITIVE_INFINITY, detail });

function near(what: string, actual: ArrayLike<number>, expected: Float64Array, bound: Bound): Deviation {
  if (actual.length !== expected.length)
    return wrong(`${what} has ${actual.length} values, not ${expected.length}`);
  const expectation = {
    kind: 'close',
    shape: [expected.length],
    values: expected,
    bounds: { f32: bound, f64: bound },
  } as const;
  const { factor, detail } = compare(actual, expectation, 'f64');
  return { factor, detail: `${what} ${detail}` };
}
