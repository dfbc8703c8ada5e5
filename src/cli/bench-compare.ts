// `bench --compare OLD NEW`: what changed between two versions, machines or settings.

import { DataError, UsageError } from '../errors.ts';
import { jsonText, parseJson } from '../json.ts';
import { minimum } from '../math/extremes.ts';
import { checkedCost } from '../measure/checked-cost.ts';
import {
  type Change,
  type ComparedBackend,
  type ComparedReport,
  type Comparison,
  type CountName,
  compareCosts,
} from '../measure/compare.ts';
import { formatCount } from '../program/program.ts';
import { readFile } from '../study/runs/files.ts';
import { compactTable, fixed, making, writeResult } from './common.ts';
import { print, printTable, printText } from './terminal.ts';

/** @throws UsageError unless there are two files, DataError naming what is missing in one */
export async function compareFiles(files: readonly string[], json: string | undefined): Promise<void> {
  if (files.length !== 2)
    throw new UsageError(`--compare takes two files, an older and a newer result; got ${files.length}.`, {
      hint: 'Write them with bench --json FILE.',
    });
  const [before, after] = await Promise.all(files.map(readCosts));
  const comparison = compareCosts(before, after);
  const result = { ...comparison, ...making() };
  const text = () => jsonText(result, 'The comparison', { indent: 2 });
  if (json === '-') return print(text());
  if (json !== undefined) await writeResult(json, `${text()}\n`);
  printComparison(comparison, files);
}

async function readCosts(file: string): Promise<ComparedReport[]> {
  const text = await readFile(file, 'utf8');
  const wrong = (why: string) =>
    new DataError(`'${file}' ${why}.`, { hint: 'Write it with bench --json FILE.' });
  let value: { readonly kind?: unknown; readonly reports?: unknown } | null;
  try {
    value = parseJson(text) as typeof value;
  } catch (error) {
    throw wrong(`is not JSON: ${(error as Error).message}`);
  }
  if (value?.kind !== 'divergrad-cost' || !Array.isArray(value.reports)) throw wrong('is no result of bench');
  return value.reports.map((report: ComparedReport) => {
    try {
      checkedCost(report as Parameters<typeof checkedCost>[0]);
    } catch (error) {
      throw wrong(`is damaged: ${(error as Error).message.replace(/\.$/, '')}`);
    }
    const whole = report.wholeUpdate ?? [];
    if (!Array.isArray(whole)) throw wrong('has a wholeUpdate that is no list');
    for (const row of [...report.rows, ...whole]) {
      const intervals = ['ratioInterval' in row ? [row.ratioInterval] : [], row.msInterval].flat();
      const isWhole = intervals.every((each) =>
        (['low', 'high', 'coverage'] as const).every((name) => Number.isFinite(each?.[name])),
      );
      if (!isWhole || !(row.msInterval.low > 0) || typeof row.msPerUpdate !== 'number')
        throw wrong(`has a time of ${row.estimator} without its interval`);
    }
    return report;
  });
}

function printComparison({ backends, onlyBefore, onlyAfter }: Comparison, files: readonly string[]): void {
  printText(`${files[1]} beside ${files[0]}: new over old`);
  for (const backend of backends) printBackend(backend);
  for (const name of onlyBefore) print(`${name}: in ${files[0]} only`);
  for (const name of onlyAfter) print(`${name}: in ${files[1]} only`);
}

function printBackend({ backend, differences, rows, onlyBefore, onlyAfter }: ComparedBackend): void {
  print(`${backend}:`);
  if (differences.length === 0) printText('  same machine, versions and settings');
  for (const { name, before, after } of differences) printText(`  ${name}: ${before} → ${after}`);
  if (rows.length > 0) {
    const least = minimum(rows.map(({ time }) => time.interval.coverage));
    printText(`  intervals hold at least ${Math.floor(100 * least)}%, since both results' own do`);
    const table = compactTable(['', 'old ms', 'new ms', 'new/old', 'time', 'ratio to baseline', 'counts']);
    for (const { name, before, after, time, toBaseline, counts } of rows)
      table.push([
        name,
        fixed(before),
        fixed(after),
        told(time),
        time.verdict,
        toBaseline ? told(toBaseline) : '–',
        countsOf(counts),
      ]);
    printTable(table);
  }
  const changed = (changes: readonly Change[]): string =>
    `${changes.filter(({ verdict }) => verdict !== 'no change shown').length} of ${changes.length}`;
  const ratios = rows.flatMap(({ toBaseline }) => toBaseline ?? []);
  printText(
    `  ${changed(rows.map(({ time }) => time))} times and ${changed(ratios)} ratios to the baseline changed by more than their intervals`,
  );
  if (onlyBefore.length > 0) printText(`  only in the old one: ${onlyBefore.join(', ')}`);
  if (onlyAfter.length > 0) printText(`  only in the new one: ${onlyAfter.join(', ')}`);
}

const told = ({ ratio, interval: { low, high } }: Change): string =>
  `${fixed(ratio)} [${fixed(low)}, ${fixed(high)}]`;

const countNames: Readonly<Record<CountName, string>> = {
  kernelsPerUpdate: 'kernels',
  flops: 'FLOP',
  bytes: 'bytes',
  arenaBytes: 'arena',
  stateBytes: 'states',
};

const countsOf = (counts: ComparedBackend['rows'][number]['counts']): string =>
  Object.entries(counts)
    .map(
      ([name, [before, after]]) =>
        `${countNames[name as CountName]} ${formatCount(before)}→${formatCount(after)}`,
    )
    .join(', ') || 'same';
