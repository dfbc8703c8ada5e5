import { seriesColor, tickText } from './chart.ts';
import { h, svg } from './dom.ts';

export interface Dot {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Index of the series it belongs to. */
  readonly series: number;
}

export interface DotRow {
  readonly label: string;
  readonly dots: readonly Dot[];
}

const [labelWidth, plotWidth, rowHeight] = [200, 380, 20];

/** Values with their intervals on a logarithmic axis, a row each. */
export function dotChart(
  title: string,
  unit: string,
  series: readonly string[],
  rows: readonly DotRow[],
): HTMLElement {
  const values = rows
    .flatMap(({ dots }) => dots.flatMap(({ low, high, value }) => [low, high, value]))
    .filter((v) => v > 0);
  const low = Math.floor(Math.log10(Math.min(...values)) * 2) / 2;
  const high = Math.max(low + 0.5, Math.ceil(Math.log10(Math.max(...values)) * 2) / 2);
  const x = (value: number) =>
    labelWidth + 8 + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (plotWidth - 30);
  const height = rows.length * rowHeight + 40;
  const parts: SVGElement[] = [];
  for (let power = Math.ceil(low); power <= high; power++) {
    const at = x(10 ** power);
    parts.push(
      svg('line', { class: 'grid', x1: at, x2: at, y1: 4, y2: height - 34 }),
      svg('text', { x: at, y: height - 20, 'text-anchor': 'middle' }, tickText(10 ** power)),
    );
  }
  parts.push(
    svg(
      'text',
      { class: 'axis', x: labelWidth + plotWidth / 2, y: height - 4, 'text-anchor': 'middle' },
      unit,
    ),
  );
  rows.forEach(({ label, dots }, i) => {
    const y = 14 + i * rowHeight;
    parts.push(
      svg('line', { class: 'grid', x1: labelWidth + 8, x2: labelWidth + plotWidth, y1: y, y2: y }),
      svg('text', { x: labelWidth, y: y + 4, 'text-anchor': 'end' }, label),
    );
    for (const dot of dots) {
      const color = seriesColor(dot.series);
      const at = y + (dot.series - (series.length - 1) / 2) * 4;
      parts.push(
        svg('line', {
          class: 'line',
          x1: x(dot.low),
          x2: x(dot.high),
          y1: at,
          y2: at,
          style: `stroke:${color}`,
        }),
        svg(
          'circle',
          { cx: x(dot.value), cy: at, r: 3.6, style: `fill:${color}` },
          svg('title', {}, `${label}, ${series[dot.series]}: ${dot.value.toPrecision(3)} ${unit}`),
        ),
      );
    }
  });
  return h(
    'figure',
    { class: 'chart wide' },
    h('figcaption', {}, title),
    svg(
      'svg',
      {
        viewBox: `0 0 ${labelWidth + plotWidth} ${height}`,
        role: 'img',
        'aria-label': `${title}; the table below holds the numbers`,
      },
      ...parts,
    ),
    h(
      'div',
      { class: 'legend' },
      ...series.map((name, i) =>
        h('span', {}, h('i', { class: 'swatch', style: `color:${seriesColor(i)}` }), name),
      ),
    ),
  );
}
