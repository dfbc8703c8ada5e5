// The installed package in pages of a headless Chromium, bundled or not.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Asked, Worked } from './app/types.ts';
import { asJavaScript, installed, load, requireRight, row, serve, tool } from './setting.ts';

const { launch } = (await load('test/web/browser.mjs')) as {
  launch(options?: { gpu: boolean }): Promise<Browser>;
};
const browser = await launch();
test.after(() => browser.close());

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
type Call = 'work' | 'workFetched' | 'workInWorker';

/** Opens a folder as a page and lets it work. What the page reports as errors fails the test. */
async function inPage(
  folder: string,
  body: (call: (name: Call, asked: Asked) => Promise<Worked>, asked: readonly string[]) => Promise<void>,
  headers: Readonly<Record<string, string>> = isolation,
): Promise<void> {
  const { url, stop } = await serve(folder, headers);
  const page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  const [problems, requests]: [string[], string[]] = [[], []];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  try {
    await page.goto(url);
    await page
      .waitForFunction(() => 'work' in globalThis)
      .catch((error) => {
        throw new Error(`${error.message}\n${problems.join('\n')}`);
      });
    const call = (name: Call, asked: Asked): Promise<Worked> =>
      page.evaluate(
        ([called, argument]) =>
          (globalThis as unknown as Record<Call, (asked: Asked) => Promise<Worked>>)[called](argument),
        [name, asked] as const,
      );
    await body(call, requests);
    assert.equal(problems, []);
  } finally {
    await page.close();
    stop();
  }
}

const html = (script: string, head = ''): string =>
  `<!doctype html><html lang="en"><head><title>divergrad</title><link rel="icon" href="data:,">${head}</head><body><script type="module" src="${script}"></script></body></html>`;
const backends = ['cpu', 'wasm', 'webgpu'] as const;

/** Builds a page by Vite. @returns its folder */
async function viteBuild({ mujoco }: { mujoco: boolean }): Promise<string> {
  const folder = await installed({ optionals: mujoco });
  const vite = await import(pathToFileURL(tool('vite/dist/node/index.js')).href);
  const given = mujoco ? "() => import('@mujoco/mujoco')" : '';
  writeFileSync(join(folder, 'main.ts'), `import { expose } from './vite-page.ts';\nexpose(${given});\n`);
  writeFileSync(join(folder, 'index.html'), html('./main.ts'));
  await vite.build({
    ...{ root: folder, configFile: false, logLevel: 'error', base: './' },
    build: { target: 'es2022' },
    worker: { format: 'es' },
  });
  return join(folder, 'dist');
}
const plain = await viteBuild({ mujoco: false });

row('vite', () =>
  inPage(plain, async (call) => {
    for (const backend of backends) requireRight(await call('work', { backend }), { backend });
  }),
);

row('viteWorker', () =>
  inPage(plain, async (call) => {
    for (const backend of backends) requireRight(await call('workInWorker', { backend }), { backend });
  }),
);

row('viteFetch', () =>
  inPage(plain, async (call, requests) => {
    requireRight(await call('workFetched', {}), { backend: 'wasm' });
    assert.ok(
      requests.some((path) => path.endsWith('.wasm')),
      `${requests}`,
    );
    // And then not as a module as well.
    assert.not.ok(
      requests.some((path) => /kernels-/.test(path)),
      `${requests}`,
    );
  }),
);

row('viteMujoco', async () => {
  const folder = await viteBuild({ mujoco: true });
  await inPage(folder, async (call) => {
    const worked = await call('work', { backend: 'wasm', environment: 'hopper' });
    requireRight(worked, { backend: 'wasm', observation: 11 });
  });
});

/** Bundles the page by esbuild, with the optional packages installed and no word about them. */
async function esbuildPage(): Promise<string> {
  const folder = await installed({ optionals: true });
  const esbuild = await import('esbuild');
  const out = join(folder, 'out');
  const { warnings } = await esbuild.build({
    entryPoints: [join(folder, 'page.ts')],
    ...{ outdir: out, bundle: true, format: 'esm', splitting: true, minify: true, logLevel: 'silent' },
  });
  assert.equal(
    warnings.map(({ text }) => text),
    [],
  );
  writeFileSync(join(out, 'index.html'), html('./page.js'));
  return out;
}
const bundled = await esbuildPage();

row('esbuild', () =>
  inPage(bundled, async (call) => {
    for (const backend of backends) requireRight(await call('work', { backend }), { backend });
  }),
);

row('esbuildMujoco', () =>
  inPage(bundled, async (call) => {
    const refusal = await call('work', { backend: 'cpu', environment: 'hopper' }).then(
      () => 'none',
      ({ message }: Error) => message,
    );
    assert.match(refusal, /a bundler has left it out of this page.*mujocoFrom/s);
  }),
);

row('plain', async () => {
  const folder = await installed();
  await asJavaScript(folder);
  const map = JSON.stringify({ imports: { divergrad: './node_modules/divergrad/dist/index.js' } });
  writeFileSync(join(folder, 'start.js'), "import { work } from './program.js';\nglobalThis.work = work;\n");
  writeFileSync(join(folder, 'index.html'), html('./start.js', `<script type="importmap">${map}</script>`));
  await inPage(folder, async (call) => {
    for (const backend of backends) requireRight(await call('work', { backend }), { backend });
  });
});

row('policy', () =>
  inPage(
    bundled,
    async (call) => {
      const worked = await call('work', {});
      requireRight(worked, { backend: 'cpu' });
      assert.match(worked.reason, /WebAssembly.*Content Security Policy/is);
    },
    { 'Content-Security-Policy': "default-src 'none'; script-src 'self'; img-src data:", ...isolation },
  ),
);

test('what was built holds no part of the optional packages', () => {
  assert.not.ok(readdirSync(bundled).some((name) => /mujoco.*wasm|dawn/.test(name)));
});

test.run();
