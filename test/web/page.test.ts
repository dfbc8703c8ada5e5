// The built page in a headless Chromium, with WebGPU on the software driver and without: its main paths.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { learn, measure, openSite, report, type Site, see } from './page-setting.ts';

const folder = join(process.cwd(), 'dist/web');
const size = suite('the bundle');
// Two fifths are the three builds of the wasm kernels, of which a browser takes one; that is known only there.
size('is below 275 kB compressed, shaders and kernels included', () => {
  const bytes = readdirSync(folder)
    .filter((name) => /\.(js|css|html)$/.test(name))
    .reduce((total, name) => total + gzipSync(readFileSync(join(folder, name)), { level: 9 }).length, 0);
  assert.ok(bytes > 100e3 && bytes < 275e3, `${bytes} bytes`);
});
size.run();

const server = suite('the server');
server('survives addresses that are none, and gives nothing outside its folder', async () => {
  const { serve } = (await import(pathToFileURL(join(process.cwd(), 'web/serve.mjs')).href)) as {
    serve(): Promise<{ url: string; stop(): void }>;
  };
  const { url, stop } = await serve();
  const status = async (path: string) => (await fetch(url + path)).status;
  assert.is(await status('%'), 404);
  assert.is(await status('..%2f..%2fpackage.json'), 404);
  assert.is(await status('nothing.js'), 404);
  assert.is(await status('index.html'), 200);
  stop();
});
server.run();

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

  test('See: policies come nearer to the target, and the device is named', () => see(site));
  if (!gpu) {
    test('Measure: counts equal those of the command line', () => measure(site));
    test('Learn: returns equal those of the command line, and no task on the page is long', () =>
      learn(site));
    test('Report: results and reports open; scripts in them do not run, and what is none is refused', () =>
      report(site));
  }
  test.run();
}
