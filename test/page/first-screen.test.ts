// What the page shows before anybody touches it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { modesSentence, modesTaken } from '../../web/see/modes.ts';
import { gridAxis } from '../../web/see/settings.ts';
import { firstScreen, lesson } from './first-screen-setting.ts';

test('the first screen shows the lesson', async () => {
  assert.equal(await firstScreen(1), lesson(1));
});

test('the sentence says what the densities show', () => {
  const bump = (at: number, weight: number) => (x: number) => weight * Math.exp(-50 * (x - at) ** 2);
  const of = (less: number) => {
    const [left, right] = [bump(-0.6, less), bump(0.6, 1 - less)];
    return modesTaken({ policy: Float32Array.from(gridAxis(1, 'box'), (x) => left(x) + right(x)) }, 'box');
  };
  for (const less of [0, 0.02, 0.1, 0.3, 0.5]) assert.ok(Math.abs(of(less).less - less) < 1e-3);
  assert.is(
    modesSentence([
      { name: 'a', modes: of(0.02) },
      { name: 'b', modes: of(0.4) },
      { name: 'c', modes: of(0.1) },
    ]),
    'a takes one mode (98 % and 2 % of its mass), b covers both modes (60 % and 40 % of its mass), c leans to one mode (90 % and 10 % of its mass).',
  );
});

test.run();
