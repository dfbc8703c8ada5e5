import { agreementLine } from '../../src/measure/agreement.ts';
import { csvOf } from '../../src/report/text.ts';
import { LineChart, type Series } from '../shell/chart.ts';
import { h, table } from '../shell/dom.ts';
import { dotChart } from '../shell/dots.ts';
import type { BackendReport, BenchDocument } from './job.ts';

const three = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** 1.23 M and the like. */
export function count(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toPrecision(3)}${units[unit]}`;
}

/** Tables and plots of what was measured. */
export function benchView(document: BenchDocument): HTMLElement {
  const { reports, absent } = document;
  const parts: Node[] = absent.map(({ backend, reason }) =>
    h('p', { class: 'note' }, `${backend} was not measured: ${reason}`),
  );
  if (reports.length > 0) {
    const names = [...new Set(reports.flatMap(({ rows }) => rows.map(({ estimator }) => estimator)))];
    parts.push(
      dotChart(
        'Time of one policy update, median and its interval',
        'ms',
        reports.map(({ backend }) => backend),
        names.map((label) => ({
          label,
          dots: reports.flatMap(({ rows }, series) => {
            const row = rows.find(({ estimator }) => estimator === label);
            return row
              ? [{ value: row.msPerUpdate, low: row.msInterval.low, high: row.msInterval.high, series }]
              : [];
          }),
        })),
      ),
    );
  }
  const crossing = crossover(reports);
  if (crossing) parts.push(crossing);
  for (const report of reports)
    parts.push(
      ...(report.wrong ?? []).map(({ estimator, agreement }) =>
        h(
          'p',
          { class: 'note' },
          `${report.backend}: ${estimator} is wrong, and not timed: ${agreementLine(agreement)}`,
        ),
      ),
      reportTable(report),
      ...(report.wholeUpdate?.length ? [wholeTable(report)] : []),
      adapter(report),
    );
  return h('div', { class: 'bench' }, ...parts);
}

function reportTable({ backend, rows, baseline, settings }: BackendReport): HTMLElement {
  return table(
    `${backend}: ${settings.distribution}, batch ${settings.batch}, ${settings.observations} observations, ${settings.actions} actions, hidden ${settings.hidden.join('-')}, seed ${settings.seed}; ratio to ${baseline}`,
    [
      'estimator',
      'K',
      'ms/update',
      'interval',
      'ratio',
      'kernels',
      'submits',
      'readbacks',
      'FLOP',
      'bytes',
      'arena',
    ],
    rows.map((row) => [
      row.estimator,
      String(row.samples),
      three(row.msPerUpdate),
      `${three(row.msInterval.low)} to ${three(row.msInterval.high)}`,
      three(row.ratio),
      String(Number(row.kernelsPerUpdate.toFixed(2))),
      `${Number(row.submitsPerRun.toFixed(2))}/${row.updatesPerRun}`,
      String(row.readbacks),
      count(row.flops),
      count(row.bytes),
      count(row.arenaBytes),
    ]),
  );
}

function wholeTable({ backend, wholeUpdate }: BackendReport): HTMLElement {
  // Documents of earlier versions have none.
  const hostTimed = wholeUpdate.some(({ hostMsPerUpdate }) => typeof hostMsPerUpdate === 'number');
  return table(
    `${backend}: one whole update with ${wholeUpdate[0].estimator} (replay, critics, policy, temperature, targets)${hostTimed ? '; host µs: encoding and submit for an update of a long run' : ''}`,
    ['networks', 'ms/update', 'kernels', 'FLOP', ...(hostTimed ? ['host µs'] : [])],
    wholeUpdate.map((row) => [
      row.preferred ? `${row.mlp} (default)` : row.mlp,
      three(row.msPerUpdate),
      String(Number(row.kernelsPerUpdate.toFixed(2))),
      count(row.flops),
      ...(hostTimed ? [three(1e3 * (row.hostMsPerUpdate ?? Number.NaN))] : []),
    ]),
  );
}

function adapter({
  backend,
  adapter: description,
  information,
  versions,
  precision,
}: BackendReport): HTMLElement {
  const facts = Object.entries({ adapter: description, precision, ...versions, ...information });
  return h(
    'details',
    {},
    h('summary', {}, `About ${backend} and its adapter`),
    h(
      'dl',
      { class: 'information' },
      ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))]),
    ),
  );
}

/** Time against batch size on each backend, and from which size on the GPU is ahead. */
function crossover(reports: readonly BackendReport[]): HTMLElement | undefined {
  const scaled = reports.flatMap(({ scaling, ...report }) =>
    (scaling ?? []).filter(({ axis }) => axis === 'batch').map((batch) => ({ ...report, scaling: batch })),
  );
  if (scaled.length === 0) return undefined;
  const series = scaled.map(({ backend, scaling }, color): Series => {
    const points = scaling.values.map((value, i) => {
      const cost = scaling.reports[i].rows[0];
      return {
        x: value,
        y: cost?.msPerUpdate ?? Number.NaN,
        band: [cost?.msInterval.low ?? 0, cost?.msInterval.high ?? 0] as const,
      };
    });
    return {
      name: backend,
      color: reports.findIndex((each) => each.backend === backend) % 6 || color,
      points: points.map(({ x, y }) => [x, y] as const),
      band: points.map(({ band }) => band),
      dots: true,
    };
  });
  const chart = new LineChart({
    title: `${scaled[0].baseline} against batch size`,
    x: 'batch',
    y: 'ms/update',
    xLog: true,
    yLog: true,
  });
  chart.draw(series);
  const [gpu, cpu] = ['webgpu', 'wasm'].map((name) => series.find((each) => each.name === name));
  if (!gpu || !cpu) return chart.element;
  const ahead = gpu.points.find(([, ms], i) => ms < (cpu.points[i]?.[1] ?? 0));
  const text = ahead
    ? `WebGPU is ahead of WebAssembly from a batch of ${ahead[0]} on.`
    : `WebAssembly is ahead of WebGPU at every batch measured, up to ${gpu.points.at(-1)?.[0]}.`;
  return h('div', {}, chart.element, h('p', { class: 'finding' }, text));
}

/** How two documents compare, estimator by estimator, where both have the backend. */
export function comparison(here: BenchDocument, there: BenchDocument, name: string): HTMLElement {
  const rows = here.reports.flatMap((report) => {
    const other = there.reports.find(({ backend }) => backend === report.backend);
    return report.rows.flatMap((row) => {
      const match = other?.rows.find(
        ({ estimator, samples }) => estimator === row.estimator && samples === row.samples,
      );
      return match
        ? [
            [
              `${row.estimator} on ${report.backend}`,
              three(row.msPerUpdate),
              three(match.msPerUpdate),
              three(match.msPerUpdate / row.msPerUpdate),
              row.kernelsPerUpdate === match.kernelsPerUpdate && row.flops === match.flops
                ? 'same'
                : 'different',
            ],
          ]
        : [];
    });
  });
  const differing = settingsDiffering(here, there);
  const series = [
    ...here.reports.map(({ backend }) => `${backend} here`),
    ...there.reports.map(({ backend }) => `${backend} in ${name}`),
  ];
  const all = [...here.reports, ...there.reports];
  const names = [
    ...new Set(here.reports.flatMap(({ rows: each }) => each.map(({ estimator }) => estimator))),
  ];
  return h(
    'div',
    {},
    ...(differing.length > 0
      ? [h('p', { class: 'note' }, `The settings differ in ${differing.join(', ')}: times do not compare.`)]
      : []),
    rows.length > 0
      ? table(
          `Here against ${name}; a ratio above 1 means that here is faster`,
          ['estimator', 'here ms', 'there ms', 'ratio', 'work'],
          rows,
        )
      : h(
          'p',
          { class: 'note' },
          `Nothing in ${name} was measured on the same backend with the same estimator and K.`,
        ),
    dotChart(
      'Both machines',
      'ms',
      series,
      names.map((label) => ({
        label,
        dots: all.flatMap((report, at) => {
          const row = report.rows.find(({ estimator }) => estimator === label);
          return row
            ? [{ value: row.msPerUpdate, low: row.msInterval.low, high: row.msInterval.high, series: at }]
            : [];
        }),
      })),
    ),
  );
}

function settingsDiffering(here: BenchDocument, there: BenchDocument): string[] {
  const [a, b] = [here, there].map(({ reports }) => reports[0]?.settings);
  if (!a || !b) return [];
  return (['distribution', 'batch', 'observations', 'actions', 'hidden', 'samples'] as const).filter(
    (name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
}

/** A line for each backend and estimator, with all it was measured with. */
export function benchCsv({ date, reports }: BenchDocument): string {
  const lines = reports.flatMap(
    ({ backend, adapter: description, precision, versions, baseline, settings, rows }) =>
      rows.map(({ msInterval, ratioInterval, shares: _s, agreement: _a, ...row }) => ({
        ...{ backend, adapter: description, estimator: row.estimator },
        ...{ ...settings, hidden: settings.hidden.join('-') },
        ...row,
        ...{ msLow: msInterval.low, msHigh: msInterval.high, msCoverage: msInterval.coverage },
        ...{
          ratioLow: ratioInterval.low,
          ratioHigh: ratioInterval.high,
          ratioCoverage: ratioInterval.coverage,
        },
        ...{ baseline, precision, date, versions: Object.entries(versions).flat().join(' ') },
      })),
  );
  return csvOf(lines);
}
