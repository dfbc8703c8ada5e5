// A report of two estimators, with what bench and quality say beside it, and a browser to read it in.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { writeReport } from '../../src/cli/report.ts';
import { writeStudy } from '../helpers/study-folder.ts';

export const { launch } = (await import(pathToFileURL(join(process.cwd(), 'test/web/browser.mjs')).href)) as {
  launch(options: { readonly gpu: boolean }): Promise<Browser>;
};

/** @returns the file of the report */
export async function writeTwo(folder: string): Promise<string> {
  writeStudy(folder, [
    { estimator: 'reverse-kl/pathwise', final: -150, noise: 10 },
    { estimator: 'renyi/dreg:2', final: -170, noise: 10 },
  ]);
  const { file } = await writeReport([folder], {
    ...{ seed: 0, resamples: 100, out: join(folder, 'report') },
    include: ['docs/quality', 'docs/scaling'],
  });
  return file;
}
