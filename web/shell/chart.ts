import { h, svg } from './dom.ts';

export interface Series {
  readonly name: string;
  /** Index of the colour, from 0. */
  readonly color: number;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Low and high at each point's x. */
  readonly band?: readonly (readonly [low: number, high: number])[];
  /** Marks each point: for few of them. */
  readonly dots?: boolean;
  readonly dashed?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly xLog?: boolean;
  readonly yLog?: boolean;
  /** Shown while there is nothing to draw. */
  readonly empty?: string;
}

const [width, height] = [460, 240];
const margin = { left: 56, right: 20, top: 10, bottom: 38 };

/** Colours that stay apart for colour-blind eyes, of which each theme has its own shades. */
export const seriesColor = (index: number): string => `var(--series-${index % 6})`;

/** A line chart with its legend; `draw` replaces what it shows. */
export class LineChart {
  readonly element: HTMLElement;
  private readonly legend = h('div', { class: 'legend' });
  private readonly image: SVGSVGElement;

  constructor(private readonly options: ChartOptions) {
    this.image = svg('svg', {
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `${options.title}: no values yet`,
    });
    this.element = h(
      'figure',
      { class: 'chart' },
      h('figcaption', {}, options.title),
      this.image,
      this.legend,
    );
    this.draw([]);
  }

  draw(series: readonly Series[]): void {
    const { title, x, y, xLog = false, yLog = false, empty = 'No values yet' } = this.options;
    const usable = series.map((each) => ({
      ...each,
      points: each.points.filter(
        ([px, py]) => Number.isFinite(px) && Number.isFinite(py) && (!xLog || px > 0) && (!yLog || py > 0),
      ),
    }));
    const points = usable.flatMap((each) => each.points);
    const bands = usable.flatMap(({ band = [] }) => band.flat()).filter((value) => !yLog || value > 0);
    const xs = scale(
      points.map(([px]) => px),
      xLog,
      margin.left,
      width - margin.right,
      false,
    );
    const ys = scale(
      [...points.map(([, py]) => py), ...bands],
      yLog,
      height - margin.bottom,
      margin.top,
      true,
    );
    const parts: SVGElement[] = [];
    for (const tick of ys.ticks) {
      const at = ys.place(tick);
      parts.push(
        svg('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: at, y2: at }),
        svg('text', { x: margin.left - 6, y: at + 4, 'text-anchor': 'end' }, tickText(tick)),
      );
    }
    for (const tick of xs.ticks) {
      const at = xs.place(tick);
      parts.push(
        svg('line', { class: 'grid', x1: at, x2: at, y1: margin.top, y2: height - margin.bottom }),
        svg('text', { x: at, y: height - margin.bottom + 16, 'text-anchor': 'middle' }, tickText(tick)),
      );
    }
    parts.push(
      svg('text', { class: 'axis', x: (margin.left + width) / 2, y: height - 6, 'text-anchor': 'middle' }, x),
      svg(
        'text',
        {
          class: 'axis',
          transform: `translate(12 ${(height - margin.bottom) / 2}) rotate(-90)`,
          'text-anchor': 'middle',
        },
        y,
      ),
    );
    const path = (line: readonly (readonly [number, number])[]) =>
      line.map(([px, py]) => `${xs.place(px).toFixed(1)},${ys.place(py).toFixed(1)}`).join(' ');
    for (const each of usable) {
      const stroke = `stroke:${seriesColor(each.color)}`;
      if (each.band && each.band.length === each.points.length) {
        const upper = each.points.map(([px], i) => [px, each.band?.[i][1] ?? 0] as const);
        const lower = each.points.map(([px], i) => [px, each.band?.[i][0] ?? 0] as const).reverse();
        parts.push(
          svg('polygon', {
            class: 'band',
            points: path([...upper, ...lower]),
            style: `fill:${seriesColor(each.color)}`,
          }),
        );
      }
      parts.push(
        svg('polyline', {
          class: each.dashed ? 'line dashed' : 'line',
          points: path(each.points),
          style: stroke,
        }),
      );
      if (each.dots || each.points.length === 1)
        for (const [px, py] of each.points)
          parts.push(
            svg(
              'circle',
              { cx: xs.place(px), cy: ys.place(py), r: 3.2, style: `fill:${seriesColor(each.color)}` },
              svg('title', {}, `${each.name}: ${tickText(px)}, ${py.toPrecision(4)}`),
            ),
          );
    }
    if (points.length === 0)
      parts.push(
        svg(
          'text',
          { class: 'axis', x: (margin.left + width) / 2, y: height / 2 - 10, 'text-anchor': 'middle' },
          empty,
        ),
      );
    this.image.replaceChildren(...parts);
    const last = usable.flatMap(({ name, points: each }) => {
      const end = each.at(-1);
      return end ? [`${name} ends at ${end[1].toPrecision(3)}`] : [];
    });
    this.image.setAttribute(
      'aria-label',
      `${title}, ${y} against ${x}: ${last.join('; ') || 'no values yet'}`,
    );
    this.legend.replaceChildren(
      ...usable.map(({ name, color, dashed }) =>
        h(
          'span',
          {},
          h('i', { class: dashed ? 'swatch dashed' : 'swatch', style: `color:${seriesColor(color)}` }),
          name,
        ),
      ),
    );
  }
}

interface Scale {
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** Maps values to [from, to] in the picture, with ticks at round numbers. */
function scale(values: readonly number[], log: boolean, from: number, to: number, pad: boolean): Scale {
  const turn = log ? Math.log10 : (value: number) => value;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, turn(value));
    high = Math.max(high, turn(value));
  }
  if (!(high >= low)) [low, high] = [0, 1];
  if (high - low < 1e-9 * Math.max(1, Math.abs(high)))
    [low, high] = log ? [low - 0.5, high + 0.5] : [low - 0.5, high + 0.5];
  if (pad) [low, high] = [low - 0.04 * (high - low), high + 0.04 * (high - low)];
  const place = (value: number) => from + ((turn(value) - low) / (high - low)) * (to - from);
  return { place, ticks: log ? logTicks(low, high) : linearTicks(low, high) };
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((each) => each >= rough) as number;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(i * step);
  return ticks;
}

/** Powers of ten; with 2 and 5 between where there are few, plain ticks where there are none. */
function logTicks(low: number, high: number): number[] {
  const digits = high - low < 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  const stride = Math.max(1, Math.ceil((high - low) / 6));
  for (let power = Math.floor(low); power <= high; power++)
    for (const digit of digits) {
      const at = power + Math.log10(digit);
      if (at >= low && at <= high && power % stride === 0) ticks.push(digit * 10 ** power);
    }
  return ticks.length > 1 ? ticks : linearTicks(10 ** low, 10 ** high);
}

export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  if (size !== 0 && size < 1e-3) return value.toExponential(0);
  return String(Number(value.toPrecision(3)));
}
