// The tables of `bench`, for people.
import type { Interval } from '../math/statistics.ts';
import { agreementLine } from '../measure/agreement.ts';
import type { CostRow, UpdateCost } from '../measure/cost.ts';
import type { HalfCost } from '../measure/half-cost.ts';
import { isWrongKernel, kernelCheckLine } from '../measure/kernel-check.ts';
import type { KernelCosts } from '../measure/kernel-times.ts';
import { type EstimatorParts, type PartName, partNames } from '../measure/parts.ts';
import type { WholeUpdateCost } from '../measure/update-cost.ts';
import { formatCount } from '../program/program.ts';
import type { BackendReport } from './bench-document.ts';
import { printScaling } from './bench-scaling.ts';
import { compactTable, fixed } from './common.ts';
import { print, printTable } from './terminal.ts';

/** Prints what was measured on one backend. */
export function printReport(report: BackendReport): void {
  const { settings, rows, wholeUpdate, wrong = [], kernelChecks = [] } = report;
  const facts = Object.entries(report.versions).map(([name, value]) => `${name} ${value}`);
  const { backend, adapter } = report;
  print(adapter.startsWith(`${backend}:`) ? adapter : `${backend}: ${adapter}`);
  print(`  ${facts.join(', ')}`);
  print(
    `  ${settings.distribution}, batch ${settings.batch}, observations ${settings.observations}, actions ${settings.actions}, ` +
      `hidden ${settings.hidden.join('-')}, ${settings.mlp} networks, seed ${settings.seed}`,
  );
  for (const check of kernelChecks.filter(isWrongKernel)) print(`  WRONG kernel: ${kernelCheckLine(check)}`);
  for (const { estimator, agreement } of wrong)
    print(`  WRONG, not timed: ${estimator}: ${agreementLine(agreement)}`);
  if (rows.length > 0) printRows(rows, report.baseline);
  if (wholeUpdate.length > 0) printWhole(wholeUpdate);
  if (report.parts) printParts(report.parts);
  if (report.kernels) printKernels(report.kernels);
  if (report.f16) printHalf(report.f16);
  for (const scaling of report.scaling ?? []) printScaling(scaling);
  print('');
}

function printRows(rows: readonly CostRow[], baseline: string): void {
  print(
    `  one policy update: medians of ${rows[0].rounds} interleaved rounds [${coverage(rows[0])} intervals]; ratio to ${baseline}`,
  );
  print(
    '  kernels, FLOP, bytes for one update; submits for one run of so many updates; readbacks of all runs',
  );
  const table = compactTable(['estimator', 'K', 'ms/update', 'ratio', ...countHeads]);
  for (const row of rows) {
    table.push([
      row.estimator,
      row.samples,
      fixed(row.msPerUpdate),
      row.estimator === baseline ? '1' : `${fixed(row.ratio)} ${range(row.ratioInterval)}`,
      ...counts(row),
    ]);
  }
  printTable(table);
}

function printWhole(wholeUpdate: readonly WholeUpdateCost[]): void {
  print(`  one whole update with ${wholeUpdate[0].estimator}: replay, critics, policy, temperature, targets`);
  const hostTimed = wholeUpdate.some(({ hostMsPerUpdate }) => hostMsPerUpdate !== null);
  const whole = compactTable([
    'networks',
    'ms/update',
    coverage(wholeUpdate[0]),
    ...countHeads,
    ...(hostTimed ? ['host µs'] : []),
  ]);
  for (const row of wholeUpdate) {
    const name = row.preferred ? `${row.mlp} (default)` : row.mlp;
    const host = row.hostMsPerUpdate === null ? [] : [fixed(1e3 * row.hostMsPerUpdate)];
    whole.push([name, fixed(row.msPerUpdate), range(row.msInterval), ...counts(row), ...host]);
  }
  printTable(whole);
  if (hostTimed)
    print('  host µs: encoding and submit for an update of a long run, without the time of the device');
}

function printParts(all: readonly EstimatorParts[]): void {
  print('  parts of an update, ms, each timed by itself');
  const table = compactTable(['estimator', ...partNames]);
  for (const { estimator, parts } of all) {
    const ms = (name: PartName) => parts.find(({ part }) => part === name)?.msPerUpdate;
    table.push([estimator, ...partNames.map((name) => fixedOrNone(ms(name)))]);
  }
  printTable(table);
}

function printHalf({ estimator, float32, float16, gradientErrors }: HalfCost): void {
  print(`  a whole update with ${estimator}, fused networks, by how hidden layers are stored`);
  const table = compactTable(['stored as', 'ms/update', coverage(float32), ...countHeads]);
  for (const [name, row] of Object.entries({ float32, float16 }))
    table.push([name, fixed(row.msPerUpdate), range(row.msInterval), ...counts(row)]);
  printTable(table);
  const errors = Object.entries(gradientErrors).map(([name, error]) => `${name} ${error.toExponential(1)}`);
  print(
    `  float16 changes the gradients of the first update by (norm of the difference over norm): ${errors.join(', ')}`,
  );
}

function printKernels({ estimator, clock, kernels }: KernelCosts): void {
  const how = clock === 'timestamps' ? 'by the timestamps of the device' : 'each run by itself';
  print(`  kernels of a whole update with ${estimator}, ${how}`);
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0);
  const table = compactTable(['kernel', 'steps', 'ms', 'share', 'FLOP', 'bytes', 'GFLOP/s']);
  for (const { kernel, count: steps, ms, flops, bytes } of kernels)
    table.push([
      kernel,
      steps,
      fixed(ms),
      `${((100 * ms) / total).toFixed(1)}%`,
      formatCount(flops),
      formatCount(bytes),
      ms > 0 ? fixed(flops / ms / 1e6) : '–',
    ]);
  table.push(['all', '', fixed(total), '', '', '', '']);
  printTable(table);
}

const fixedOrNone = (value: number | undefined): string => (value === undefined ? '–' : fixed(value));

const countHeads = ['kernels', 'submits', 'readbacks', 'FLOP', 'bytes', 'arena'];

/** Counts, the submits for one `run` of any number of updates. */
const counts = (cost: UpdateCost): (string | number)[] => [
  trimmed(cost.kernelsPerUpdate),
  `${trimmed(cost.submitsPerRun)}/${cost.updatesPerRun}`,
  cost.readbacks,
  formatCount(cost.flops),
  formatCount(cost.bytes),
  formatCount(cost.arenaBytes),
];

const trimmed = (value: number): string => String(Number(value.toFixed(2)));

/** Three digits, whatever the size. */

/** What the intervals really cover: few rounds cannot give 95%. */
const coverage = ({ msInterval }: UpdateCost): string => `${Math.floor(100 * msInterval.coverage)}%`;

const range = ({ low, high }: Interval): string => `[${fixed(low)}, ${fixed(high)}]`;
