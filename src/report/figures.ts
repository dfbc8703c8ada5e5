// The pictures of a report and the numbers behind each, as SVG and CSV.

import * as Plot from '@observablehq/plot';
import { maximum, minimum } from '../math/extremes.ts';
import { median } from '../math/statistics.ts';
import type { Estimate } from '../study/learning-statistics.ts';
import { type Figure, framed, plotDocument, colours as tenColours } from './figure.ts';
import type { StudyReport } from './report.ts';
import { csvOf } from './text.ts';

export interface ReportFigure {
  /** Of its files, without ending. */
  readonly name: string;
  /** What it answers. */
  readonly question: string;
  readonly svg: string;
  readonly csv: string;
}

const colours = [...tenColours, '#004488', '#117733', '#882255', '#555555', '#ddaa33', '#66ccee'];
const width = 940;

/** Every picture that the report's data can carry. */
export function reportFigures(report: StudyReport): ReportFigure[] {
  const figures = [curves(report, 'step'), curves(report, 'updates'), curves(report, 'seconds')];
  if (report.methods.length > 0) figures.push(aggregates(report), profiles(report));
  if (report.methods.length > 1) figures.push(improvements(report));
  return figures;
}

const methodsOf = ({ cells }: StudyReport): string[] => [...new Set(cells.map(({ method }) => method))];
const factsOf = ({ runs, resamples, seed }: StudyReport): string =>
  `${runs} runs; 95% intervals: t and expanded stratified bootstrap, ${resamples.toLocaleString('en')} resamples, seed ${seed}.`;

/** The ends of an interval for Plot, which leaves out what is not a number. */
const drawable = ({ low, high }: Estimate): { low: number; high: number } =>
  Number.isFinite(high - low) ? { low, high } : { low: Number.NaN, high: Number.NaN };

const axes = {
  step: {
    name: 'curves-steps',
    question: 'How fast does each method learn, by environment steps?',
    x: 'environment steps',
  },
  updates: {
    name: 'curves-updates',
    question: 'How fast does each method learn, by gradient steps?',
    x: 'gradient steps',
  },
  seconds: {
    name: 'curves-seconds',
    question: 'How fast does each method learn, by wall time?',
    x: 'seconds',
  },
} as const;

function curves(report: StudyReport, axis: keyof typeof axes): ReportFigure {
  const { name, question, x } = axes[axis];
  const names = methodsOf(report);
  const points = report.cells.flatMap(({ environment, method, seeds, curve }) =>
    curve.map((at) => ({
      environment,
      method,
      seeds,
      step: at.step,
      gradientSteps: at.updates,
      seconds: at.seconds,
      return: at.return.value,
      ...drawable(at.return),
      x: at[axis],
    })),
  );
  const columns = Math.min(3, report.environments.length);
  const lines = Math.ceil(report.environments.length / columns);
  const height = 330 * lines;
  // Each environment has its own scales, so each is a plot of its own.
  const document = plotDocument();
  const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
  report.environments.forEach((environment, i) => {
    const own = points.filter((point) => point.environment === environment);
    const plot = Plot.plot({
      document,
      width: width / columns,
      height: 320,
      marginLeft: 58,
      marginTop: 34,
      marginBottom: 40,
      x: { label: x, grid: true, ticks: 4, tickFormat: 's' },
      y: { label: 'return', grid: true, domain: robustDomain(own), clamp: true },
      color: { domain: names, range: colours.slice(0, names.length) },
      marks: [
        Plot.frame({ stroke: '#ccc' }),
        Plot.areaY(own, { x: 'x', y1: 'low', y2: 'high', fill: 'method', fillOpacity: 0.14, sort: 'x' }),
        Plot.line(own, { x: 'x', y: 'return', stroke: 'method', strokeWidth: 1.6, sort: 'x' }),
        Plot.text([environment], { frameAnchor: 'top', dy: -16, fontWeight: 600, text: (d: string) => d }),
      ],
    });
    place(document, group as unknown as Element, plot, [
      (i % columns) * (width / columns),
      Math.floor(i / columns) * 330,
    ]);
  });
  const figure: Figure = {
    question,
    facts: `Interquartile mean over seeds, with bands; a method far below the others is drawn at the edge. ${factsOf(report)}`,
    names,
    width,
    height,
  };
  const svg = framed(document, group as unknown as Element, figure, colours);
  return { name, question, svg, csv: csvOf(points.map(({ x: _, ...row }) => row)) };
}

/**
 * From the least to the most of all methods but one that stays far below the others: it would hide what they differ in.
 */
function robustDomain(
  points: readonly {
    readonly method: string;
    readonly return: number;
    readonly low: number;
    readonly high: number;
  }[],
): [number, number] {
  const ranges = [...new Set(points.map(({ method }) => method))]
    .map((method) => {
      const own = points.filter((point) => point.method === method);
      return {
        middle: median(own.map((point) => point.return)),
        low: minimum(own.map((point) => (Number.isNaN(point.low) ? point.return : point.low))),
        high: maximum(own.map((point) => (Number.isNaN(point.high) ? point.return : point.high))),
      };
    })
    .sort((a, b) => a.middle - b.middle);
  const others = ranges.slice(1);
  const least = minimum(others.map(({ low }) => low));
  const most = maximum(others.map(({ high }) => high));
  const apart = others.length > 0 && ranges[0].middle < least - (most - least);
  const low = apart ? least : minimum(ranges.map((range) => range.low));
  const high = maximum(ranges.map((range) => range.high));
  const margin = (high - low || 1) * 0.04;
  return [low - margin, high + margin];
}

function place(document: Document, group: Element, plot: Element, [x, y]: readonly [number, number]): void {
  const inner = document.createElementNS('http://www.w3.org/2000/svg', 'g');
  for (const name of ['fill', 'font-family', 'text-anchor'])
    inner.setAttribute(name, plot.getAttribute(name) ?? '');
  inner.setAttribute('transform', `translate(${x},${y})`);
  for (const child of [...plot.childNodes])
    if (child.nodeName.toLowerCase() !== 'style') inner.appendChild(child as never);
  group.appendChild(inner as never);
}

interface Bar extends Estimate {
  readonly method: string;
}

interface Axis {
  /** Its label. */
  readonly x: string;
  /** Where a line is drawn. */
  readonly mark: number;
  readonly domain: readonly [number, number];
}

/** Dots with intervals, a method a line. */
function intervals(
  report: StudyReport,
  rows: readonly (Bar & { readonly measure: string })[],
  { x, mark, domain }: Axis,
  figure: Pick<Figure, 'question' | 'facts'>,
): string {
  const document = plotDocument();
  const names = methodsOf(report).filter((method) => rows.some((row) => row.method === method));
  const height = 70 + 26 * names.length;
  const plot = Plot.plot({
    document,
    width,
    height,
    marginLeft: 190,
    marginTop: 34,
    marginBottom: 40,
    x: { label: x, grid: true, domain: [...domain], clamp: true },
    y: { domain: names, label: null },
    fx: { label: null, padding: 0.08 },
    color: { domain: methodsOf(report), range: colours },
    marks: [
      Plot.ruleX([mark], { stroke: '#999', strokeDasharray: '4 3' }),
      Plot.ruleY(rows, {
        y: 'method',
        x1: 'low',
        x2: 'high',
        fx: 'measure',
        stroke: 'method',
        strokeWidth: 2.5,
      }),
      Plot.dot(rows, { y: 'method', x: 'value', fx: 'measure', fill: 'method', r: 4.5 }),
    ],
  });
  return framed(document, plot, { ...figure, names: [], width, height }, colours);
}

function aggregates(report: StudyReport): ReportFigure {
  const rows = report.methods.flatMap(({ method, score, curveMean }) => [
    { method, measure: 'score: last evaluations', value: score.value, ...drawable(score) },
    { method, measure: 'mean of the learning curve', value: curveMean.value, ...drawable(curveMean) },
  ]);
  const question = 'How well does each method do over all tasks?';
  // Below 0 a method does worse than random actions; how much worse tells nothing.
  const most = Math.max(1.1, ...rows.map(({ value, high }) => (Number.isNaN(high) ? value : high)));
  const svg = intervals(
    report,
    rows,
    { x: 'normalised: 0 random actions, 1 a good policy', mark: 1, domain: [0, most] },
    {
      question,
      facts: `Interquartile mean over the runs of ${report.sharedEnvironments.join(', ')}; below 0 at the edge. ${factsOf(report)}`,
    },
  );
  return { name: 'aggregate', question, svg, csv: csvOf(rows) };
}

function improvements(report: StudyReport): ReportFigure {
  const rows = report.methods.flatMap(({ method, improvement }) =>
    improvement ? [{ method, measure: 'P(method > baseline)', ...improvement }] : [],
  );
  const question = `How likely is a run to do better than one of ${report.baseline}?`;
  const svg = intervals(
    report,
    rows,
    { x: 'probability', mark: 0.5, domain: [0, 1] },
    {
      question,
      facts: `Scores on the same task, averaged over ${report.sharedEnvironments.join(', ')}. ${factsOf(report)}`,
    },
  );
  return { name: 'improvement', question, svg, csv: csvOf(rows) };
}

function profiles(report: StudyReport): ReportFigure {
  const names = report.methods.map(({ method }) => method);
  const points = report.methods.flatMap(({ method, profile }) =>
    profile.map(({ value, low, high }, i) => ({ method, threshold: report.thresholds[i], value, low, high })),
  );
  const question = 'Which share of runs scores above a threshold?';
  const document = plotDocument();
  const height = 380;
  const plot = Plot.plot({
    document,
    width,
    height,
    marginLeft: 58,
    marginBottom: 44,
    x: { label: 'normalised score', grid: true },
    y: { label: 'share of runs above it', grid: true, domain: [0, 1] },
    color: { domain: names, range: colours },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.areaY(points, { x: 'threshold', y1: 'low', y2: 'high', fill: 'method', fillOpacity: 0.1 }),
      Plot.line(points, { x: 'threshold', y: 'value', stroke: 'method', strokeWidth: 1.6 }),
    ],
  });
  const svg = framed(
    document,
    plot,
    {
      question,
      facts: `Performance profiles over ${report.sharedEnvironments.join(', ')}; bands: pointwise. ${factsOf(report)}`,
      names,
      width,
      height,
    },
    colours,
  );
  return { name: 'profile', question, svg, csv: csvOf(points) };
}
