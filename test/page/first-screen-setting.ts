// What the page makes of the target it begins with.
import { Fit } from '../../web/see/fit.ts';
import { modesTaken } from '../../web/see/modes.ts';
import { firstFit } from '../../web/see/settings.ts';
import { presets } from '../../web/see/targets.ts';
import { openDevice } from '../helpers/devices.ts';

/** Fifteen seconds of a page that draws thirty pictures a second. */
const STEPS = 900;

/** How often each estimator of the first screen does what with the two modes. */
export async function firstScreen(seeds: number): Promise<Record<string, Record<string, number>>> {
  const device = await openDevice();
  const { temperature, estimators, ...settings } = firstFit;
  const target = presets.find(({ name }) => name === firstFit.target);
  const counts: Record<string, Record<string, number>> = {};
  for (const estimator of estimators) {
    counts[estimator] = {};
    for (let seed = firstFit.seed; seed < firstFit.seed + seeds; seed++) {
      const fit = await Fit.open(device, { ...settings, estimator, seed });
      fit.follow({ bumps: (target as (typeof presets)[number]).bumps(1), temperature });
      const { verdict } = modesTaken(await fit.advance(STEPS), 'line');
      counts[estimator][verdict] = (counts[estimator][verdict] ?? 0) + 1;
      fit.dispose();
    }
  }
  await device.dispose();
  return counts;
}

/** Reverse KL takes one of two modes, forward KL both. */
export const lesson = (seeds: number) => ({
  'reverse-kl/pathwise': { 'takes one mode': seeds },
  'forward-kl/snis:policy': { 'covers both modes': seeds },
});
