// The cells that are long programs, as cells.test.ts has the others: a step is trained and its gradient is right.
import { test } from 'uvu';
import { estimatorChoices } from '../../src/divergences/registry.ts';
import { trainsRight } from './cells-gradient.ts';
import { cellsOf, isQuick } from './cells-setting.ts';

const allowed = cellsOf(estimatorChoices()).filter(({ missing }) => missing.length === 0);
for (const cell of allowed.filter((cell) => !isQuick(cell)))
  test(`${cell.name}: trains a step, and its gradient is right`, () => trainsRight(cell));

test.run();
