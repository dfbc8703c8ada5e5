// The built page in a headless Chromium, with WebGPU on the software driver and without: the rest of what it does.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cancel, learn, lose, measure, openSite, paint, refuse, report, type Site } from './page-setting.ts';

for (const gpu of [true, false]) {
  const test = suite(gpu ? 'with WebGPU' : 'without WebGPU');
  let site: Site;
  test.before(async () => {
    site = await openSite({ gpu });
  });
  test.after(async () => {
    await site.close();
    assert.equal(site.problems, []);
  });

  test('the page is painted before anything is there to compute', () => paint(site));
  test('Measure: cancelling ends it', () => cancel(site));
  test('the policy of the page lets no text be run as a program, and nothing be fetched elsewhere', () =>
    refuse(site));
  if (gpu) {
    test('Measure: counts equal those of the command line', () => measure(site));
    test('Learn: returns equal those of the command line, and no task on the page is long', () =>
      learn(site));
    test('Learn: a lost device is told with what to do, and trying again trains to the end', () =>
      lose(site));
    test('Report: results and reports open; scripts in them do not run, and what is none is refused', () =>
      report(site));
  }
  test.run();
}
