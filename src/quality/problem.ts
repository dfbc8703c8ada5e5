import type { Recorder } from '../device.ts';
import type { DistributionFamily } from '../distributions/distribution.ts';
import { boltzmann, type Target } from '../divergences/target.ts';
import { UsageError, unknownName } from '../errors.ts';
import { PhiloxStream } from '../math/philox.ts';
import { add, logSumExp, mul, reshape, square, sub, sum, type Tensor } from '../tape/index.ts';

/** Where a target has its actions: the whole line (or plane), the box [−1, 1]^actions, or a few choices. */
export type Space = 'line' | 'box' | 'choices';

/**
 * A known Q of an action: Q(a) = log Σ_m exp(height_m − ½ curvature_m ‖a − centre_m‖²) + slope·a, two bumps in a
 * plane that may slope. One formula holds every target, so that a program compiled once measures them all, and so
 * that the critic costs the same for each.
 */
export interface QualityTarget {
  readonly name: string;
  readonly title: string;
  readonly spaces: readonly Space[];
  /** Coordinates of an action, or the number of choices. */
  readonly actions: number;
  /** [2] in units of Q */
  readonly height: readonly number[];
  /** [2] in units of Q over squared units of the action */
  readonly curvature: readonly number[];
  /** [2, actions] */
  readonly centre: readonly number[];
  /** [actions] in units of Q over units of the action; for choices, the value of each. */
  readonly slope: readonly number[];
}

const flat = { height: [0, 0], curvature: [0, 0] };
const choiceValues = [0.9, -0.3, 0.2, -1.1, 0.6, -0.5];

export const qualityTargets: readonly QualityTarget[] = [
  {
    name: 'quadratic',
    title: 'quadratic on the line: a Gaussian, solved in closed form',
    spaces: ['line'],
    actions: 1,
    height: [0, 0],
    curvature: [2, 2],
    centre: [0.3, 0.3],
    slope: [0],
  },
  {
    name: 'unimodal',
    title: 'one mode inside the box',
    spaces: ['box'],
    actions: 1,
    height: [0, 0],
    curvature: [3, 3],
    centre: [0.3, 0.3],
    slope: [0],
  },
  {
    name: 'skewed',
    title: 'one mode with a long tail on one side',
    spaces: ['line', 'box'],
    actions: 1,
    height: [0, -0.3],
    curvature: [8, 1.5],
    centre: [0.5, -0.2],
    slope: [0],
  },
  {
    name: 'bimodal',
    title: 'two modes of unequal height',
    spaces: ['line', 'box'],
    actions: 1,
    height: [0, -0.2],
    curvature: [8, 8],
    centre: [0.6, -0.6],
    slope: [0],
  },
  {
    name: 'boundary',
    title: 'mass at the edge of the box',
    spaces: ['box'],
    actions: 1,
    ...flat,
    centre: [0, 0],
    slope: [2],
  },
  {
    name: 'bimodal-2d',
    title: 'two modes on a diagonal of the plane',
    spaces: ['line', 'box'],
    actions: 2,
    height: [0, -0.2],
    curvature: [6, 6],
    centre: [0.5, 0.5, -0.5, -0.5],
    slope: [0, 0],
  },
  {
    name: 'choices',
    title: `${choiceValues.length} choices of fixed values`,
    spaces: ['choices'],
    actions: choiceValues.length,
    ...flat,
    centre: choiceValues.flatMap(() => [0, 0]),
    slope: choiceValues,
  },
];

/** The target of that name. @throws UsageError naming the known ones */
export function qualityTarget(name: string): QualityTarget {
  const found = qualityTargets.find((target) => target.name === name);
  if (!found)
    throw unknownName(
      'target',
      name,
      qualityTargets.map((target) => target.name),
    );
  return found;
}

export const spaceOf = ({ capabilities }: DistributionFamily): Space =>
  capabilities.actionKind === 'discrete' ? 'choices' : capabilities.bounded ? 'box' : 'line';

/** The targets a family can follow. @throws UsageError when it is asked for others only */
export function targetsFor(
  family: DistributionFamily,
  asked: readonly QualityTarget[] = qualityTargets,
): QualityTarget[] {
  const space = spaceOf(family);
  const found = asked.filter(({ spaces }) => spaces.includes(space));
  if (found.length > 0) return found;
  const working = qualityTargets.filter(({ spaces }) => spaces.includes(space)).map(({ name }) => name);
  throw new UsageError(
    `'${family.name}' has none of the targets ${asked.map(({ name }) => name).join(', ')}: its actions are ` +
      `${{ line: 'unbounded', box: 'in a box', choices: 'choices' }[space]}.`,
    { hint: `With '${family.name}' these work: ${working.join(', ')}.` },
  );
}

/** Values of the inputs that {@link recordTarget} declares. */
export const targetInputs = (
  { height, curvature, centre, slope }: QualityTarget,
  temperature: number,
): Record<string, readonly number[]> => ({ height, curvature, centre, slope, temperature: [temperature] });

/** The Boltzmann target of a Q whose shape and temperature are inputs of the program. */
export function recordTarget({ input }: Recorder, actions: number): Target {
  const height = input('height', [2]);
  const curvature = input('curvature', [2]);
  const centre = input('centre', [2, actions]);
  const slope = input('slope', [actions]);
  const critic = (a: Tensor): Tensor => {
    const [samples, batch] = a.shape;
    const distance = sum(square(sub(reshape(a, [samples, batch, 1, actions]), centre)), -1);
    const bumps = logSumExp(sub(height, mul(mul(0.5, curvature), distance)), -1);
    return reshape(add(bumps, sum(mul(slope, a), -1)), [1, samples, batch]);
  };
  return boltzmann(critic, { temperature: input('temperature', []) });
}

/** Parameters of the policy and its companions, each [parameters]. */
export interface Heads {
  readonly policy: readonly number[];
  /** The policy under which the state was visited. */
  readonly behaviour: readonly number[];
  /** The slowly moving copy. */
  readonly reference: readonly number[];
}

/** Of the heads: any family's head near 0 is a policy of about unit width, as at the start of training. */
const spread = { policy: 0.35, companion: 0.3 };
/** Not the run's seed: another seed is other noise on the same problem. */
const headSeed = 3;

/** A policy as it might be early in training, and two others near it; the same in every run. */
export function headsFor(family: DistributionFamily, actions: number): Heads {
  const random = new PhiloxStream(headSeed, 'plain');
  const count = family.parameters(actions);
  const policy = Array.from({ length: count }, () => spread.policy * random.nextNormal());
  const near = () => policy.map((value) => value + spread.companion * random.nextNormal());
  return { policy, behaviour: near(), reference: near() };
}
