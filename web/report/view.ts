import { benchView } from '../measure/view.ts';
import { LineChart, type Series } from '../shell/chart.ts';
import { h, table } from '../shell/dom.ts';
import { benchDocument, isList, isObject, type Json, type JsonObject, numberOf, textOf } from './read.ts';

/** Rows shown of a long table. */
const MOST_ROWS = 400;
const MOST_COLUMNS = 14;

/** Shows a document of the command line, or any JSON as facts and tables. */
export function documentView(name: string, value: Json): HTMLElement {
  const kind = isObject(value) ? textOf(value.kind) : '';
  switch (kind) {
    case 'divergrad-cost':
      return benchView(benchDocument(name, value));
    case 'divergrad-quality':
      return h('div', {}, qualityPlots(value as JsonObject), generic(value));
    case 'divergrad-training':
      return h(
        'div',
        {},
        curves([{ name: 'run', evaluations: (value as JsonObject).evaluations }]),
        generic(value),
      );
    case 'divergrad-report':
      return h('div', {}, ...reportCurves(value as JsonObject), generic(value));
    case 'divergrad-page-training':
      return h('div', {}, curves(pageRuns(value as JsonObject)), generic(value));
    default:
      // metrics.jsonl of a run: a list of evaluations.
      if (isList(value) && value.every((each) => isObject(each) && typeof each.meanReturn === 'number'))
        return h('div', {}, curves([{ name, evaluations: value }]), generic(value));
      return generic(value);
  }
}

const pageRuns = ({ runs }: JsonObject) =>
  (isList(runs) ? runs : []).filter(isObject).map((run) => ({
    name: isObject(run.settings) ? textOf(run.settings.estimator) : 'run',
    evaluations: run.evaluations,
  }));

/** The curves of a report, an environment a chart. */
function reportCurves({ report }: JsonObject): HTMLElement[] {
  const cells = isObject(report) && isList(report.cells) ? report.cells.filter(isObject) : [];
  return [...new Set(cells.map(({ environment }) => textOf(environment)))].flatMap((environment) => [
    h('h3', {}, environment),
    curves(
      cells
        .filter((cell) => cell.environment === environment)
        .map(({ method, curve }) => ({
          name: textOf(method),
          evaluations: (isList(curve) ? curve : []).filter(isObject).map(({ step, return: estimate }) => ({
            step: numberOf(step),
            meanReturn: isObject(estimate) ? numberOf(estimate.value) : Number.NaN,
          })),
        })),
    ),
  ]);
}

function curves(
  runs: readonly { readonly name: string; readonly evaluations: Json | undefined }[],
): HTMLElement {
  const chart = new LineChart({ title: 'Learning curve', x: 'environment steps', y: 'mean return' });
  chart.draw(
    runs.map(({ name, evaluations }, color) => ({
      name,
      color,
      dots: true,
      points: (isList(evaluations) ? evaluations : [])
        .filter(isObject)
        .map(({ step, meanReturn }) => [numberOf(step), numberOf(meanReturn)] as const),
    })),
  );
  return h('div', { class: 'charts' }, chart.element);
}

/** Relative variance and bias against K, a chart for each distribution. */
function qualityPlots({ rows }: JsonObject): HTMLElement {
  const all = (isList(rows) ? rows : []).filter(isObject);
  const distributions = [...new Set(all.map(({ distribution }) => textOf(distribution)))];
  const shown = [
    'reverse-kl/pathwise',
    'reverse-kl/score:loo',
    'forward-kl/snis:policy',
    'renyi/dreg:0.5',
    'mpo/decoupled',
    'svgd/amortised',
  ];
  const charts = distributions.map((distribution) => {
    const series = shown.flatMap((estimator, color): Series[] => {
      const points = all
        .filter((row) => row.distribution === distribution && row.estimator === estimator)
        .map(
          (row) =>
            [
              numberOf(row.samples),
              isObject(row.relativeVariance) ? numberOf(row.relativeVariance.value) : Number.NaN,
            ] as const,
        )
        .sort(([a], [b]) => a - b);
      return points.length > 0 ? [{ name: estimator, color, dots: true, points }] : [];
    });
    const chart = new LineChart({
      title: `Relative variance, ${distribution}`,
      x: 'samples K',
      y: 'variance',
      xLog: true,
      yLog: true,
    });
    chart.draw(series);
    return chart.element;
  });
  return h('div', { class: 'charts' }, ...charts);
}

/** Facts, tables and nested parts of any JSON. */
function generic(value: Json, heading?: string): HTMLElement {
  if (isList(value)) return listView(value, heading ?? 'Entries');
  if (!isObject(value)) return h('p', {}, cell(value));
  const facts = Object.entries(value).filter(([, each]) => !isList(each) && !isObject(each));
  const lists = Object.entries(value).filter(([, each]) => isList(each));
  const objects = Object.entries(value).filter(([, each]) => isObject(each));
  return h(
    'div',
    {},
    h(
      'dl',
      { class: 'information' },
      ...facts.flatMap(([name, each]) => [h('dt', {}, name), h('dd', {}, cell(each))]),
    ),
    ...lists.map(([name, each]) => listView(each as readonly Json[], name)),
    ...objects.map(([name, each]) => h('details', {}, h('summary', {}, name), generic(each, name))),
  );
}

function listView(list: readonly Json[], name: string): HTMLElement {
  const rows = list.filter(isObject);
  if (rows.length === 0 || rows.length < list.length)
    return h('p', {}, `${name}: ${list.slice(0, MOST_ROWS).map(cell).join(', ') || 'none'}`);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].slice(0, MOST_COLUMNS);
  const caption =
    rows.length > MOST_ROWS
      ? `${name}: the first ${MOST_ROWS} of ${rows.length} rows`
      : `${name}: ${rows.length} rows`;
  return table(
    caption,
    columns,
    rows.slice(0, MOST_ROWS).map((row) => columns.map((column) => cell(row[column]))),
  );
}

/** One value in a few characters; an interval as value [low, high]. */
function cell(value: Json | undefined): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (isList(value)) return value.length > 8 ? `${value.length} values` : value.map(cell).join(' ');
  if (isObject(value)) {
    if (typeof value.value === 'number')
      return `${cell(value.value)} [${cell(value.low)}, ${cell(value.high)}]`;
    const entries = Object.entries(value);
    return entries.length > 6
      ? `${entries.length} facts`
      : entries.map(([name, each]) => `${name} ${cell(each)}`).join(', ');
  }
  return String(value);
}
