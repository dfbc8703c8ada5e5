// What `bench --scaling` prints and writes.

import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { jsonText } from '../json.ts';
import type { CostReport } from '../measure/cost.ts';
import {
  type ScalingAxis,
  type ScalingLaw,
  type ScalingReport,
  scalingAxes,
  scalingAxis,
  wholeUpdateName,
} from '../measure/scaling.ts';
import { pointsOf, summariseScaling } from '../measure/scaling-summary.ts';
import { formatCount } from '../program/program.ts';
import { scalingChart } from '../report/scaling-charts.ts';
import { mkdir } from '../study/runs/files.ts';
import { compactTable, fixed, making, nameList, writeResult } from './common.ts';
import { print, printTable } from './terminal.ts';

/** Parses `batch,width`, or `all`. @throws UsageError naming the known axes */
export const scalingAxisList = (text: string): ScalingAxis[] =>
  text === 'all' ? [...scalingAxes] : [...new Set(nameList(text).map(scalingAxis))];

/** Parses a number of milliseconds. */
export function milliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('It must be a number of milliseconds above 0.');
  }
  return value;
}

/** Three digits, whatever the size. */

export function printScaling(scaling: ScalingReport): void {
  const { axis, values, reports, wholeUpdates, laws, ends } = scaling;
  print(`  ms/update (ratio to ${reports[0].baseline}) against ${axis}`);
  const table = compactTable(['program', ...values.map(String)]);
  const names = new Set(reports.flatMap(({ rows }) => rows.map(({ estimator }) => estimator)));
  for (const estimator of names) {
    const cells = reports.map(({ rows }) => {
      const row = rows.find((candidate) => candidate.estimator === estimator);
      return row ? `${fixed(row.msPerUpdate)} (${fixed(row.ratio)})` : '–';
    });
    table.push([estimator, ...cells]);
  }
  if (wholeUpdates.length > 0) {
    table.push([
      wholeUpdateName,
      ...values.map((_, i) => (wholeUpdates[i] ? fixed(wholeUpdates[i].msPerUpdate) : '–')),
    ]);
  }
  printTable(table);
  if (laws.length > 0) {
    print(
      '  ms = overhead + FLOP / rate; the knee is where both cost the same [95% intervals]; slopes are d log ms / d log FLOP',
    );
    const lawTable = compactTable([
      'program',
      'overhead ms',
      'GFLOP/s',
      'knee FLOP',
      `knee ${axis}`,
      'misfit',
    ]);
    for (const law of laws) lawTable.push(lawCells(law));
    printTable(lawTable);
  } else print(`  work grows less than fourfold with ${axis}: no law is fitted`);
  print(`  memory against ${axis}: arena, and the largest set of temporaries alive at once; other memory`);
  const memory = compactTable(['program', 'size', 'arena', 'alive', 'over', 'states', 'inputs', 'constants']);
  const largest = new Map(pointsOf(scaling).map((point) => [point.estimator, point]));
  for (const point of largest.values()) {
    const { estimator, size, arenaBytes, liveBytes, stateBytes, portBytes, literalBytes } = point;
    const over = liveBytes > 0 ? `${(100 * (arenaBytes / liveBytes - 1)).toFixed(1)}%` : '–';
    const bytes = [stateBytes, portBytes, literalBytes].map((count) => `${formatCount(count)}B`);
    const arena = [arenaBytes, liveBytes].map((count) => `${formatCount(count)}B`);
    memory.push([estimator, size, ...arena, over, ...bytes]);
  }
  printTable(memory);
  for (const { estimator, size, reason } of ends) {
    print(`  ${estimator} was not measured from ${axis} ${size} on: ${reason}`);
  }
}

function lawCells(law: ScalingLaw): string[] {
  const { estimator, overheadMs, overheadInterval, gflops, gflopsInterval, worstMisfit } = law;
  const { knee, kneeInterval, kneeSize, kneeWhere, sizes, slopes } = law;
  const orNone = (value: number | null, text: (value: number) => string) =>
    value === null ? '∞' : text(value);
  const count = (value: number) => formatCount(value).trim();
  const where = {
    inside: kneeSize === null ? '' : fixed(kneeSize),
    below: `< ${sizes[0]}`,
    above: `> ${sizes[sizes.length - 1]}`,
  };
  return [
    estimator,
    `${fixed(overheadMs)} [${fixed(overheadInterval.low)}, ${fixed(overheadInterval.high)}]`,
    `${orNone(gflops, fixed)} [${orNone(gflopsInterval.low, fixed)}, ${orNone(gflopsInterval.high, fixed)}]`,
    `${orNone(knee, count)} [${orNone(kneeInterval.low, count)}, ${orNone(kneeInterval.high, count)}]`,
    where[kneeWhere],
    `${(100 * worstMisfit).toFixed(0)}%`,
    slopes.map((slope) => slope.toFixed(2)).join(' '),
  ];
}

/** Writes AXIS.json and AXIS.svg for each axis. */
export async function writeScaling(
  folder: string,
  date: string,
  reports: readonly (CostReport & { readonly scaling?: readonly ScalingReport[] })[],
): Promise<void> {
  const axes = [...new Set(reports.flatMap(({ scaling }) => (scaling ?? []).map(({ axis }) => axis)))];
  await mkdir(folder);
  for (const axis of axes) {
    const measured = reports.flatMap((report) =>
      (report.scaling ?? []).filter((each) => each.axis === axis).map((scaling) => ({ report, scaling })),
    );
    const summary = summariseScaling(date, axis, measured);
    await writeResult(
      join(folder, `${axis}.json`),
      `${jsonText({ ...summary, command: making().command }, 'The summary', { indent: 1 })}\n`,
    );
    await writeResult(join(folder, `${axis}.svg`), scalingChart(summary));
  }
}
