import { DataError, quoted } from '../errors.ts';
import type { CostReport } from './cost.ts';

/**
 * A cost report of a file: texts where texts are needed, numbers where numbers are.
 *
 * @throws DataError naming what is missing
 */
export function checkedCost<R extends CostReport>(report: R): R {
  const need = (what: string, value: unknown, kind: 'string' | 'number' | 'object') => {
    if (typeof value !== kind || value === null || (kind === 'number' && !Number.isFinite(value)))
      throw new DataError(
        `${what} is ${value === undefined ? 'missing' : quoted(value)}; it must be ${kind === 'object' ? 'an' : 'a'} ${kind}.`,
      );
  };
  need('A report of the cost', report, 'object');
  need('adapter', report.adapter, 'string');
  need('baseline', report.baseline, 'string');
  need('settings', report.settings, 'object');
  need('settings.distribution', report.settings.distribution, 'string');
  need('settings.batch', report.settings.batch, 'number');
  if (!Array.isArray(report.settings.hidden)) need('settings.hidden', undefined, 'object');
  if (!Array.isArray(report.rows)) need('rows', undefined, 'object');
  for (const row of report.rows) {
    need('A row', row, 'object');
    need('estimator', row.estimator, 'string');
    for (const name of ['samples', 'msPerUpdate', 'ratio', 'flops', 'bytes', 'kernelsPerUpdate'] as const)
      need(`${row.estimator}: ${name}`, row[name], 'number');
    need(`${row.estimator}: ratioInterval`, row.ratioInterval, 'object');
    for (const name of ['low', 'high'] as const)
      need(`${row.estimator}: ratioInterval.${name}`, row.ratioInterval[name], 'number');
  }
  return report;
}
