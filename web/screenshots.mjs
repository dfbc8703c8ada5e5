// Takes the pictures of docs/web: each tab in light, dark and on a phone.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../test/web/browser.mjs';
import { serve } from './serve.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'docs', 'web');
mkdirSync(folder, { recursive: true });

const looks = {
  light: { viewport: { width: 1200, height: 860 }, colorScheme: 'light' },
  dark: { viewport: { width: 1200, height: 860 }, colorScheme: 'dark' },
  phone: {
    viewport: { width: 390, height: 844 },
    colorScheme: 'light',
    deviceScaleFactor: 2,
    isMobile: true,
  },
};

/** What a visitor does before the picture is worth taking. */
const tabs = {
  see: {
    address: '#see?limit=900&speed=16&backend=wasm',
    ready: (page) => page.getByText('Paused.').waitFor({ timeout: 60_000 }),
  },
  'see-2d': {
    address:
      '#see?dimensions=2&target=ring&family=tanh-gaussian&estimators=reverse-kl/pathwise,renyi/pathwise&limit=200&backend=wasm',
    ready: async (page) => {
      await page.getByText('policies side by side').waitFor({ timeout: 60_000 });
      await page.waitForTimeout(5000);
    },
  },
  measure: {
    address: '#measure?rounds=5&ms=10&on=wasm,cpu&sweep=1',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Measure', exact: true }).click();
      await page.getByText('Measured wasm').waitFor({ timeout: 180_000 });
    },
  },
  learn: {
    address: '#learn?steps=3000&evaluateEvery=250&evaluationEpisodes=5&backend=wasm',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Train', exact: true }).click();
      await page.getByText('Trained 2 policies.').waitFor({ timeout: 240_000 });
    },
  },
  report: {
    address: '#report',
    ready: async (page) => {
      await page.setInputFiles('#panel-report input[type=file]', join(root, 'docs/quality/summary.json'));
      await page.getByText('summary.json,').waitFor();
    },
  },
};

const wanted = process.argv.slice(2);
const { url, stop } = await serve();
const browser = await launch();
for (const [name, { address, ready }] of Object.entries(tabs)) {
  for (const [look, options] of Object.entries(looks)) {
    if (wanted.length > 0 && !wanted.some((each) => `${name}-${look}`.startsWith(each))) continue;
    const page = await browser.newPage(options);
    await page.goto(url + address);
    await ready(page);
    await page.waitForTimeout(300);
    const file = join(folder, `${name}-${look}.png`);
    await page.screenshot({ path: file, fullPage: look !== 'phone' && name !== 'report' });
    console.log(file);
    await page.close();
  }
}
await browser.close();
stop();
