import { checked } from '../envs/checked.ts';
import type { Environment } from '../envs/environment.ts';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { PhiloxStream } from '../math/philox.ts';
import { actionMap } from '../rl/actions.ts';
import { type Checked, confirm, tryAll } from './confirm.ts';

/** Steps of a walk at most, and those after which a state is kept. */
const STEPS = 1000;
const KEPT_AFTER = 7;

const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** What random actions see, from the environment as it stands: observations, rewards and ends. */
function walk(environment: Environment, steps: number, random: PhiloxStream): number[] {
  const map = actionMap(environment.actionSpace);
  const { kind, size } = map.kind;
  const seen: number[] = [];
  for (let step = 0; step < steps; step++) {
    const action = new Float32Array(size);
    if (kind === 'discrete') action[random.nextInt(size)] = 1;
    else for (let i = 0; i < size; i++) action[i] = random.uniformIn(-1, 1);
    const { observation, reward, terminated, truncated } = environment.step(map.toEnvironment(action));
    seen.push(...observation, reward, Number(terminated), Number(truncated));
    if (terminated || truncated) seen.push(...environment.reset());
  }
  return seen;
}

function requireEqual(a: readonly number[], b: readonly number[], what: string): void {
  const at = a.findIndex((value, i) => !Object.is(value, b[i]));
  confirm(at < 0 && a.length === b.length, `${what}: ${a[at]} and ${b[at]} at value ${at}`);
}

/**
 * Checks an environment as those of the library are: its spaces, that a seed repeats everything, that observations stay in
 * their box, that the time limit holds, and, where it has `getState`, that a state resumes bit for bit, also through JSON.
 *
 * @param given a registered name, or what makes one
 * @returns what was tried
 * @throws CheckError naming each check that failed, and what was seen
 */
export async function checkEnvironment(given: string | (() => Environment)): Promise<Checked> {
  if (typeof given === 'string') await prepareEnvironment(given);
  const fresh = typeof given === 'string' ? () => makeEnvironment(given) : given;
  const make = () => checked(fresh());
  const random = () => new PhiloxStream(1, 'checks');
  const { maxEpisodeSteps } = make();
  const steps = Math.min(STEPS, 3 * maxEpisodeSteps);
  const resumes = typeof fresh().getState === 'function';
  return tryAll(`The environment '${make().name}'`, [
    [
      'each is a new one',
      () => {
        const [one, other] = [fresh(), fresh()];
        confirm(one !== other, 'the same was made twice');
      },
    ],
    [
      'spaces and steps are as the contract says',
      () => {
        const environment = make();
        environment.reset(3);
        walk(environment, steps, random());
      },
    ],
    [
      'observations lie in their box',
      () => {
        const environment = make();
        const { low, high } = environment.observationSpace;
        const inside = (observation: Float32Array, when: string) => {
          for (const [i, value] of observation.entries())
            confirm(
              value >= Math.fround(low[i]) && value <= Math.fround(high[i]),
              `${value} at position ${i} ${when}, outside [${low[i]}, ${high[i]}]`,
            );
        };
        inside(environment.reset(3), 'after reset');
        const map = actionMap(environment.actionSpace);
        const stream = random();
        for (let step = 1; step <= steps; step++) {
          const action = Float32Array.from({ length: map.kind.size }, () => stream.uniformIn(-1, 1));
          const { observation, terminated, truncated } = environment.step(map.toEnvironment(action));
          inside(observation, `in step ${step}`);
          if (terminated || truncated) inside(environment.reset(), 'after reset');
        }
      },
    ],
    [
      'a seed repeats everything',
      () => {
        const [a, b] = [make(), make()];
        requireEqual([...a.reset(5)], [...b.reset(5)], 'the first observations of a seed differ');
        requireEqual(walk(a, steps, random()), walk(b, steps, random()), 'two walks of a seed differ');
        requireEqual([...a.reset(5)], [...make().reset(5)], 'a seed gives another start later');
      },
    ],
    [
      'an episode is no longer than the limit',
      () => {
        const environment = fresh();
        environment.reset(2);
        const map = actionMap(environment.actionSpace);
        const still = map.toEnvironment(new Float32Array(map.kind.size));
        let taken = 0;
        for (let over = false; !over && taken < Math.min(maxEpisodeSteps, 100_000); taken++) {
          const { terminated, truncated } = environment.step(still);
          over = terminated || truncated;
          confirm(
            over || taken + 1 < maxEpisodeSteps,
            `step ${taken + 1} is the last, and is neither truncated nor terminated`,
          );
        }
      },
    ],
    ...(resumes
      ? ([
          [
            'a state resumes bit for bit, also through JSON',
            () => {
              const original = make();
              original.reset(11);
              walk(original, Math.min(KEPT_AFTER, maxEpisodeSteps - 1), random());
              const state = json(original.getState());
              const stream = random();
              const expected = walk(original, steps, stream);
              const copy = make();
              copy.setState(state);
              requireEqual(walk(copy, steps, random()), expected, 'it goes on otherwise');
            },
          ],
        ] as const)
      : []),
  ]);
}
