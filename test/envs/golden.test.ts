// Gymnasium's own trajectories, replayed from their initial states.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environments } from '../../src/envs/registry.ts';

interface Trajectory {
  initial_state: number[];
  initial_obs: number[];
  actions: (number | number[])[];
  states: number[][];
  obs: number[][];
  rewards: number[];
  terminated: boolean[];
  truncated: boolean[];
}

// The tolerances of test/golden/envs/README.md.
const STATE_TOLERANCE: Record<string, number> = { acrobot: 1e-7 };
const FLOAT32_TOLERANCE = 1e-6;

const worst = (a: ArrayLike<number>, b: readonly number[]) =>
  Math.max(...b.map((x, i) => Math.abs(x - a[i])), a.length === b.length ? 0 : Number.POSITIVE_INFINITY);

for (const { name, gymnasiumId, make, prepare } of environments) {
  // MuJoCo's are compared in test/verify/golden.test.ts; those that Gymnasium lacks have closed forms.
  if (prepare || gymnasiumId === undefined) continue;
  const file = `test/golden/envs/env-${gymnasiumId}.json`;
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Trajectory[] };

  cases.forEach((golden, index) => {
    test(`${gymnasiumId} trajectory ${index} is reproduced`, () => {
      const environment = make();
      assert.is(environment.reset(0).length, golden.initial_obs.length);
      environment.setState({ ...environment.getState(), physics: golden.initial_state });
      golden.actions.forEach((action, t) => {
        const transition = environment.step(typeof action === 'number' ? [action] : action);
        const stateError = worst(environment.getState().physics, golden.states[t]);
        assert.ok(stateError <= (STATE_TOLERANCE[name] ?? 1e-9), `state at step ${t}: error ${stateError}`);
        const observationError = worst(transition.observation, golden.obs[t]);
        assert.ok(
          observationError <= FLOAT32_TOLERANCE,
          `observation at step ${t}: error ${observationError}`,
        );
        const rewardError = Math.abs(transition.reward - golden.rewards[t]);
        assert.ok(rewardError <= FLOAT32_TOLERANCE, `reward at step ${t}: error ${rewardError}`);
        assert.is(transition.terminated, golden.terminated[t], `terminated at step ${t}`);
        assert.is(transition.truncated, golden.truncated[t], `truncated at step ${t}`);
      });
    });
  });
}

test.run();
