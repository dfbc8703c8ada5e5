// The shares of studies whose intervals hold the truth, as the report and docs/learning.md say them, simulated anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Coverage, coverage } from '../../src/report/coverage.ts';
import { type Shape, type StatisticName, simulatedCoverage } from '../helpers/coverage.ts';

const test = suite('coverage');
const shapes: Readonly<Record<keyof Coverage, Shape>> = {
  normal: 'normal',
  skewed: 'skewed',
  halfFail: 'bimodal, half of the runs fail',
  threeInTenFail: 'bimodal, three in ten fail',
};
const statistics: readonly StatisticName[] = ['score', 'difference', 'improvement'];
/** Of the seeds that are simulated again: the long rows cost most. */
const trialsOf: Readonly<Record<number, number>> = { 5: 250, 10: 200, 40: 80 };

for (const entry of coverage.filter(({ seeds }) => trialsOf[seeds]))
  test(`of ${entry.seeds} seeds`, () => {
    const trials = trialsOf[entry.seeds];
    for (const statistic of statistics)
      for (const [name, shape] of Object.entries(shapes) as [keyof Coverage, Shape][]) {
        const said = entry[statistic][name];
        const found = simulatedCoverage(statistic, shape, entry.seeds, trials, { resamples: 200, seed: 7 });
        // Both are simulated: four standard errors of their difference.
        const error = Math.sqrt(said * (1 - said) * (1 / trials + 1 / 1000)) + 1e-3;
        assert.ok(Math.abs(found - said) < 4 * error, `${statistic}, ${shape}: ${found}, said ${said}`);
      }
  });

test('over three tasks of five seeds, too', () => {
  for (const statistic of statistics)
    for (const shape of Object.values(shapes)) {
      const held = simulatedCoverage(statistic, shape, 5, 120, { tasks: 3, resamples: 200 });
      assert.ok(
        held > (shape === 'bimodal, three in ten fail' ? 0.86 : 0.9),
        `${statistic}, ${shape}: ${held}`,
      );
    }
});

test('the document has the same numbers', () => {
  const text = readFileSync(join(process.cwd(), 'docs/learning.md'), 'utf8');
  for (const statistic of statistics)
    for (const entry of coverage) {
      const cells = Object.keys(shapes).map((name) => entry[statistic][name as keyof Coverage].toFixed(3));
      assert.ok(
        text.includes(`| ${statistic} | ${entry.seeds} | ${cells.join(' | ')} |`),
        `${statistic} ${entry.seeds}`,
      );
    }
});

test.run();
