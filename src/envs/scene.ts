// What an environment looks like, as plain data: a page draws it on a canvas, the command line writes it as SVG.

/** What a colour stands for; whoever draws picks the colour, light or dark. */
export type Tone = 'ground' | 'body' | 'limb' | 'joint' | 'accent' | 'faint';

/** x and y in the units of the scene; y goes up. */
export type Point = readonly [x: number, y: number];

/** Sizes are in the scene's units. Shapes come in the order in which they are drawn. */
export type Shape =
  | { readonly kind: 'line'; readonly points: readonly Point[]; readonly width: number; readonly tone: Tone }
  | { readonly kind: 'circle'; readonly centre: Point; readonly radius: number; readonly tone: Tone }
  | { readonly kind: 'polygon'; readonly points: readonly Point[]; readonly tone: Tone };

/** A picture in world coordinates (mostly metres): x grows to the right, y upwards. Lines have round ends and joins. */
export interface Scene {
  readonly view: {
    readonly left: number;
    readonly right: number;
    readonly bottom: number;
    readonly top: number;
  };
  readonly shapes: readonly Shape[];
}

export const line = (points: readonly Point[], width: number, tone: Tone): Shape => ({
  kind: 'line',
  points,
  width,
  tone,
});

export const circle = (centre: Point, radius: number, tone: Tone): Shape => ({
  kind: 'circle',
  centre,
  radius,
  tone,
});

export const polygon = (points: readonly Point[], tone: Tone): Shape => ({ kind: 'polygon', points, tone });

/** An axis-parallel rectangle about a centre. */
export const rectangle = ([x, y]: Point, width: number, height: number, tone: Tone): Shape =>
  polygon(
    [
      [x - width / 2, y - height / 2],
      [x + width / 2, y - height / 2],
      [x + width / 2, y + height / 2],
      [x - width / 2, y + height / 2],
    ],
    tone,
  );

/** A curve y(x) as a line of `count` pieces. */
export const curve = (
  y: (x: number) => number,
  [from, to]: readonly [number, number],
  { width, tone, count = 60 }: { readonly width: number; readonly tone: Tone; readonly count?: number },
): Shape =>
  line(
    Array.from({ length: count + 1 }, (_, i): Point => {
      const x = from + ((to - from) * i) / count;
      return [x, y(x)];
    }),
    width,
    tone,
  );

/** Where a rod of a given length ends; angle 0 points up and grows clockwise, as poles fall to the right. */
export const tip = ([x, y]: Point, length: number, angle: number): Point => [
  x + length * Math.sin(angle),
  y + length * Math.cos(angle),
];
