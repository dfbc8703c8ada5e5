import * as Plot from '@observablehq/plot';
import { maximum } from '../math/extremes.ts';
import type { QualityReport, QualityRow } from '../quality/quality.ts';
import type { Figure } from '../quality/statistics.ts';
import { colours, framed, plainPower, plotDocument } from './figure.ts';

/** Estimators drawn where more were measured than colours tell apart. */
const headline = [
  'reverse-kl/pathwise',
  'reverse-kl/pathwise-stl',
  'reverse-kl/score:loo',
  'forward-kl/snis:policy',
  'forward-kl/mcmc',
  'renyi/dreg:0.5',
  'renyi/score:0.5',
  'jensen-shannon/score',
  'jensen-shannon/pathwise',
  'mpo/decoupled',
];
/** Distributions drawn first: each a class of its own. */
const exemplary = ['tanh-gaussian', 'gaussian', 'tanh-gaussian-mixture', 'categorical'];
/** Targets drawn first: where estimators differ. */
const telling = ['bimodal', 'choices', 'quadratic'];
const panels = 4;
const size = { width: 960, height: 640 };

/** A chart's points: one row each. */
interface Point {
  readonly estimator: string;
  readonly column: number;
  readonly line: number;
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  /** The figure is told from 0; otherwise y is an upper limit. */
  readonly resolved: boolean;
}

interface Chart {
  readonly file: string;
  readonly question: string;
  readonly note: string;
  readonly x: string;
  readonly y: string;
  xOf(row: QualityRow): number;
  yOf(row: QualityRow): Figure | null;
}

const scaled = ({ value, low, high }: Figure, unit: number): Figure => ({
  value: value / unit,
  low: low / unit,
  high: high / unit,
});

/** In units of the exact gradient, so that divergences of different scales can be compared. */
const relative = (row: QualityRow): Figure | null =>
  row.relativeBias && row.exactNorm ? scaled(row.variance, row.exactNorm ** 2) : null;

const charts: readonly Chart[] = [
  {
    file: 'variance-samples.svg',
    question: 'How does the variance of a gradient fall with the number of samples?',
    note: 'Bars: 95% intervals.',
    x: 'K, actions sampled for each state',
    y: 'variance (trace) / ‖exact gradient‖²',
    xOf: ({ samples }) => samples,
    yOf: relative,
  },
  {
    file: 'bias-samples.svg',
    question: 'How does the bias of a gradient fall with the number of samples?',
    note: 'From the gradient of what each follows. Bars: 95% intervals. Hollow: not told from 0, drawn at the upper limit.',
    x: 'K, actions sampled for each state',
    y: '‖bias‖ / ‖exact gradient‖',
    xOf: ({ samples }) => samples,
    yOf: ({ relativeBias }) => relativeBias,
  },
  {
    file: 'variance-cost.svg',
    question: 'Which estimator gives the least variance for its time?',
    note: 'Points along a line: growing K. Bars: 95% intervals of the variance. Lower left is better.',
    x: 'milliseconds for the gradient of one state',
    y: 'variance (trace) / ‖exact gradient‖²',
    xOf: ({ ms }) => ms.value,
    yOf: relative,
  },
];

/** What a panel shows. */
interface Panel {
  readonly distribution: string;
  readonly target: string;
  readonly temperature: number;
}

/**
 * One SVG for each question, as file name and text.
 *
 * @returns nothing for a question that none of the rows answers
 */
export function qualityCharts(report: QualityReport): Map<string, string> {
  const chosen = panelsOf(report.rows);
  const names = estimatorsOf(report, chosen);
  const drawn = charts.flatMap((chart): [string, string][] => {
    const points = chosen.flatMap((panel, i) =>
      report.rows
        .filter((row) => isIn(row, panel) && names.includes(row.estimator))
        .flatMap((row) => {
          const point = pointOf(chart, row, i);
          return point ? [point] : [];
        }),
    );
    return points.length > 0 ? [[chart.file, draw(chart, report, { chosen, names, points })]] : [];
  });
  return new Map(drawn);
}

const isIn = (row: QualityRow, { distribution, target, temperature }: Panel): boolean =>
  row.distribution === distribution && row.target === target && row.temperature === temperature;

/** Those of `known` that are in `preferred` first, in its order. */
const ranked = (known: readonly string[], preferred: readonly string[]): string[] => [
  ...preferred.filter((name) => known.includes(name)),
  ...known.filter((name) => !preferred.includes(name)),
];

function panelsOf(rows: readonly QualityRow[]): Panel[] {
  const distributions = ranked([...new Set(rows.map(({ distribution }) => distribution))], exemplary);
  return distributions.slice(0, panels).map((distribution) => {
    const own = rows.filter((row) => row.distribution === distribution);
    const [target] = ranked([...new Set(own.map((row) => row.target))], telling);
    return { distribution, target, temperature: maximum(own.map(({ temperature }) => temperature)) };
  });
}

function estimatorsOf({ rows, estimators }: QualityReport, chosen: readonly Panel[]): string[] {
  const present = estimators.filter(
    ({ name, quality }) =>
      quality !== 'exact' &&
      rows.some((row) => row.estimator === name && chosen.some((panel) => isIn(row, panel))),
  );
  return ranked(
    present.map(({ name }) => name),
    headline,
  ).slice(0, colours.length);
}

function pointOf(chart: Chart, row: QualityRow, panel: number): Point | undefined {
  const figure = chart.yOf(row);
  const x = chart.xOf(row);
  if (!figure || !(figure.high > 0) || !(x > 0)) return undefined;
  const resolved = figure.low > 0 && figure.value > 0;
  return {
    estimator: row.estimator,
    column: panel % 2,
    line: Math.floor(panel / 2),
    x,
    y: resolved ? figure.value : figure.high,
    low: resolved ? figure.low : figure.high,
    high: figure.high,
    resolved,
  };
}

interface Drawn {
  readonly chosen: readonly Panel[];
  readonly names: readonly string[];
  readonly points: readonly Point[];
}

function draw(
  { question, note, x, y }: Chart,
  report: QualityReport,
  { chosen, names, points }: Drawn,
): string {
  const document = plotDocument();
  const channels = { x: 'x', fx: 'column', fy: 'line', stroke: 'estimator' } as const;
  const told = points.filter(({ resolved }) => resolved);
  const untold = points.filter(({ resolved }) => !resolved);
  const labels = chosen.map(({ distribution, target, temperature }, i) => ({
    column: i % 2,
    line: Math.floor(i / 2),
    text: `${distribution}, ${target}, temperature ${temperature}`,
  }));
  const plot = Plot.plot({
    document,
    width: size.width,
    height: size.height,
    marginLeft: 64,
    marginBottom: 44,
    marginTop: 36,
    x: { type: 'log', label: x, grid: true, tickFormat: plainPower },
    y: { type: 'log', label: y, grid: true, tickFormat: plainPower },
    fx: { axis: null, padding: 0.08 },
    fy: { axis: null, padding: 0.14 },
    color: { domain: [...names], range: colours.slice(0, names.length) },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.line(told, { ...channels, y: 'y', strokeWidth: 1.5, sort: 'x' }),
      Plot.ruleX(told, { ...channels, y1: 'low', y2: 'high', strokeWidth: 1 }),
      Plot.dot(told, { ...channels, y: 'y', r: 3.2, fill: 'estimator' }),
      Plot.dot(untold, { ...channels, y: 'y', r: 3.2, fill: 'white' }),
      Plot.text(labels, {
        fx: 'column',
        fy: 'line',
        text: 'text',
        frameAnchor: 'top',
        dy: -14,
        fontWeight: 600,
      }),
    ],
  });
  const { backend, precision, settings } = report;
  const facts = `${note} ${backend}, ${precision}, ${settings.replications} replications at most, seed ${settings.seed}.`;
  return framed(document, plot, { question, facts, names, ...size });
}
