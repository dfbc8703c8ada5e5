import * as Plot from '@observablehq/plot';
import type { ScalingAxis } from '../measure/scaling.ts';
import type { ScalingSeries, ScalingSummary } from '../measure/scaling-summary.ts';
import { colours, framed, plainPower, plotDocument } from './figure.ts';

const titles: Readonly<Record<ScalingAxis, string>> = {
  samples: 'K, actions sampled for each state',
  batch: 'states in a batch',
  width: 'width of the hidden layers',
  depth: 'hidden layers',
  actions: 'coordinates of an action',
};
const size = { width: 960, height: 420 };
/** Programs drawn, each in a panel of its own. */
const panels = 4;

/** Time against size on every backend, with the fitted laws and their knees, as one SVG. */
export function scalingChart(summary: ScalingSummary): string {
  const { axis, series } = summary;
  const names = [...new Set(series.flatMap(({ points }) => points.map(({ estimator }) => estimator)))];
  // The whole update comes last and is always drawn.
  const drawn = names.length > panels ? [...names.slice(0, panels - 1), names[names.length - 1]] : names;
  const shown = series.map((each) => ({
    ...each,
    points: each.points.filter(({ estimator }) => drawn.includes(estimator)),
    laws: each.laws.filter(({ estimator }) => drawn.includes(estimator)),
  }));
  const measured = shown.flatMap(({ backend, points }) =>
    points.map(({ estimator, size: x, msPerUpdate: y, msInterval: { low, high } }) => ({
      ...{ backend, estimator, x, y, low, high },
    })),
  );
  const lines = shown.flatMap(fitted);
  const knees = shown.flatMap(({ backend, laws }) =>
    laws.flatMap(({ estimator, kneeSize, overheadMs }) =>
      kneeSize === null ? [] : [{ backend, estimator, x: kneeSize, y: 2 * overheadMs }],
    ),
  );
  const document = plotDocument();
  const channels = { x: 'x', y: 'y', fx: 'estimator' } as const;
  const backends = shown.map(({ backend }) => backend);
  const plot = Plot.plot({
    document,
    ...size,
    marginLeft: 56,
    marginBottom: 44,
    marginTop: 36,
    x: { type: 'log', base: axis === 'batch' ? 10 : 2, label: titles[axis], grid: true },
    y: { type: 'log', label: 'ms an update', grid: true, tickFormat: plainPower },
    fx: { label: null, domain: drawn, padding: 0.06 },
    color: { domain: backends, range: colours.slice(0, backends.length) },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.line(lines, { ...channels, stroke: 'backend', strokeWidth: 1.2, strokeDasharray: '4,3' }),
      Plot.ruleX(measured, { x: 'x', fx: 'estimator', y1: 'low', y2: 'high', stroke: 'backend' }),
      Plot.dot(measured, { ...channels, fill: 'backend', r: 3 }),
      Plot.dot(knees, { ...channels, stroke: 'backend', symbol: 'times', r: 6, strokeWidth: 2 }),
    ],
  });
  const { settings } = series[0];
  const facts =
    'Dots: medians, bars: their intervals. Dashed: overhead + FLOP / rate. Cross: where both cost the same. ' +
    `Else batch ${settings.batch}, hidden ${settings.hidden.join('-')}, ${settings.observations} observations, actions of size ${settings.actions}.`;
  const question = `How does the time of an update grow with the ${axis === 'samples' ? 'number of samples' : axis === 'batch' ? 'batch' : axis === 'actions' ? 'size of an action' : `${axis} of the networks`}?`;
  return framed(document, plot as unknown as Element, { question, facts, names: backends, ...size });
}

/** The law at the sizes at which it was fitted. */
function fitted({ backend, points, laws }: ScalingSeries) {
  return laws.flatMap(({ estimator, overheadMs, gflops }) =>
    points
      .filter((point) => point.estimator === estimator)
      .map(({ size: x, flops }) => ({
        ...{ backend, estimator, x },
        y: overheadMs + (gflops === null ? 0 : flops / gflops / 1e6),
      })),
  );
}
