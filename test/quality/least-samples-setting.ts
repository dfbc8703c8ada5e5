// What the least number of samples of an estimator is, against measurement.
import * as assert from 'uvu/assert';
import { deviations, type Mean, type Problem, within } from '../../src/check/label.ts';
import type { EstimatorChoice } from '../../src/divergences/estimator.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';

const confirm: (holds: boolean, problem: string) => void = assert.ok;

/** The same estimator asked without the check of its samples. */
const unchecked = (choice: EstimatorChoice): EstimatorChoice => ({
  ...choice,
  loss: (input) => choice.estimator.loss(input, choice.variant),
});

const vanishes = (found: Mean): boolean =>
  deviations(
    found,
    found.mean.map(() => 0),
  ) < within;
const differ = (a: Mean, b: Mean): boolean =>
  deviations({ mean: a.mean, error: a.error.map((value, j) => Math.hypot(value, b.error[j])) }, b.mean) >
  within;

/**
 * That the least number of samples is the least from which something can be learnt: there the mean gradient is not 0 and
 * depends on the target; with one sample less it is 0 or not a number, or knows nothing of the target, or climbs the
 * reverse KL.
 */
export async function checkLeastSamples(
  problem: Problem,
  choice: EstimatorChoice,
  asked: number,
): Promise<void> {
  const least = choice.minimumSamples;
  const [penalty, awr] = ['kl-penalty/', 'forward-kl/awr'].map((start) => choice.name.startsWith(start));
  // Penalties are small and cheap; one sample's value inside an exponential makes noise, less where it is hot.
  const replications = penalty || awr ? 8 * asked : asked;
  const temperature = awr ? 10 * problem.temperature : problem.temperature;
  const other = 10 * temperature;
  const found = await problem.sampled(choice, least, replications, temperature);
  if (choice.follows.name === 'nothing') return confirm(vanishes(found), `not 0: ${found.mean}`);
  confirm(!vanishes(found), `with ${least} samples nothing is learnt: ${found.mean} ± ${found.error}`);
  // What a penalty pulls to is no target; without entropy, the temperature counts for nothing.
  if (penalty || choice.name.startsWith('dpg/')) return;
  const hotter = await problem.sampled(choice, least, replications, other);
  confirm(differ(found, hotter), `with ${least} samples the target counts for nothing: ${found.mean}`);
  if (least === 1) return;
  const free = unchecked(choice);
  const fewer = async (at: number) =>
    problem.sampled(free, least - 1, replications, at).catch(() => undefined);
  const [below, belowHotter] = [await fewer(temperature), await fewer(other)];
  if (!below || !belowHotter || vanishes(below) || !differ(below, belowHotter)) return;
  const reverse = (await problem.exact(chooseEstimator('reverse-kl/score:none'))) ?? [];
  const along = below.mean.reduce((sum, value, j) => sum + value * reverse[j], 0);
  confirm(along < 0, `one sample less would do: ${below.mean} ± ${below.error}, of ${reverse}`);
}
