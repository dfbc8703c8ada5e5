// Nothing on the page or in a report stands in the way of assistive technology, by axe, in light and dark.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder } from '../helpers/process.ts';
import { openSite, type Site } from './page-setting.ts';
import { launch, writeTwo } from './report-setting.ts';

const schemes = ['light', 'dark'] as const;
// Installed apart from all else: the licence of axe-core is its own.
const axeSource = readFileSync(
  createRequire(join(process.cwd(), 'test/web/package.json')).resolve('axe-core'),
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
  for (const colorScheme of schemes)
    test(`every tab, ${colorScheme}`, async () => {
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

const report = suite('a report');
report('in light and dark', () =>
  inFolder(async (folder) => {
    const file = await writeTwo(folder);
    const browser = await launch({ gpu: false });
    try {
      for (const colorScheme of schemes) {
        const page = await browser.newPage({ colorScheme, bypassCSP: true });
        page.setDefaultTimeout(600_000);
        await page.goto(pathToFileURL(file).href);
        assert.equal(await violations(page), [], colorScheme);
      }
    } finally {
      await browser.close();
    }
  }),
);
report.run();
