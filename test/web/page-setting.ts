// What the tests of the page do on it, with WebGPU on the software driver and without.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { mlpKernels } from '../../src/tape/index.ts';
import { cliIn, cliOutput, until } from '../helpers/process.ts';

export interface Site {
  readonly gpu: boolean;
  readonly url: string;
  /** Errors on the console, uncaught ones, and requests to other hosts. */
  readonly problems: string[];
  /** Files of the page that have been asked for. */
  readonly asked: Set<string>;
  page(address: string, options?: { readonly colorScheme?: 'light' | 'dark' }): Promise<Page>;
  close(): Promise<void>;
}
// Not bundled: it finds its files by where it lies itself.
export const { openSite } = (await import(pathToFileURL(join(process.cwd(), 'test/web/page.mjs')).href)) as {
  openSite(options: { readonly gpu: boolean }): Promise<Site>;
};

const learnAddress =
  '#learn?environment=cartpole&estimators=reverse-kl/score:loo,forward-kl/snis:policy&steps=220&warmup=100&evaluateEvery=110&evaluationEpisodes=2&learningRate=0.001&seed=3';

/** Policies come nearer to the target, and the device is named. */
export async function see(site: Site): Promise<void> {
  const { gpu } = site;
  const page = await site.page(`#see?limit=60&rate=0.05&target=unimodal&backend=${gpu ? 'webgpu' : 'auto'}`);
  await page.getByText('Paused.').waitFor();
  const device = (await page.locator('.device').textContent()) ?? '';
  assert.match(device, gpu ? /WebGPU on/ : /WebAssembly/);
  const divergence = Number(await page.locator('.facts dd').nth(1).textContent());
  assert.ok(divergence < 0.15, `reverse KL ${divergence}`);
  await page.close();
}

/** Counts equal those of the command line. */
export async function measure(site: Site): Promise<void> {
  const { gpu } = site;
  const on = gpu ? 'webgpu' : 'wasm';
  const names = ['reverse-kl/pathwise', 'mpo/decoupled'];
  const page = await site.page(
    `#measure?estimators=${names.join(',')}&batch=8&width=16&rounds=2&ms=1&on=${on}&sweep=0&seed=5`,
  );
  await page.getByRole('button', { name: 'Measure', exact: true }).click();
  await page.getByText(`Measured ${on} on`).waitFor();
  // The host is timed, and shown, where the device works by itself.
  const whole = page.locator('table', { hasText: 'one whole update' });
  const host = await whole.getByRole('columnheader', { name: 'host µs' }).count();
  assert.is(host, gpu ? 1 : 0);
  if (gpu) {
    const shown = await whole.locator('tbody tr td:last-child').allTextContents();
    assert.is(shown.length, mlpKernels.length);
    assert.ok(
      shown.every((text) => Number(text) > 0),
      shown.join(),
    );
  }
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save JSON' }).click();
  const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  assert.equal(saved.reports[0].wrong, []);
  const args = ['bench', '--quick', '--batch', '8', '--hidden', '16,16', '--seed', '5'];
  // In Node alone rows go through several layers in one kernel.
  const shown = [...args, '--backend', on, '--estimators', names.join(','), '--json', '-'];
  const { code, stdout, stderr } = await cliIn(gpu ? 'deno' : 'node', shown);
  assert.is(code, 0, stderr);
  const known = JSON.parse(stdout) as { reports: { rows: Record<string, unknown>[] }[] };
  const counts = (rows: Record<string, unknown>[]) =>
    rows.map(({ estimator, samples, kernelsPerUpdate, flops, bytes, arenaBytes, stateBytes, readbacks }) => ({
      ...{ estimator, samples, kernelsPerUpdate, flops, bytes, arenaBytes, stateBytes, readbacks },
    }));
  assert.equal(counts(saved.reports[0].rows), counts(known.reports[0].rows));
  await page.close();
}

/** Cancelling a measurement ends it. */
export async function cancel(site: Site): Promise<void> {
  const page = await site.page('#measure?on=wasm&sweep=1&rounds=101&ms=500');
  await page.getByRole('button', { name: 'Measure', exact: true }).click();
  await page.getByText('wasm: estimators').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor();
  // The threads go with their worker, if not in the same moment.
  await until(() => page.workers().length === 0, 'the workers to go');
  assert.is(page.workers().length, 0);
  assert.ok(await page.getByRole('button', { name: 'Measure', exact: true }).isEnabled());
  await page.close();
}

/** Returns equal those of the command line, and no task on the page is long. */
export async function learn(site: Site): Promise<void> {
  const { gpu } = site;
  const on = gpu ? 'webgpu' : 'wasm';
  const page = await site.page(`${learnAddress}&backend=${on}`);
  const begun = await page.evaluate(() => performance.now());
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  await page.getByText('Trained 2 policies.').waitFor();
  const long = await page.evaluate((from) => {
    const { longTasks } = globalThis as unknown as { longTasks: { startTime: number; duration: number }[] };
    // On a slow machine all is longer: a fifth of the training, which it would be all of if it ran here.
    const bound = Math.max(100, (performance.now() - from) / 5);
    return longTasks.filter(({ startTime, duration }) => startTime > from && duration > bound);
  }, begun);
  assert.equal(long, []);
  const download = page.waitForEvent('download');
  await page.locator('#panel-learn').getByRole('button', { name: 'Save JSON' }).click();
  const { runs } = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  const settings = `--env cartpole --estimator reverse-kl/score:loo --backend ${on} --seed 3`;
  const lengths = '--steps 220 --warmup 100 --evaluate-every 110 --episodes 2';
  const args = [...settings.split(' '), ...lengths.split(' '), '--json'];
  const known = JSON.parse(await cliOutput(['train', ...args])) as {
    evaluations: { meanReturn: number; metrics: { criticLoss: number } }[];
  };
  // The same kernels and the same draws; engines may round a fused multiply-add differently.
  assert.is(runs[0].evaluations.length, known.evaluations.length);
  known.evaluations.forEach(({ meanReturn, metrics }, i) => {
    const { meanReturn: own, metrics: ownMetrics } = runs[0].evaluations[i];
    assert.ok(Math.abs(own - meanReturn) <= 0.02 * Math.abs(meanReturn), `return ${own}, ${meanReturn}`);
    const gap = Math.abs(ownMetrics.criticLoss - metrics.criticLoss);
    assert.ok(gap <= 0.01 * Math.abs(metrics.criticLoss), `critic loss apart by ${gap}`);
  });
  await page.close();
}

/** A lost device is told with what to do, and trying again trains to the end. */
export async function lose(site: Site): Promise<void> {
  const page = await site.page(`${learnAddress}&backend=webgpu`);
  let losing = true;
  // The device of the first run is destroyed under it, as by a driver that resets.
  await page.route('**/worker.js', async (route) => {
    const response = await route.fetch();
    const lose = `{
      const { submit } = GPUQueue.prototype;
      const { requestDevice } = GPUAdapter.prototype;
      let submits = 0;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await requestDevice.apply(this, args);
        GPUQueue.prototype.submit = function (...buffers) {
          submit.apply(this, buffers);
          if (++submits === 60) device.destroy();
        };
        return device;
      };
    }`;
    await route.fulfill({ response, body: `${losing ? lose : ''}${await response.text()}` });
  });
  await page.getByRole('button', { name: 'Train', exact: true }).click();
  const alert = page.locator('#panel-learn [role=alert]');
  await alert.waitFor();
  const told = (await alert.textContent()) ?? '';
  assert.match(told, /The device was lost.*Choose WebAssembly under “Runs on”, or try again/);
  losing = false;
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Trained 2 policies.').waitFor();
  assert.is(await page.locator('#panel-learn [role=alert]').count(), 0);
  await page.close();
}

/** The policy of the page lets no text be run as a program, and nothing be fetched elsewhere. */
export async function refuse(site: Site): Promise<void> {
  const page = await site.page('#report');
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  assert.match(policy ?? '', /default-src 'none'/);
  assert.not.match(policy ?? '', /'unsafe-eval'|script-src[^;]*('unsafe-inline'|https?:|\*)/);
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    addEventListener('securitypolicyviolation', ({ effectiveDirective }) => seen.push(effectiveDirective));
    const inline = document.createElement('script');
    inline.textContent = 'globalThis.ran = true';
    document.head.append(inline);
    const foreign = new Image();
    foreign.src = 'https://example.invalid/x.png';
  });
  await page.waitForFunction(() => {
    const { seen } = globalThis as unknown as { seen: string[] };
    return seen.some((directive) => directive.startsWith('script-src')) && seen.includes('img-src');
  });
  assert.not.ok(await page.evaluate(() => 'ran' in globalThis));
  // What was provoked here is no problem of the page.
  for (let i = site.problems.length - 1; i >= 0; i--)
    if (/Content Security Policy/.test(site.problems[i]) || site.problems[i].includes('example.invalid'))
      site.problems.splice(i, 1);
  await page.close();
}

/** Results and reports open; scripts in them do not run, and what is none is refused. */
export async function report(site: Site): Promise<void> {
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
}

/** The first paint, and all tabs with it, while the worker that computes is held back. */
export async function paint(site: Site): Promise<void> {
  const page = await site.page('#report');
  let release = () => {};
  const released = new Promise<void>((done) => {
    release = done;
  });
  let asked = 0;
  await page.route('**/worker.js', async (route) => {
    asked++;
    await released;
    await route.continue();
  });
  await page.goto('about:blank');
  await page.goto(`${site.url}#see?limit=2&backend=wasm`);
  await page.waitForFunction(() => performance.getEntriesByType('paint').length > 0);
  for (const tab of ['See', 'Measure', 'Learn', 'Report'])
    assert.ok(await page.getByRole('tab', { name: tab }).isVisible(), tab);
  await until(() => asked > 0, 'the worker to be asked for');
  assert.is(await page.getByText('Paused.').count(), 0);
  release();
  await page.getByText('Paused.').waitFor();
  await page.close();
}
