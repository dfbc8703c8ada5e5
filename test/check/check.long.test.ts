// The checks that users run on their own, on every family of the library and on estimators of each quality.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as divergrad from '../../src/index.ts';
import { checkEstimator, checkFamily, chooseEstimator, distributionFamilies } from '../../src/index.ts';

const document = readFileSync('docs/plugins.md', 'utf8');
const neyman = /^`neyman\.mjs`\n\n```js\n([\s\S]*?)^```$/m.exec(document)?.[1] ?? '';
(await import(`data:text/javascript,${encodeURIComponent(neyman)}`)).default(divergrad);

for (const { name } of distributionFamilies)
  test(`${name} is a family as it says`, async () => {
    assert.ok((await checkFamily(name)).length >= 4);
  });

for (const name of [
  'neyman/score',
  'neyman/pathwise',
  'neyman/exact',
  'reverse-kl/score',
  'reverse-kl/pathwise',
])
  test(`${name} is an estimator as it says`, async () => {
    const variants = Math.max(1, chooseEstimator(name).estimator.variants.length);
    assert.is(
      (await checkEstimator(name, { families: ['tanh-gaussian'], scale: 0.05 })).length,
      2 * variants,
    );
  });

test.run();
