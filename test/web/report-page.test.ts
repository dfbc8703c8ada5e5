// A report in the headless Chromium: it asks nobody for anything, reads well to axe in light and dark, and prints.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeReport } from '../../src/cli/report.ts';
import { writeStudy } from '../helpers/study-folder.ts';

const { launch } = (await import(pathToFileURL(join(process.cwd(), 'test/web/browser.mjs')).href)) as {
  launch(options: { readonly gpu: boolean }): Promise<Browser>;
};
const axeSource = readFileSync(
  createRequire(join(process.cwd(), 'package.json')).resolve('axe-core'),
  'utf8',
);

const test = suite('the report in a browser');
const folder = mkdtempSync(join(tmpdir(), 'divergrad-report-page-'));
test.after(() => rmSync(folder, { recursive: true }));

test('no request, no error, no violation in light or dark, and a page to print', async () => {
  writeStudy(folder, [
    { estimator: 'reverse-kl/pathwise', final: -150, noise: 10 },
    { estimator: 'renyi/dreg:2', final: -170, noise: 10 },
  ]);
  const { file } = await writeReport([folder], {
    ...{ seed: 0, resamples: 100, out: join(folder, 'report') },
    include: ['docs/quality', 'docs/scaling'],
  });
  const browser = await launch({ gpu: false });
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ colorScheme, bypassCSP: true });
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) problems.push(request.url());
      });
      await page.goto(pathToFileURL(file).href);
      await page.evaluate(axeSource);
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        };
        return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
      });
      assert.equal(violations, [], colorScheme);
      assert.equal(problems, [], colorScheme);
      assert.is(
        await page.locator('figure').count(),
        14,
        'six figures of the study, three of quality, five of scaling',
      );
      await page.close();
    }
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    const printed = await page.pdf({ format: 'A4' });
    const pages = printed.toString('latin1').match(/\/Type\s*\/Page[^s]/g)?.length ?? 0;
    assert.ok(pages > 3 && pages < 30, `${pages} pages`);
  } finally {
    await browser.close();
  }
});

test.run();
