// A report in the headless Chromium: it asks nobody for anything, and prints.
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder } from '../helpers/process.ts';
import { launch, writeTwo } from './report-setting.ts';

const test = suite('the report in a browser');

test('no request, no error in light or dark, and a page to print', () =>
  inFolder(async (folder) => {
    const file = await writeTwo(folder);
    const browser = await launch({ gpu: false });
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ colorScheme });
        page.setDefaultTimeout(600_000);
        const problems: string[] = [];
        page.on('console', (message) => {
          if (message.type() === 'error') problems.push(message.text());
        });
        page.on('pageerror', (error) => problems.push(error.message));
        page.on('request', (request) => {
          if (!/^(file|data):/.test(request.url())) problems.push(request.url());
        });
        await page.goto(pathToFileURL(file).href);
        assert.equal(problems, [], colorScheme);
        assert.is(
          await page.locator('figure').count(),
          14,
          'six figures of the study, three of quality, five of scaling',
        );
        await page.close();
      }
      const page = await browser.newPage();
      page.setDefaultTimeout(600_000);
      await page.goto(pathToFileURL(file).href);
      const printed = await page.pdf({ format: 'A4' });
      const pages = printed.toString('latin1').match(/\/Type\s*\/Page[^s]/g)?.length ?? 0;
      assert.ok(pages > 3 && pages < 30, `${pages} pages`);
    } finally {
      await browser.close();
    }
  }));

test.run();
