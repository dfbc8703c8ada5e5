// The figures of a compiled MuJoCo model against published ones.

import type { MujocoEnvironment } from '../envs/mujoco/base.ts';
import { maximum } from '../math/extremes.ts';
import { type Deviation, worse } from './compare.ts';
import type { Place } from './place.ts';

/** Relative; where a figure is zero, absolute. */
const TOLERANCE = 1e-12;

type Numbers = ArrayLike<number>;

/** The record of a joint, body, …, by index: a copy of the engine's, to be deleted. */
interface Item extends Readonly<Record<string, number | string | boolean | Numbers>> {
  readonly name: string;
}

type Kind = 'body' | 'jnt' | 'geom' | 'actuator' | 'site';

/** What of the engine's model is compared, beyond what environments need. */
type Model = { readonly [kind in Kind]: (index: number) => Item & { delete(): void } } & {
  readonly tendon: (index: number) => { readonly name: string; delete(): void };
  readonly opt: Readonly<Record<string, number | Numbers>>;
  readonly stat: Readonly<Record<string, number>>;
  readonly qpos0: Numbers;
  readonly qpos_spring: Numbers;
  readonly body_gravcomp: Numbers;
  readonly geom_gap: Numbers;
  readonly geom_fluid: Numbers;
  readonly tendon_adr: Numbers;
  readonly tendon_num: Numbers;
  readonly tendon_stiffness: Numbers;
  readonly tendon_damping: Numbers;
  readonly wrap_objid: Numbers;
  readonly wrap_prm: Numbers;
} & Readonly<Record<`n${string}`, number>>;

/** The engine's enumerations, in its order. */
const enumerations: Readonly<Record<string, readonly string[]>> = {
  integrator: ['Euler', 'RK4', 'implicit', 'implicitfast'],
  solver: ['PGS', 'CG', 'Newton'],
  cone: ['pyramidal', 'elliptic'],
  jacobian: ['dense', 'sparse', 'auto'],
};
const jointTypes = ['free', 'ball', 'slide', 'hinge'];
const geomTypes = ['plane', 'hfield', 'sphere', 'capsule', 'ellipsoid', 'cylinder', 'box', 'mesh'];

/** Poses for viewers: nothing simulated depends on them. */
const notSimulated = ['nkey'];

/** Compares an environment with a document of facts; the factor is a multiple of 1e-12. */
export function compareFacts(environment: MujocoEnvironment, facts: Place): Deviation {
  const report = new Report();
  compareTask(environment, facts.get('env'), report);
  const model = environment.model.handle as unknown as Model;
  const figures = facts.get('model');
  for (const [name, size] of figures.get('sizes').entries())
    if (!notSimulated.includes(name)) report.same(`sizes ${name}`, model[name as 'nq'], size.count());
  if (report.worst.factor > 0) return report.worst; // nothing below would line up
  compareOptions(model, figures, report);
  const names = (kind: Kind, count: number) =>
    Array.from({ length: count }, (_, index) => using(model[kind](index), ({ name }) => name));
  const compared: Compared = {
    ...{ model, figures, report },
    bodies: names('body', model.nbody),
    joints: names('jnt', model.njnt),
  };
  compareBodies(compared);
  compareItems(compared, 'joints', 'jnt', (item, expected) => {
    compareJoint(item, expected, report);
    compareBodyOf(item, expected, compared);
  });
  compareItems(compared, 'geoms', 'geom', (item, expected, i) => {
    compareGeom(item, expected, report);
    compareBodyOf(item, expected, compared);
    report.numbers('gap', [model.geom_gap[i]], [expected.get('gap').number()]);
    report.same('fluid_ellipsoid', model.geom_fluid[12 * i] !== 0, expected.get('fluid_ellipsoid').flag());
  });
  compareItems(compared, 'actuators', 'actuator', (item, expected) =>
    compareActuator(item, expected, compared),
  );
  compareItems(compared, 'sites', 'site', (item, expected) => {
    report.same('body', compared.bodies[number(item.bodyid)], expected.get('body').text());
    report.figures('pos', item.pos as Numbers, expected.get('pos'));
  });
  compareTendons(compared);
  return report.worst;
}

/** A model and the published figures that it is compared with. */
interface Compared {
  readonly model: Model;
  readonly figures: Place;
  readonly report: Report;
  /** Names, by index. */
  readonly bodies: readonly string[];
  readonly joints: readonly string[];
}

function compareOptions(model: Model, figures: Place, report: Report): void {
  for (const [name, expected] of figures.get('options').entries()) {
    const actual = model.opt[name];
    if (name in enumerations)
      report.same(`options ${name}`, enumerations[name][actual as number], expected.text());
    else report.figures(`options ${name}`, actual, expected);
  }
  for (const [name, expected] of figures.get('stat').entries())
    report.figures(`stat ${name}`, model.stat[name], expected);
  report.figures('qpos0', model.qpos0, figures.get('qpos0'));
  report.figures('qpos_spring', model.qpos_spring, figures.get('qpos_spring'));
}

/** Each published item of a list with the model's of the same index. */
function compareItems(
  { model, figures, report }: Compared,
  key: string,
  kind: Kind,
  compare: (item: Item, expected: Place, i: number) => void,
): void {
  for (const [i, expected] of figures.get(key).list().entries())
    using(model[kind](i), (item) => {
      const name = expected.get('name').text();
      report.inside(name, () => {
        if (isNamed(name)) report.same('name', item.name, name);
        compare(item, expected, i);
      });
    });
}

/** What has no name is published as `(world)`, `(unnamed)` and the like. */
const isNamed = (name: string): boolean => !name.startsWith('(');

function compareBodies(compared: Compared): void {
  const { model, figures, report, bodies } = compared;
  let totalMass = 0;
  compareItems(compared, 'bodies', 'body', (item, expected, i) => {
    const parent = expected.get('parent').value;
    if (typeof parent === 'string' && isNamed(parent))
      report.same('parent', bodies[item.parentid as number], parent);
    for (const key of ['pos', 'mass', 'ipos']) report.figures(key, item[key] as Numbers, expected.get(key));
    report.quaternion('quat', item.quat as Numbers, expected.get('quat').numbers());
    report.numbers('gravcomp', [model.body_gravcomp[i]], [expected.get('gravcomp').number()]);
    const published = inertia(expected.get('inertia_diag').numbers(), expected.get('iquat').numbers());
    report.numbers('inertia', inertia(item.inertia as Numbers, item.iquat as Numbers), published);
    totalMass += number(item.mass);
  });
  report.figures('totalmass', totalMass, figures.get('totalmass'));
}

function compareBodyOf(item: Item, expected: Place, { bodies, report }: Compared): void {
  const body = expected.get('body').text();
  if (isNamed(body)) report.same('body', bodies[number(item.bodyid)], body);
}

function compareActuator(item: Item, expected: Place, { joints, report }: Compared): void {
  report.same('joint', joints[number(item.trnid)], expected.get('joint').text());
  for (const key of ['trntype', 'gaintype', 'biastype', 'dyntype'])
    report.same(key, number(item[key]), expected.get(key).count());
  for (const key of ['ctrllimited', 'forcelimited']) report.same(key, item[key], expected.get(key).flag());
  report.figures('ctrlrange', item.ctrlrange as Numbers, expected.get('ctrlrange'));
  report.numbers('gear', [number(item.gear)], [expected.get('gear').number()]);
  report.numbers('gain', [number(item.gainprm)], [expected.get('gain').number()]);
}

function compareTendons({ model, figures, report, joints }: Compared): void {
  for (const [i, expected] of figures.get('tendons').list().entries()) {
    const place = expected.get('name').text();
    report.inside(place, () => {
      report.same(
        'name',
        using(model.tendon(i), ({ name }) => name),
        place,
      );
      report.numbers('stiffness', [model.tendon_stiffness[i]], [expected.get('stiffness').number()]);
      report.numbers('damping', [model.tendon_damping[i]], [expected.get('damping').number()]);
      const parts = expected.get('fixed').list();
      report.same('joints', model.tendon_num[i], parts.length);
      parts.forEach((part, k) => {
        const at = model.tendon_adr[i] + k;
        report.same('joint', joints[model.wrap_objid[at]], part.get('joint').text());
        report.numbers('coef', [model.wrap_prm[at]], [part.get('coef').number()]);
      });
    });
  }
}

function compareTask(environment: MujocoEnvironment, task: Place, report: Report): void {
  const steps = task.get('max_episode_steps').count();
  report.same('max_episode_steps', environment.maxEpisodeSteps, steps);
  report.figures('dt', environment.dt, task.get('dt'));
  report.same('obs_dim', environment.observationSpace.low.length, task.get('obs_dim').count());
  const action = task.get('action').text();
  const match = /^Box\[([-\d.]+),([-\d.]+)\]\^(\d+)/.exec(action) ?? task.fail(`action is '${action}'`);
  const { low, high } = environment.actionSpace;
  const [lowest, highest, count] = match.slice(1).map(Number);
  report.numbers('action low', low, new Array(count).fill(lowest));
  report.numbers('action high', high, new Array(count).fill(highest));
}

function compareJoint(item: Item, expected: Place, report: Report): void {
  report.same('type', jointTypes[number(item.type)], expected.get('type').text());
  report.same('qposadr', number(item.qposadr), expected.get('qposadr').count());
  report.same('dofadr', number(item.dofadr), expected.get('dofadr').count());
  report.same('limited', item.limited, expected.get('limited').flag());
  for (const key of ['axis', 'pos', 'range']) report.figures(key, item[key] as Numbers, expected.get(key));
  for (const [key, field] of Object.entries(jointFigures))
    report.numbers(key, [number(item[field])], [expected.get(key).number()]);
  report.figures('limit_solref', item.solref as Numbers, expected.get('limit_solref'), 2);
  report.figures('limit_solimp', item.solimp as Numbers, expected.get('limit_solimp'), 5);
  if (expected.get('ref').value === null) return; // a free joint has none
  report.numbers('ref', [number(item.qpos0)], [expected.get('ref').number()]);
  report.numbers('springref', [number(item.qpos_spring)], [expected.get('springref').number()]);
}

const jointFigures: Readonly<Record<string, string>> = {
  stiffness: 'stiffness',
  damping: 'damping',
  armature: 'armature',
  frictionloss: 'frictionloss',
  margin: 'margin',
  dof_invweight0: 'invweight0',
};

function compareGeom(item: Item, expected: Place, report: Report): void {
  report.same('type', geomTypes[number(item.type)], expected.get('type').text());
  for (const key of ['contype', 'conaffinity', 'condim', 'priority'])
    report.same(key, number(item[key]), expected.get(key).count());
  for (const key of ['size', 'pos', 'friction', 'solref', 'solimp'])
    report.figures(key, item[key] as Numbers, expected.get(key));
  for (const key of ['margin', 'solmix'])
    report.numbers(key, [number(item[key])], [expected.get(key).number()]);
  const ends = expected.maybe('axis_ends');
  if (ends === undefined) {
    report.quaternion('quat', item.quat as Numbers, expected.get('quat').numbers());
    return;
  }
  // Which end comes first has no meaning.
  const [first, second] = ends.list().map((end) => end.numbers());
  const axis = column(item.quat as Numbers, 2);
  const pos = item.pos as Numbers;
  const half = (item.size as Numbers)[1];
  const end = (sign: number) => axis.map((x, i) => pos[i] + sign * half * x);
  const dot = axis.reduce((sum, x, i) => sum + x * (second[i] - first[i]), 0);
  report.numbers('axis_ends', [...end(-Math.sign(dot)), ...end(Math.sign(dot))], [...first, ...second]);
}

/** Gathers the largest deviation. */
class Report {
  worst: Deviation = { factor: 0, detail: '' };
  private place = '';

  inside(place: string, compare: () => void): void {
    this.place = `${place} `;
    compare();
    this.place = '';
  }

  same(what: string, actual: unknown, expected: unknown): void {
    if (actual !== expected)
      this.note(Number.POSITIVE_INFINITY, what, `is ${String(actual)}, expected ${String(expected)}`);
  }

  figures(what: string, actual: number | Numbers, expected: Place, count?: number): void {
    const values = typeof actual === 'number' ? [actual] : Array.from(actual).slice(0, count);
    this.numbers(what, values, Array.isArray(expected.value) ? expected.numbers() : [expected.number()]);
  }

  /** Against the largest entry: a vector's zero may be anything that is small beside the others. */
  numbers(what: string, actual: Numbers, expected: Numbers): void {
    this.same(`${what} length`, actual.length, expected.length);
    const scale = maximum(Array.from(expected, Math.abs)) || 1;
    for (let i = 0; i < expected.length; i++) {
      const factor = Math.abs(actual[i] - expected[i]) / scale / TOLERANCE;
      this.note(
        Number.isNaN(factor) ? Number.POSITIVE_INFINITY : factor,
        what,
        `[${i}] is ${actual[i]}, expected ${expected[i]}`,
      );
    }
  }

  /** Two signs stand for the same orientation. */
  quaternion(what: string, actual: Numbers, expected: Float64Array): void {
    const dot = expected.reduce((sum, x, i) => sum + x * actual[i], 0);
    this.numbers(
      what,
      Array.from(actual, (x) => Math.sign(dot) * x),
      expected,
    );
  }

  private note(factor: number, what: string, problem: string): void {
    this.worst = worse(this.worst, { factor, detail: `${this.place}${what} ${problem}` });
  }
}

/** The first number of a field, which for a single figure is a number or an array of one. */
const number = (field: number | string | boolean | Numbers): number =>
  typeof field === 'object' ? field[0] : Number(field);

function using<T extends { delete(): void }, R>(item: T, use: (item: T) => R): R {
  try {
    return use(item);
  } finally {
    item.delete();
  }
}

/** Column j of the rotation matrix of a quaternion. */
function column(quaternion: Numbers, j: 0 | 1 | 2): number[] {
  const [w, x, y, z] = Array.from(quaternion);
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
    [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
    [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
  ][j];
}

/** The tensor R diag Rᵀ, [3][3]: unlike the principal axes, it is unique. */
function inertia(diagonal: Numbers, quaternion: Numbers): number[] {
  const columns = [column(quaternion, 0), column(quaternion, 1), column(quaternion, 2)];
  return [0, 1, 2].flatMap((i) =>
    [0, 1, 2].map((j) => columns.reduce((sum, axis, k) => sum + axis[i] * diagonal[k] * axis[j], 0)),
  );
}
