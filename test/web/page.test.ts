// The built page in a headless Chromium, with WebGPU on the software driver and without: its main paths.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { learn, measure, openSite, report, type Site, see } from './page-setting.ts';

const folder = join(process.cwd(), 'dist/web');
/** How WebAssembly in a text begins. */
const base64Wasm = 'AGFzbQ';

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

  test('the first load is below 150 kB compressed, and has no MuJoCo, training or measurement in it', async () => {
    site.asked.clear();
    const page = await site.page(`#see?limit=2&backend=${gpu ? 'webgpu' : 'auto'}`);
    await page.getByText('Paused.').waitFor();
    await page.close();
    const loaded = [...site.asked].map((name) => readFileSync(join(folder, name)));
    const bytes = loaded.reduce((total, content) => total + gzipSync(content, { level: 9 }).length, 0);
    assert.ok(bytes > 80e3 && bytes < 150e3, `${bytes} bytes`);
    const text = loaded.join('\n');
    // A text of each; and the kernels are those of one backend, in one build.
    for (const absent of ['torso_geom', 'criticLoss', 'msPerUpdate', ...(gpu ? [] : ['@workgroup_size'])])
      assert.not.ok(text.includes(absent), absent);
    assert.is(text.split(base64Wasm).length - 1, gpu ? 0 : 1);
    assert.ok(text.includes('tanh-gaussian'));
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
