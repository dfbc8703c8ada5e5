// A model's shapes as a flat drawing: seen along an axis, without perspective, by a camera that follows a body.

import { circle, line, type Point, polygon, type Scene, type Shape, type Tone } from '../scene.ts';
import type { PhysicsArrays } from './engine.ts';
import type { CompiledModel } from './simulation.ts';

/** From where a model is looked at. */
export interface Camera {
  /** From the side: x to the right, z up; from above: x to the right, y up; or from the side and a little above. */
  readonly from: 'side' | 'above' | 'oblique';
  /** Half the width of what is seen, m. */
  readonly reach: number;
  /** The centre of what is seen, m, along the picture's axes; the followed body's place is added. */
  readonly centre: Point;
  /** Index of the body that the camera follows along x, and y where that is seen; it stands still without. */
  readonly follow?: number;
}

type Vector = readonly [number, number, number];

/** The picture's axes, and the direction towards who looks, in the world's coordinates. */
const axes: Readonly<Record<Camera['from'], { right: Vector; up: Vector; near: Vector }>> = {
  side: { right: [1, 0, 0], up: [0, 0, 1], near: [0, -1, 0] },
  above: { right: [1, 0, 0], up: [0, 1, 0], near: [0, 0, 1] },
  // 30° to the side and 20° down.
  oblique: oblique(Math.PI / 6, Math.PI / 9),
};

function oblique(turn: number, fall: number) {
  const [ct, st, cf, sf] = [Math.cos(turn), Math.sin(turn), Math.cos(fall), Math.sin(fall)];
  return {
    right: [ct, st, 0],
    up: [-st * sf, ct * sf, cf],
    near: [st * cf, -ct * cf, sf],
  } as const;
}

/** The engine's numbers for kinds of shapes. */
const kinds = { plane: 0, sphere: 2, capsule: 3, ellipsoid: 4, cylinder: 5, box: 6 } as const;

/** Points on the unit sphere's surface, enough for the outline of an ellipsoid. */
const ball: readonly Vector[] = Array.from({ length: 200 }, (_, i) => {
  const z = 1 - (2 * i + 1) / 200;
  const turn = i * Math.PI * (3 - Math.sqrt(5)); // the golden angle
  const radius = Math.sqrt(1 - z * z);
  return [radius * Math.cos(turn), radius * Math.sin(turn), z];
});
const corners: readonly Vector[] = [-1, 1].flatMap((x) =>
  [-1, 1].flatMap((y) => [-1, 1].map((z): Vector => [x, y, z])),
);

/**
 * The model's state as lines, circles and outlines, the farthest first. Capsules and cylinders are lines with round
 * ends; planes are marks at every metre, so that movement is seen; meshes and height fields are left out.
 */
export function modelScene(model: CompiledModel, arrays: PhysicsArrays, camera: Camera): Scene {
  const { right, up, near } = axes[camera.from];
  const flat = (at: Vector): Point => [dot(at, right), dot(at, up)];
  const followed = camera.follow === undefined ? ([0, 0, 0] as const) : followedPlace(arrays, camera);
  const [x, y] = flat(followed);
  const [cx, cy] = [x + camera.centre[0], y + camera.centre[1]];
  const { reach } = camera;
  const view = { left: cx - reach, right: cx + reach, bottom: cy - 0.75 * reach, top: cy + 0.75 * reach };

  const { ngeom, geom_type, geom_size, geom_bodyid } = model.handle;
  const { geom_xpos, geom_xmat } = arrays;
  const background: Shape[] = [];
  const drawn: { readonly depth: number; readonly shape: Shape }[] = [];
  for (let i = 0; i < ngeom; i++) {
    const centre: Vector = [geom_xpos[3 * i], geom_xpos[3 * i + 1], geom_xpos[3 * i + 2]];
    const [a, b, c] = [geom_size[3 * i], geom_size[3 * i + 1], geom_size[3 * i + 2]];
    /** From the shape's own coordinates to the world's. */
    const place = (local: Vector): Vector => {
      const row = (k: number) =>
        dot(local, [geom_xmat[9 * i + k], geom_xmat[9 * i + k + 1], geom_xmat[9 * i + k + 2]]);
      return [centre[0] + row(0), centre[1] + row(3), centre[2] + row(6)];
    };
    // What is fixed to the world is scenery.
    const tone: Tone = geom_bodyid[i] === 0 ? 'faint' : i % 2 === 0 ? 'body' : 'limb';
    const add = (shape: Shape) => drawn.push({ depth: dot(centre, near), shape });
    switch (geom_type[i]) {
      case kinds.plane:
        background.push(...ground(camera.from, [followed[0], followed[1], centre[2]], reach, flat));
        break;
      case kinds.sphere:
        add(circle(flat(centre), a, tone));
        break;
      case kinds.capsule:
      case kinds.cylinder:
        add(line([flat(place([0, 0, -b])), flat(place([0, 0, b]))], 2 * a, tone));
        break;
      case kinds.ellipsoid:
        add(polygon(outline(ball.map(([p, q, r]) => flat(place([a * p, b * q, c * r])))), tone));
        break;
      case kinds.box:
        add(polygon(outline(corners.map(([p, q, r]) => flat(place([a * p, b * q, c * r])))), tone));
        break;
      default:
        break;
    }
  }
  drawn.sort((first, second) => first.depth - second.depth);
  return { view, shapes: [...background, ...drawn.map(({ shape }) => shape)] };
}

const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Where the camera follows to: never up and down, so that falls and jumps are seen. */
function followedPlace({ xpos }: PhysicsArrays, { follow = 0 }: Camera): Vector {
  return [xpos[3 * follow], xpos[3 * follow + 1], 0];
}

/** Marks at whole metres of a level plane about a point: posts under a line from the side, a grid otherwise. */
function ground(
  from: Camera['from'],
  [x, y, height]: Vector,
  reach: number,
  flat: (at: Vector) => Point,
): Shape[] {
  const width = 0.006 * reach;
  const span = Math.ceil(2 * reach);
  const [cx, cy] = [Math.round(x), Math.round(y)];
  const marks = Array.from({ length: 2 * span + 1 }, (_, i) => i - span);
  const between = (first: Vector, second: Vector) => line([flat(first), flat(second)], width, 'ground');
  if (from === 'side')
    return [
      between([cx - span, 0, height], [cx + span, 0, height]),
      ...marks.map((mark) => between([cx + mark, 0, height - 0.08 * reach], [cx + mark, 0, height])),
    ];
  return marks.flatMap((mark) => [
    between([cx + mark, cy - span, height], [cx + mark, cy + span, height]),
    between([cx - span, cy + mark, height], [cx + span, cy + mark, height]),
  ]);
}

/**
 * Convex hull, anticlockwise.
 *
 * @source Andrew 1979, the monotone chain
 */
function outline(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const half = (ordered: readonly Point[]): Point[] => {
    const hull: Point[] = [];
    for (const point of ordered) {
      while (hull.length > 1 && !turnsLeft(hull[hull.length - 2], hull[hull.length - 1], point)) hull.pop();
      hull.push(point);
    }
    return hull.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

const turnsLeft = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): boolean =>
  (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0;
