// MJCF, MuJoCo's model format, written from numbers.

type Value = string | number | boolean | readonly number[];
export type Attributes = Readonly<Record<string, Value>>;
export type Point = readonly [number, number, number];

/** An element with its attributes and children. Numbers keep all their digits. */
export function element(tag: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  const head = [tag, ...Object.entries(attributes).map(([key, value]) => `${key}="${text(value)}"`)].join(
    ' ',
  );
  return children.length === 0 ? `<${head}/>` : `<${head}>${children.join('')}</${tag}>`;
}

const text = (value: Value): string =>
  typeof value === 'object'
    ? value.join(' ')
    : String(value).replace(/[&<"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export const body = (name: string, pos: Point, ...children: readonly string[]): string =>
  element('body', { ...named(name), pos }, ...children);

/** A hinge joint. */
export const hinge = (name: string, axis: Point, attributes: Attributes = {}): string =>
  element('joint', { name, type: 'hinge', axis, ...attributes });

/** A slide joint. */
export const slide = (name: string, axis: Point, attributes: Attributes = {}): string =>
  element('joint', { name, type: 'slide', axis, ...attributes });

/** A capsule whose axis runs between two points, in m. */
export const capsule = (
  name: string,
  [from, to]: readonly [Point, Point],
  radius: number,
  more: Attributes = {},
): string =>
  element('geom', { ...named(name), type: 'capsule', fromto: [...from, ...to], size: radius, ...more });

export const sphere = (name: string, pos: Point, radius: number, more: Attributes = {}): string =>
  element('geom', { ...named(name), type: 'sphere', pos, size: radius, ...more });

export const plane = (name: string, pos: Point, size: Point, more: Attributes = {}): string =>
  element('geom', { ...named(name), type: 'plane', pos, size, ...more });

/** A motor: the control, within its range, times the gear is the joint's force (N) or torque (N·m). */
export const motor = (joint: string, gear: number, more: Attributes = {}): string =>
  element('motor', { joint, gear, ctrlrange: [-1, 1], ...more });

/** Degrees, in rad. */
export const degrees = (...angles: readonly number[]): number[] =>
  angles.map((angle) => (angle / 180) * Math.PI);

const named = (name: string): Attributes => (name === '' ? {} : { name });

export interface ModelParts {
  readonly name: string;
  /** Attributes of `compiler`; angles are in rad. */
  readonly compiler?: Attributes;
  readonly option: Attributes;
  /** Defaults of all geoms and of all joints. */
  readonly geom?: Attributes;
  readonly joint?: Attributes;
  readonly world: readonly string[];
  readonly tendons?: readonly string[];
  readonly actuators: readonly string[];
  /** For contacts and constraints of one simulation; the engine's own choice is 13 MB. */
  readonly memory: string;
}

/** A whole model. */
export function model(parts: ModelParts): string {
  const section = (tag: string, children: readonly string[] = []) =>
    children.length === 0 ? [] : [element(tag, {}, ...children)];
  return element(
    'mujoco',
    { model: parts.name },
    element('compiler', { angle: 'radian', ...parts.compiler }),
    element('option', parts.option),
    element('size', { memory: parts.memory }),
    element('default', {}, element('geom', parts.geom ?? {}), element('joint', parts.joint ?? {})),
    ...section('worldbody', parts.world),
    ...section('tendon', parts.tendons),
    ...section('actuator', parts.actuators),
  );
}
