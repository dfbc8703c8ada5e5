// The built page in a headless Chromium, with WebGPU on the software driver and without.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Site {
  /** Errors on the console, uncaught ones, and requests to other hosts. */
  readonly problems: string[];
  page(address: string, options?: { readonly colorScheme?: 'light' | 'dark' }): Promise<Page>;
  close(): Promise<void>;
}
// Not bundled: it finds its files by where it lies itself.
const { openSite } = (await import(pathToFileURL(join(process.cwd(), 'test/web/page.mjs')).href)) as {
  openSite(options: { readonly gpu: boolean }): Promise<Site>;
};

const run = promisify(execFile);
const cliFile = process.env.DIVERGRAD_CLI as string;
const inNode = [process.execPath, cliFile];
const inDeno = [process.env.DIVERGRAD_DENO ?? 'deno', 'run', '-A', '--no-config', '--no-remote', cliFile];

const cli = async (args: readonly string[], [command, ...first] = inNode): Promise<unknown> => {
  const { stdout } = await run(command, [...first, ...args], { maxBuffer: 1e8 });
  return JSON.parse(stdout.trim().split('\n').length > 1 ? stdout : stdout.trim());
};

const folder = join(process.cwd(), 'dist/web');
const size = suite('the bundle');
size('is below 250 kB compressed, shaders and kernels included', () => {
  const bytes = readdirSync(folder)
    .filter((name) => /\.(js|css|html)$/.test(name))
    .reduce((total, name) => total + gzipSync(readFileSync(join(folder, name)), { level: 9 }).length, 0);
  assert.ok(bytes > 100e3 && bytes < 250e3, `${bytes} bytes`);
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

const axeSource = readFileSync(
  createRequire(join(process.cwd(), 'package.json')).resolve('axe-core'),
  'utf8',
);
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations: found } = await axe.run();
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
  });
}

const learnAddress =
  '#learn?environment=cartpole&estimators=reverse-kl/score:loo,forward-kl/snis:policy&steps=220&warmup=100&every=110&episodes=2&rate=0.001&seed=3';

for (const gpu of [true, false]) {
  const test = suite(gpu ? 'with WebGPU' : 'without WebGPU');
  const backend = gpu ? 'webgpu' : 'auto';
  let site: Site;
  test.before(async () => {
    site = await openSite({ gpu });
  });
  test.after(async () => {
    await site.close();
    assert.equal(site.problems, []);
  });

  test('See: policies come nearer to the target, and the device is named', async () => {
    const page = await site.page(`#see?limit=60&rate=0.05&target=unimodal&backend=${backend}`);
    await page.getByText('Paused.').waitFor({ timeout: 60_000 });
    const device = (await page.locator('.device').textContent()) ?? '';
    assert.match(device, gpu ? /WebGPU on/ : /WebAssembly/);
    const divergence = Number(await page.locator('.facts dd').nth(1).textContent());
    assert.ok(divergence < 0.15, `reverse KL ${divergence}`);
    const paint = await page.evaluate(() => performance.getEntriesByType('paint')[0].startTime);
    assert.ok(paint < 1000, `first paint after ${paint} ms`);
    await page.close();
  });

  test('Measure: counts equal those of the command line', async () => {
    const on = gpu ? 'webgpu' : 'wasm';
    const names = ['reverse-kl/pathwise', 'mpo/decoupled'];
    const page = await site.page(
      `#measure?estimators=${names.join(',')}&batch=8&width=16&rounds=2&ms=1&on=${on}&sweep=0&seed=5`,
    );
    await page.getByRole('button', { name: 'Measure', exact: true }).click();
    await page.getByText(`Measured ${on} on`).waitFor({ timeout: 120_000 });
    // The host is timed, and shown, where the device works by itself.
    const whole = page.locator('table', { hasText: 'one whole update' });
    const host = await whole.getByRole('columnheader', { name: 'host µs' }).count();
    assert.is(host, gpu ? 1 : 0);
    if (gpu) {
      const shown = await whole.locator('tbody tr td:last-child').allTextContents();
      assert.is(shown.length, 3);
      assert.ok(
        shown.every((text) => Number(text) > 0),
        shown.join(),
      );
    }
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save JSON' }).click();
    const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
    const args = ['bench', '--quick', '--batch', '8', '--hidden', '16,16', '--seed', '5'];
    // In Node alone rows go through several layers in one kernel.
    const known = (await cli(
      [...args, '--backend', on, '--estimators', names.join(','), '--json', '-'],
      gpu ? inDeno : inNode,
    )) as { reports: { rows: Record<string, unknown>[] }[] };
    const counts = (rows: Record<string, unknown>[]) =>
      rows.map(
        ({ estimator, samples, kernelsPerUpdate, flops, bytes, arenaBytes, stateBytes, readbacks }) => ({
          ...{ estimator, samples, kernelsPerUpdate, flops, bytes, arenaBytes, stateBytes, readbacks },
        }),
      );
    assert.equal(counts(saved.reports[0].rows), counts(known.reports[0].rows));
    await page.close();
  });

  test('Measure: cancelling ends it', async () => {
    const page = await site.page('#measure?on=wasm&sweep=1&rounds=101&ms=500');
    await page.getByRole('button', { name: 'Measure', exact: true }).click();
    await page.getByText('wasm: estimators').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled.').waitFor();
    // The threads go with their worker, if not in the same moment.
    for (let tries = 0; page.workers().length > 0 && tries < 50; tries++) await page.waitForTimeout(100);
    assert.is(page.workers().length, 0);
    assert.ok(await page.getByRole('button', { name: 'Measure', exact: true }).isEnabled());
    await page.close();
  });

  test('Learn: returns equal those of the command line, and no task on the page is long', async () => {
    const on = gpu ? 'webgpu' : 'wasm';
    const page = await site.page(`${learnAddress}&backend=${on}`);
    const begun = await page.evaluate(() => performance.now());
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await page.getByText('Trained 2 policies.').waitFor({ timeout: 120_000 });
    const long = await page.evaluate(
      (from) =>
        (globalThis as unknown as { longTasks: { startTime: number; duration: number }[] }).longTasks.filter(
          ({ startTime, duration }) => startTime > from && duration > 100,
        ),
      begun,
    );
    assert.equal(long, []);
    const download = page.waitForEvent('download');
    await page.locator('#panel-learn').getByRole('button', { name: 'Save JSON' }).click();
    const { runs } = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
    const known = (await cli([
      ...[
        'train',
        '--env',
        'cartpole',
        '--estimator',
        'reverse-kl/score:loo',
        '--backend',
        on,
        '--seed',
        '3',
      ],
      ...['--steps', '220', '--warmup', '100', '--evaluate-every', '110', '--episodes', '2', '--json'],
    ])) as { evaluations: { meanReturn: number; metrics: { criticLoss: number } }[] };
    // The same kernels and the same draws; engines may round a fused multiply-add differently.
    assert.is(runs[0].evaluations.length, known.evaluations.length);
    known.evaluations.forEach(({ meanReturn, metrics }, i) => {
      const { meanReturn: own, metrics: ownMetrics } = runs[0].evaluations[i];
      assert.ok(Math.abs(own - meanReturn) <= 0.02 * Math.abs(meanReturn), `return ${own}, ${meanReturn}`);
      const gap = Math.abs(ownMetrics.criticLoss - metrics.criticLoss);
      assert.ok(gap <= 0.01 * Math.abs(metrics.criticLoss), `critic loss apart by ${gap}`);
    });
    await page.close();
  });

  if (gpu)
    test('Learn: a lost device is told with what to do, and trying again trains to the end', async () => {
      const page = await site.page(`${learnAddress}&backend=webgpu`);
      let losing = true;
      // The device of the first run is destroyed under it, as by a driver that resets.
      await page.route('**/worker.js', async (route) => {
        const response = await route.fetch();
        const lose = `{
          const { requestDevice } = GPUAdapter.prototype;
          GPUAdapter.prototype.requestDevice = async function (...args) {
            const device = await requestDevice.apply(this, args);
            setTimeout(() => device.destroy(), 1500);
            return device;
          };
        }`;
        await route.fulfill({ response, body: `${losing ? lose : ''}${await response.text()}` });
      });
      await page.getByRole('button', { name: 'Train', exact: true }).click();
      const alert = page.locator('#panel-learn [role=alert]');
      await alert.waitFor({ timeout: 60_000 });
      const told = (await alert.textContent()) ?? '';
      assert.match(told, /The device was lost.*Choose WebAssembly under “Runs on”, or try again/);
      losing = false;
      await alert.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('Trained 2 policies.').waitFor({ timeout: 120_000 });
      assert.is(await page.locator('#panel-learn [role=alert]').count(), 0);
      await page.close();
    });

  test('the policy of the page lets no text be run as a program, and nothing be fetched elsewhere', async () => {
    const page = await site.page('#report');
    const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
    assert.match(policy ?? '', /default-src 'none'/);
    assert.not.match(policy ?? '', /'unsafe-eval'|script-src[^;]*('unsafe-inline'|https?:|\*)/);
    const refused = await page.evaluate(() => {
      const seen: string[] = [];
      addEventListener('securitypolicyviolation', ({ effectiveDirective }) => seen.push(effectiveDirective));
      const inline = document.createElement('script');
      inline.textContent = 'globalThis.ran = true';
      document.head.append(inline);
      const foreign = new Image();
      foreign.src = 'https://example.invalid/x.png';
      return new Promise<string[]>((done) => setTimeout(() => done(seen), 300));
    });
    assert.ok(
      refused.some((directive) => directive.startsWith('script-src')),
      String(refused),
    );
    assert.ok(refused.includes('img-src'), String(refused));
    assert.not.ok(await page.evaluate(() => 'ran' in globalThis));
    // What was provoked here is no problem of the page.
    for (let i = site.problems.length - 1; i >= 0; i--)
      if (/Content Security Policy/.test(site.problems[i]) || site.problems[i].includes('example.invalid'))
        site.problems.splice(i, 1);
    await page.close();
  });

  test('Report: results and reports open; scripts in them do not run, and what is none is refused', async () => {
    const page = await site.page('#report');
    const input = page.locator('#panel-report input[type=file]');
    await input.setInputFiles(join(process.cwd(), 'docs/quality/summary.json'));
    await page.getByText('summary.json,').waitFor();
    assert.ok((await page.locator('#panel-report table').count()) > 0);
    await input.setInputFiles({
      name: 'broken.json',
      mimeType: 'application/json',
      buffer: Buffer.from('{'),
    });
    await page.getByText('neither HTML nor JSON').waitFor();
    const lines = { name: 'metrics.jsonl', mimeType: 'application/json' };
    await input.setInputFiles({
      ...lines,
      buffer: Buffer.from('{"step":1,"__proto__":{"x":1}}\n{"step":2}\n{"st'),
    });
    await page.getByText('metrics.jsonl,').waitFor();
    assert.is(await page.evaluate(() => ({}) as { x?: number }).then((empty) => empty.x), undefined);
    const html =
      '<!doctype html><style>h1{color:red}</style><h1>A report</h1><script>document.querySelector("h1").textContent = "ran"</script>';
    await input.setInputFiles({ name: 'report.html', mimeType: 'text/html', buffer: Buffer.from(html) });
    await page.frameLocator('iframe').getByRole('heading', { name: 'A report' }).waitFor();
    await page.close();
  });

  for (const colorScheme of ['light', 'dark'] as const)
    test(`nothing stands in the way of assistive technology, ${colorScheme}`, async () => {
      const page = await site.page('#see?limit=2&backend=wasm', { colorScheme });
      for (const tab of ['See', 'Measure', 'Learn', 'Report']) {
        await page.getByRole('tab', { name: tab }).click();
        assert.equal(await violations(page), [], tab);
      }
      await page.getByRole('tab', { name: 'Report' }).press('ArrowRight');
      assert.is(await page.getByRole('tab', { name: 'See' }).getAttribute('aria-selected'), 'true');
      await page.close();
    });
  test.run();
}
