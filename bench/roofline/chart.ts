import * as Plot from '@observablehq/plot';
import { colours, framed, plainPower, plotDocument } from '../../src/report/figure.ts';
import type { Peak } from '../peak/peak.ts';
import { limits, type RooflineRow } from './roofline.ts';

/** One backend in the picture. */
export interface RooflinePanel {
  readonly name: string;
  readonly peak: Peak;
  readonly rows: readonly RooflineRow[];
}

const size = { width: 1120, height: 440 };
/** Intensities at which roofs are drawn, FLOP for a byte. */
const span = [1 / 16, 512] as const;

/** Kernels under the roofs of each backend, as one SVG. @param facts how it was measured, one line */
export function rooflineChart(panels: readonly RooflinePanel[], facts: string): string {
  const document = plotDocument();
  const dots = panels.flatMap(({ name, rows }) =>
    rows
      .filter(({ flops }) => flops > 0)
      .map(({ kernel, limit, intensity, gflops, shareOfTime }) => ({
        ...{ panel: name, kernel, limit, shareOfTime },
        x: intensity,
        y: gflops,
      })),
  );
  const most = Math.max(...panels.map(({ rows }) => rows.length));
  /** Those that take long, by their rank in the panel. */
  const labelled = Array.from({ length: most }, (_, rank) =>
    panels.flatMap(({ name }) =>
      dots.filter(({ panel, shareOfTime }) => panel === name && shareOfTime >= 0.05).slice(rank, rank + 1),
    ),
  ).filter((row) => row.length > 0);
  const roofs = panels.flatMap(({ name, peak }) => {
    const rates = peak.streams.map(({ read, triad }) => Math.max(read, triad));
    // From the nearest memory and from the farthest.
    return [
      { roof: 'nearest', rate: Math.max(...rates) },
      { roof: 'farthest', rate: rates[rates.length - 1] },
    ].flatMap(({ roof, rate }) => {
      const ridge = Math.min(span[1], Math.max(span[0], peak.gflops / rate));
      return [span[0], ridge, span[1]].map((x) => ({
        panel: name,
        roof,
        x,
        y: Math.min(peak.gflops, rate * x),
      }));
    });
  });
  const plot = Plot.plot({
    document,
    ...size,
    marginLeft: 60,
    marginBottom: 44,
    marginTop: 36,
    insetTop: 10,
    x: { type: 'log', label: 'FLOP for a byte moved', grid: true, tickFormat: plainPower },
    y: { type: 'log', label: 'GFLOP/s', grid: true, tickFormat: plainPower },
    fx: { label: null, domain: panels.map(({ name }) => name), padding: 0.06 },
    color: { domain: [...limits], range: colours.slice(0, limits.length) },
    r: { range: [2, 14], domain: [0, 1] },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.line(roofs, { x: 'x', y: 'y', fx: 'panel', z: 'roof', stroke: '#444', strokeWidth: 1.2 }),
      Plot.dot(dots, { x: 'x', y: 'y', fx: 'panel', r: 'shareOfTime', fill: 'limit', fillOpacity: 0.8 }),
      ...labelled.map((row, i) =>
        // Kernels of one kind lie close together: their names stand under each other.
        Plot.text(row, {
          ...{ x: 'x', y: 'y', fx: 'panel', text: 'kernel', fontSize: 10 },
          ...{ dx: 12, dy: 18 + 12 * i, textAnchor: 'end' },
        }),
      ),
    ],
  });
  return framed(document, plot as unknown as Element, {
    question: 'What limits each kernel of an update?',
    facts,
    names: limits,
    ...size,
  });
}
