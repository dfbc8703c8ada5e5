// Targets of the See tab. One formula holds them all, so that a program compiled once follows any of them:
// Q(a) = log Σ_m exp(height_m − ½ curvature_m ‖a − centre_m‖²) + slope·a.

/** Actions on the whole line (or plane), or in the box [−1, 1]^d. */
export type Space = 'line' | 'box';
export type Dimensions = 1 | 2;

/** Plain data: the inputs of a program, with as many bumps as {@link bumpCount} says. */
export interface Bumps {
  /** [bumps] in units of Q */
  readonly height: readonly number[];
  /** [bumps] in units of Q over squared units of the action */
  readonly curvature: readonly number[];
  /** [bumps, d] */
  readonly centre: readonly number[];
  /** [d] in units of Q over units of the action */
  readonly slope: readonly number[];
}

export interface Preset {
  readonly name: string;
  readonly title: string;
  readonly dimensions: readonly Dimensions[];
  readonly spaces: readonly Space[];
  bumps(dimensions: Dimensions): Bumps;
}

/** Bumps along one axis of a drawn target. */
const drawnPerAxis: Readonly<Record<Dimensions, number>> = { 1: 32, 2: 8 };
export const bumpCount = (dimensions: Dimensions): number => drawnPerAxis[dimensions] ** dimensions;

/** Height of a bump that is not there: e^−30 of a bump of height 0. */
export const ABSENT = -30;

/** Fills up with bumps that are not there. */
function padded(dimensions: Dimensions, parts: readonly Part[], slope: readonly number[]): Bumps {
  const missing = bumpCount(dimensions) - parts.length;
  const all = [
    ...parts,
    ...Array.from({ length: missing }, (): Part => ({ height: ABSENT, curvature: 1, centre: [0, 0] })),
  ];
  return {
    height: all.map(({ height }) => height),
    curvature: all.map(({ curvature }) => curvature),
    centre: all.flatMap(({ centre }) => centre.slice(0, dimensions)),
    slope: slope.slice(0, dimensions),
  };
}

interface Part {
  readonly height: number;
  readonly curvature: number;
  readonly centre: readonly number[];
}
const part = (height: number, curvature: number, ...centre: number[]): Part => ({
  height,
  curvature,
  centre,
});

const RING_RADIUS = 0.6;
const RING_PARTS = 24;

export const presets: readonly Preset[] = [
  {
    name: 'unimodal',
    title: 'Unimodal',
    dimensions: [1, 2],
    spaces: ['line', 'box'],
    bumps: (d) => padded(d, [part(0, 3, 0.3, 0.2)], [0, 0]),
  },
  {
    name: 'skewed',
    title: 'Skewed',
    dimensions: [1, 2],
    spaces: ['line', 'box'],
    bumps: (d) => padded(d, [part(0, 8, 0.5, 0.4), part(-0.3, 1.5, -0.2, -0.2)], [0, 0]),
  },
  {
    name: 'bimodal',
    title: 'Bimodal',
    dimensions: [1, 2],
    spaces: ['line', 'box'],
    bumps: (d) => padded(d, [part(0, 8, 0.6, 0.5), part(-0.1, 8, -0.6, -0.5)], [0, 0]),
  },
  {
    name: 'ring',
    title: 'Ring',
    dimensions: [2],
    spaces: ['line', 'box'],
    bumps: (d) =>
      padded(
        d,
        Array.from({ length: RING_PARTS }, (_, i) => {
          const angle = (2 * Math.PI * i) / RING_PARTS;
          return part(0, 40, RING_RADIUS * Math.cos(angle), RING_RADIUS * Math.sin(angle));
        }),
        [0, 0],
      ),
  },
  {
    name: 'boundary',
    title: 'At the boundary',
    dimensions: [1, 2],
    spaces: ['box'],
    bumps: (d) => padded(d, [part(0, 0, 0, 0)], [1, 0.6]),
  },
];

/** The name of the target that is drawn by hand. */
export const DRAWN = 'drawn';

/** Where the bumps of a drawn target sit along one axis: within [−0.96, 0.96]. */
export function drawnCentres(dimensions: Dimensions): number[] {
  const count = drawnPerAxis[dimensions];
  return Array.from({ length: count }, (_, i) => -0.96 + (1.92 * i) / (count - 1));
}

/**
 * A drawn target: bumps on a grid, each about as wide as the gaps between them, so that the drawn weights blend into
 * a smooth density.
 * @param weights [bumps] from 0 to 1, row by row from the bottom
 */
export function drawnBumps(dimensions: Dimensions, weights: readonly number[]): Bumps {
  const axis = drawnCentres(dimensions);
  const spacing = axis[1] - axis[0];
  const curvature = 1 / (0.8 * spacing) ** 2;
  const most = Math.max(...weights, 1e-6);
  return padded(
    dimensions,
    weights.map((weight, i) =>
      part(
        Math.max(ABSENT, Math.log(Math.max(weight / most, 1e-13))),
        curvature,
        axis[i % axis.length],
        axis[Math.floor(i / axis.length) % axis.length],
      ),
    ),
    [0, 0],
  );
}

/** A first drawing: an asymmetric pair of hills. */
export function firstDrawing(dimensions: Dimensions): number[] {
  const axis = drawnCentres(dimensions);
  const hill = (x: number, at: number, width: number) => Math.exp(-0.5 * ((x - at) / width) ** 2);
  return Array.from({ length: bumpCount(dimensions) }, (_, i) => {
    const x = axis[i % axis.length];
    const y = dimensions === 2 ? axis[Math.floor(i / axis.length)] : 0;
    if (dimensions === 1) return hill(x, -0.45, 0.16) + 0.6 * hill(x, 0.35, 0.28);
    return hill(x, -0.5, 0.25) * hill(y, -0.3, 0.4) + 0.8 * hill(x, 0.4, 0.35) * hill(y, 0.5, 0.25);
  });
}
