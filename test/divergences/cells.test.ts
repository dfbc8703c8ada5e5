// Every cell of the matrix on the CPU: an allowed pair trains a step and its gradient is right by finite
// differences; a refused one says what is missing and what would work.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { missingNeeds, needTitles } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { UsageError } from '../../src/errors.ts';
import { compatibilityMatrix, countCells } from '../../src/report/matrix.ts';
import { trainsRight } from './cells-gradient.ts';
import { cellsOf, isQuick, learnerFor } from './cells-setting.ts';

const cells = cellsOf(estimatorChoices());
const allowed = cells.filter(({ missing }) => missing.length === 0);
const refused = cells.filter(({ missing }) => missing.length > 0);

test('the cells tried here are those of the matrix', () => {
  assert.equal({ allowed: allowed.length, refused: refused.length }, countCells(compatibilityMatrix(1)));
  assert.ok(allowed.length > 300 && refused.length > 100, `${allowed.length} and ${refused.length}`);
});

// ---- refused cells --------------------------------------------------------------------------------------

for (const cell of refused) {
  test(`${cell.name}: refused`, () => {
    const { choice, family, actions, missing } = cell;
    assert.throws(
      () => learnerFor(cell),
      (error: Error) => {
        assert.instance(error, UsageError);
        assert.ok(error.message.startsWith(`${choice.name} does not work with`), error.message);
        for (const need of missing) assert.ok(error.message.includes(needTitles[need]), error.message);
        const named = /these work: (.*)\.$/.exec(error.message)?.[1].split(', ') ?? [];
        assert.ok(named.length > 0, error.message);
        for (const name of named)
          assert.equal(missingNeeds(chooseEstimator(name).needs, family, actions), [], name);
        return true;
      },
    );
  });
}

// ---- allowed cells --------------------------------------------------------------------------------------

for (const cell of allowed.filter(isQuick))
  test(`${cell.name}: trains a step, and its gradient is right`, () => trainsRight(cell));

test.run();
