// Outputs that cannot be written and a parent that is gone: the main ways.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Gone } from './gone-setting.ts';

const gone = new Gone();
test.after(() => gone.remove());

test('an error that cannot be printed ends the command with its code', async () => {
  assert.is((await gone.shell(['train', '--env', 'nope'], '2>/dev/full')).code, 2);
});

test('a reader that has gone stops training, which keeps what there is', async () => {
  const out = gone.path('read');
  const { code, stdout, stderr } = await gone.shell(gone.endless(out), '| head -n 1');
  assert.equal([code, stderr], [141, '']);
  assert.match(stdout, /^pendulum, reverse-kl\/pathwise/);
  gone.assertKept(out);
});

test('the runs of a study whose process was killed save, release and end', () =>
  gone.orphans(gone.path('orphans')));

test.run();
