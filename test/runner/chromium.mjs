// Runs one bundled test file in a page of a headless Chromium: chromium.mjs BUNDLE BACKEND NAME
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium as playwright } from 'playwright-core';
import { isUvuNoise, mark, stopSignal } from './child.mjs';
import { chromium } from './software-gpu.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const [bundle, backend, name] = process.argv.slice(2);
const types = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  json: 'application/json',
  map: 'application/json',
};

// WebGPU needs a secure context, and http://localhost is one; a file: page is not.
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html');
    return response.end('<!doctype html><title>divergrad</title><link rel="icon" href="data:,">');
  }
  const file = normalize(pathname);
  if (!file.startsWith('/dist/') && !file.startsWith('/test/')) return response.writeHead(404).end();
  try {
    const body = await readFile(join(root, file));
    response.setHeader('Content-Type', types[file.split('.').pop()] ?? 'application/octet-stream');
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const { executablePath, env } = chromium();
const browser = await playwright.launch({
  executablePath,
  env: { ...process.env, ...env },
  chromiumSandbox: false, // Chromium's own sandbox does not start for root, or in most containers
  args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--disable-dev-shm-usage'],
});
for (const signal of ['SIGTERM', 'SIGINT', stopSignal])
  process.on(signal, () => browser.close().finally(() => process.exit(1)));

let broken = 0;
try {
  const page = await browser.newPage();
  page.on('console', (message) => {
    const text = message.text();
    if (text.startsWith(mark) || !isUvuNoise(text)) console.log(text);
  });
  page.on('pageerror', (error) => {
    broken += 1;
    console.error(`uncaught in the page: ${error.stack ?? error.message}`);
  });
  const crashed = new Promise((_, reject) => page.on('crash', () => reject(new Error('the page crashed'))));
  crashed.catch(() => {});
  await page.goto(`http://localhost:${server.address().port}/`);
  const run = page.evaluate(
    (args) => import('/test/runner/child.mjs').then(({ runFile }) => runFile(...args)),
    [`/${bundle}`, backend, name],
  );
  const { failed } = await Promise.race([run, crashed]);
  process.exitCode = failed + broken > 0 ? 1 : 0;
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
