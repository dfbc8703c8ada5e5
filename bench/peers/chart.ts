// The picture of a run: how many times faster this library is than each peer.

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { xmlText } from '../../src/report/text.ts';
import type { LibraryName } from './contestant.ts';
import { type Contest, entrantName } from './measure.ts';
import type { PeersDocument } from './report.ts';
import { digits, speedTargets } from './targets.ts';
import { type WorkName, workNames } from './work.ts';

/** Readable by those who do not tell red from green. @source Petroff 2021, "Accessible color sequences" */
const colours: Readonly<Record<Exclude<LibraryName, 'divergrad'>, string>> = {
  pytorch: '#bd1f01',
  'jax-js': '#3f90da',
  tfjs: '#ffa90e',
  'gpu.js': '#832db6',
};

interface Point {
  readonly work: WorkName;
  readonly row: number;
  readonly library: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly text: string;
  /** What was set as a target, where something was. */
  readonly target: number | null;
}

interface Row {
  readonly row: number;
  readonly text: string;
  readonly heading: boolean;
}

const rowHeight = 21;
const size = { width: 1000, margin: 24, labels: 210, top: 96 };

/** `wasm in node` */
const groupName = ({ task, own, runtime }: Contest): string =>
  `${task === 'update' ? 'SAC update' : 'dense layers'}, ${own.backend}, ${runtime}`;

/** The SVG, as text. */
export function peersChart(report: PeersDocument): string {
  const { rows, points } = rowsOf(report.contests);
  const { document } = parseHTML('<html><body></body></html>');
  const height = rows.length * rowHeight + 60;
  const named = { x: 'value', y: 'row', fx: 'work', stroke: 'library' } as const;
  const works = workNames.filter((work) => points.some((point) => point.work === work));
  const most = Math.max(2, ...points.map(({ high }) => high));
  const least = Math.min(1, ...points.map(({ low }) => low));
  const plot = Plot.plot({
    document: document as unknown as Document,
    width: size.width,
    height,
    marginLeft: size.labels,
    marginTop: 24,
    marginBottom: 36,
    x: {
      type: 'log',
      domain: [least / 1.2, most * 2.2],
      label: 'times faster than the peer (logarithmic)',
      grid: true,
      tickFormat: (value: number) => (/^[125]0*$/.test(String(value)) ? String(value) : ''),
    },
    y: { type: 'linear', domain: [rows.length - 0.4, -0.6], axis: null },
    fx: { domain: works, label: null, padding: 0.06 },
    color: { domain: Object.keys(colours), range: Object.values(colours) },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.ruleX([1], { stroke: '#555' }),
      ...[true, false].map((heading) =>
        Plot.text(
          rows.filter((row) => row.heading === heading),
          {
            y: 'row',
            text: 'text',
            fx: () => works[0],
            frameAnchor: 'left',
            textAnchor: 'end',
            dx: -8,
            fontWeight: heading ? 600 : 400,
          },
        ),
      ),
      Plot.ruleX(
        points.filter(({ target }) => target !== null),
        {
          x: 'target',
          y1: ({ row }: Point) => row - 0.36,
          y2: ({ row }: Point) => row + 0.36,
          fx: 'work',
          stroke: '#222',
          strokeWidth: 2,
        },
      ),
      Plot.link(points, {
        x1: 'low',
        x2: 'high',
        y1: 'row',
        y2: 'row',
        fx: 'work',
        stroke: 'library',
        strokeWidth: 1.5,
      }),
      Plot.dot(points, { ...named, r: 3.6, fill: 'library' }),
      Plot.text(points, { x: 'high', y: 'row', fx: 'work', text: 'text', textAnchor: 'start', dx: 7 }),
    ],
  });
  return framed(report, document, plot as unknown as Element, height);
}

function rowsOf(contests: readonly Contest[]): { rows: Row[]; points: Point[] } {
  const rows: Row[] = [];
  const points: Point[] = [];
  for (const group of new Set(contests.map(groupName))) {
    const members = contests.filter((contest) => groupName(contest) === group);
    rows.push({ row: rows.length, text: group, heading: true });
    const peers = members.flatMap(({ pairs }) => pairs.map(({ entrant }) => entrantName(entrant)));
    for (const peer of new Set(peers)) {
      const row = rows.length;
      rows.push({ row, text: peer, heading: false });
      for (const { work, task, own, pairs } of members) {
        for (const { entrant, ratio } of pairs) {
          if (entrantName(entrant) !== peer) continue;
          const target = speedTargets.find(
            (candidate) =>
              task === 'update' &&
              candidate.work === work &&
              candidate.backend === own.backend &&
              candidate.peer === entrant.library &&
              candidate.peerBackend === entrant.backend,
          );
          points.push({
            work,
            row,
            library: entrant.library,
            ...ratio,
            text: digits(ratio.value),
            target: target?.atLeast ?? null,
          });
        }
      }
    }
  }
  return { rows, points };
}

/** Title, facts and legend around the plot. */
function framed(report: PeersDocument, document: Document, plot: Element, plotHeight: number): string {
  const outer = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const put = (name: string, attributes: Record<string, string | number>, text = '') => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.textContent = text;
    outer.appendChild(element);
  };
  const width = size.width + 2 * size.margin;
  const height = size.top + plotHeight + size.margin;
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    'font-family': 'system-ui, sans-serif',
  };
  for (const [key, value] of Object.entries(attributes)) outer.setAttribute(key, String(value));
  const title = 'How many times faster is the same update here than in other libraries?';
  put('title', {}, title);
  put('rect', { width, height, fill: 'white' });
  put('text', { x: size.margin, y: 30, 'font-size': 19, 'font-weight': 600 }, title);
  const { machine, date, settings } = report;
  const facts = `Medians of up to ${settings.rounds} interleaved rounds, bars: 95% bootstrap intervals. Ticks: the least that was aimed at. ${machine.processor}, ${machine.processors} processors, ${date.slice(0, 10)}.`;
  put('text', { x: size.margin, y: 50, 'font-size': 12, fill: '#555' }, facts);
  Object.entries(colours).forEach(([name, fill], i) => {
    const x = size.margin + i * 110;
    put('rect', { x, y: 64, width: 12, height: 12, fill });
    put('text', { x: x + 18, y: 75, 'font-size': 12 }, name);
  });
  // A group instead of a picture in a picture, and none of the style sheet that pages need.
  const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
  for (const name of ['fill', 'font-family', 'text-anchor'])
    group.setAttribute(name, plot.getAttribute(name) ?? '');
  group.setAttribute('font-size', '12');
  group.setAttribute('transform', `translate(${size.margin},${size.top})`);
  for (const child of [...plot.childNodes]) {
    if (child.nodeName.toLowerCase() !== 'style') group.appendChild(child);
  }
  outer.appendChild(group);
  return `${xmlText(outer.toString())}\n`;
}
