// The MuJoCo tasks: figures of the compiled models, and trajectories of positions, observations and rewards.

import { MujocoEnvironment } from '../envs/mujoco/base.ts';
import { environments } from '../envs/registry.ts';
import { type Deviation, worse } from './compare.ts';
import { compareFacts } from './mujoco-facts.ts';
import type { Place } from './place.ts';

/** One thing to verify about a task. */
export interface MujocoCase {
  readonly name: string;
  /** Gymnasium's identifier. */
  readonly environment: string;
  deviation(environment: MujocoEnvironment): Deviation;
}

interface Rows {
  readonly qpos: readonly Float64Array[];
  readonly qvel: readonly Float64Array[];
  readonly obs: readonly Float64Array[];
  readonly reward: Float64Array;
  readonly terminated: readonly boolean[];
  readonly actions: readonly Float64Array[];
}

interface Tolerances {
  readonly state: number;
  readonly obs: number;
  readonly reward: number;
}

const START = 1e-9;

/**
 * One step from a recorded state, whose solver starts anew. Where that shows, the format's README says by how much:
 * Humanoid's solver stops before it has converged, and Ant's reward has lost where the torso was.
 */
const single: Tolerances = { state: 1e-7, obs: 1e-7, reward: 1e-7 };
const singleStep: Readonly<Record<string, Tolerances>> = {
  InvertedDoublePendulum: { state: 1e-6, obs: 1e-6, reward: 1e-6 },
  Ant: { ...single, reward: 2e-2 },
  Humanoid: { state: 1e-5, obs: 1e-3, reward: 1e-3 },
};

/** Reads a document of facts or of one trajectory. @throws DataError naming the file and the key */
export function readMujoco(document: Place): MujocoCase[] {
  const task = document.get('task').text();
  const environment = document.get('id').text();
  if (document.maybe('model'))
    return [{ name: `${task}/facts`, environment, deviation: (made) => compareFacts(made, document) }];
  const name = `${task}/${document.get('episode').text()}`;
  const steps = document.get('nsteps').count();
  const list = (place: Place): Place[] => {
    const rows = place.list();
    return rows.length === steps ? rows : place.fail(`has ${rows.length} rows, but nsteps is ${steps}`);
  };
  const vectors = (key: string) => list(document.get(key)).map((row) => row.numbers());
  const numbers = (place: Place) => Float64Array.from(list(place), (row) => row.number());
  const rows: Rows = {
    qpos: vectors('qpos'),
    qvel: vectors('qvel'),
    obs: vectors('obs'),
    actions: vectors('actions'),
    reward: numbers(document.get('reward')),
    terminated: list(document.get('terminated')).map((row) => row.flag()),
  };
  const start = document.get('start');
  const first = {
    qpos: start.get('qpos').numbers(),
    qvel: start.get('qvel').numbers(),
    obs: start.get('obs').numbers(),
  };
  const compared = Math.min(steps, document.get('compare_steps').count());
  const tolerance = document.get('tolerance');
  const tolerances = {
    state: numbers(tolerance.get('state')),
    obs: numbers(tolerance.get('obs')),
    reward: numbers(tolerance.get('reward')),
  };
  return [
    {
      name,
      environment,
      deviation: (made) => {
        made.startAt(first.qpos, first.qvel);
        let worst = scaled('first observation', made.exactObservation(), first.obs, START);
        for (let k = 0; k < compared; k++) {
          const { state, obs, reward } = tolerances;
          const allowed = { state: state[k], obs: obs[k], reward: reward[k] };
          worst = worse(worst, step(made, rows, k, allowed));
        }
        return worst;
      },
    },
    {
      name: `${name}/single steps`,
      environment,
      deviation: (made) => {
        let worst: Deviation = { factor: 0, detail: '' };
        for (let k = 0; k + 1 < steps; k++) {
          made.startAt(rows.qpos[k], rows.qvel[k]);
          worst = worse(worst, step(made, rows, k + 1, singleStep[task] ?? single));
        }
        return worst;
      },
    },
  ];
}

/** Verifies one case; undefined when the library does not have the task. @throws BackendError without the engine */
export async function verifyMujoco({ environment, deviation }: MujocoCase): Promise<Deviation | undefined> {
  const entry = environments.find(({ gymnasiumId }) => gymnasiumId === environment);
  if (!entry) return undefined;
  await entry.prepare?.();
  const made = entry.make();
  if (!(made instanceof MujocoEnvironment)) return undefined;
  try {
    return deviation(made);
  } finally {
    made.dispose();
  }
}

/** Takes recorded action k and compares what follows with row k. */
function step(made: MujocoEnvironment, rows: Rows, k: number, allowed: Tolerances): Deviation {
  const state = made.getState();
  // Some recordings go on past the end of their episode.
  if (!state.running) made.setState({ ...state, running: true, elapsedSteps: 0 });
  const { observation, reward, terminated } = made.step(rows.actions[k]);
  const positions = rows.qpos[k].length;
  const { physics } = made.getState(); // time, positions, velocities, …
  const after = `after action ${k}`;
  const exact = made.exactObservation();
  const flags = [
    ...(terminated === rows.terminated[k] ? [] : [wrong(`terminated is ${terminated} ${after}`)]),
    // Compared before it is rounded, so that the error is the simulation's.
    ...(observation.every((x, i) => x === Math.fround(exact[i]))
      ? []
      : [wrong(`another observation ${after}`)]),
  ];
  return [
    scaled(`positions ${after}`, physics.slice(1, 1 + positions), rows.qpos[k], allowed.state),
    scaled(
      `velocities ${after}`,
      physics.slice(1 + positions, 1 + positions + rows.qvel[k].length),
      rows.qvel[k],
      allowed.state,
    ),
    scaled(`observation ${after}`, exact, rows.obs[k], allowed.obs),
    scaled(`reward ${after}`, [reward], rows.reward.subarray(k, k + 1), allowed.reward),
    ...flags,
  ].reduce(worse);
}

const wrong = (detail: string): Deviation => ({ factor: Number.POSITIVE_INFINITY, detail });

/** The largest |x − g| / max(1, |g|) as a multiple of the tolerance. */
function scaled(what: string, actual: ArrayLike<number>, golden: Float64Array, tolerance: number): Deviation {
  if (actual.length !== golden.length)
    return wrong(`${what} has ${actual.length} values, not ${golden.length}`);
  let worst: Deviation = { factor: 0, detail: '' };
  for (let i = 0; i < golden.length; i++) {
    const factor = Math.abs(actual[i] - golden[i]) / Math.max(1, Math.abs(golden[i])) / tolerance;
    if (Number.isNaN(factor)) return wrong(`${what} [${i}] is NaN`);
    if (factor > worst.factor)
      worst = { factor, detail: `${what} [${i}] is ${actual[i]}, expected ${golden[i]}` };
  }
  return worst;
}
