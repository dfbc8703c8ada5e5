// The plain page of the examples, served as its text says: the package's dist folder beside it, no bundler.
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pageExamples } from '../helpers/examples.ts';

const { launch } = (await import(pathToFileURL(join(process.cwd(), 'test/web/browser.mjs')).href)) as {
  launch(options: { readonly gpu: boolean }): Promise<Browser>;
};
const { exports: entries } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { readonly default: string }>;
};
const library = dirname(entries['.'].default);

const types: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  wasm: 'application/wasm',
};
/** The folder of the example, with `divergrad/` in it. */
const server = createServer(({ url = '/' }, response) => {
  const { pathname } = new URL(url, 'http://localhost');
  const file = pathname.startsWith('/divergrad/')
    ? join(library, pathname.slice('/divergrad/'.length))
    : join('examples/browser', pathname);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.setHeader('Content-Type', types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream');
  createReadStream(file).pipe(response);
});
let browser: Browser;
test.before(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  browser = await launch({ gpu: false });
});
test.after(async () => {
  await browser.close();
  server.close();
});

for (const { file, says } of pageExamples)
  test(`${file} computes, and shows what it should`, async () => {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('requestfailed', (request) => problems.push(request.url()));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${file.split('/').at(-1)}`);
    const result = page.locator('#result:not(:empty)');
    await result.waitFor({ timeout: 600_000 });
    assert.match((await result.textContent()) ?? '', says);
    assert.match((await page.locator('#device').textContent()) ?? '', /^wasm: /);
    assert.ok(((await page.locator('polyline').getAttribute('points')) ?? '').split(' ').length === 101);
    assert.equal(problems, []);
  });

test.run();
