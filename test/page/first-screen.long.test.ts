// What the page shows before anybody touches it, whatever the seed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firstScreen, lesson } from './first-screen-setting.ts';

test('the first screen shows the lesson over ten seeds', async () => {
  assert.equal(await firstScreen(10), lesson(10));
});

test.run();
