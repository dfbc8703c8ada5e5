import type { Device, Update } from '../device.ts';
import type { Distribution, DistributionFamily } from '../distributions/distribution.ts';
import {
  boxStretch,
  gaussLegendre,
  lineStretch,
  type QuadratureRule,
  trapezoidal,
} from '../math/quadrature.ts';
import { broadcastTo, clockState, grad, reshape, sum, type Tensor, tanh } from '../tape/index.ts';
import { type Heads, headsFor, type QualityTarget, recordTarget, targetInputs } from './problem.ts';

/** Nodes a coordinate, odd so that every second one is a rule of its own. */
const nodesFor = [0, 2049, 257];
/** Reach of u in a = tanh u over the box: 1 − tanh 12 is 8e-11. */
const boxReach = 12;
/** a = scale·sinh t over the line, |t| up to the reach: a to ±2,025, densely near 0. */
const [lineReach, lineScale] = [9, 0.5];
/** Nodes of a panel of the other rule. */
const panelNodes = 16;
/** Samples that stand in for nodes where there is no quadrature. */
const sampled = 2 ** 20;
/** Nodes, or samples, of one evaluation. */
const chunk = 8192;

/**
 * Actions with all that an expectation of ∇ log π needs: an exact gradient is Σ_n coefficient_n·score_n. All arrays
 * are float64 and have one entry a node, `score` one row.
 */
export interface Nodes {
  readonly method: 'enumeration' | 'quadrature' | 'samples';
  readonly count: number;
  readonly parameters: number;
  /** Logarithm of the volume a node stands for; for samples −log(count) − log π. */
  readonly logVolume: Float64Array;
  readonly logPolicy: Float64Array;
  /** [count, parameters] ∇ log π with respect to the head */
  readonly score: Float64Array;
  readonly q: Float64Array;
  readonly logBehaviour: Float64Array;
  readonly logReference: Float64Array;
  /** Part of the nodes that are a coarser rule, and part that reach less far: their disagreement is the error. */
  readonly coarse: Uint8Array;
  readonly inner: Uint8Array;
  /** Factor of the volume on the coarser rule. */
  readonly coarsening: number;
  /** The same by Gauss–Legendre quadrature on panels, an independent rule: both must agree. */
  readonly other?: Nodes;
}

interface Places {
  readonly method: Nodes['method'];
  /** [count, actions] u of a = tanh u, or the action itself where it is not squashed */
  readonly points: Float64Array;
  readonly logVolume: Float64Array;
  readonly coarse: Uint8Array;
  readonly inner: Uint8Array;
  readonly coarsening: number;
}

/**
 * Evaluates a policy, its companions and a target where quadrature needs them: at every choice; on a grid in
 * u = tanh⁻¹ a over the box or t = sinh⁻¹ a over the line, whose trapezoidal rule converges spectrally; at samples of
 * the policy where neither applies. Densities come from the library; the rules are independent of its own.
 *
 * @param device best in float64
 * @param heads the policy and its companions, or others to be evaluated at the same places
 */
export async function evaluateNodes(
  device: Device,
  family: DistributionFamily,
  target: QualityTarget,
  heads: Heads = headsFor(family, target.actions),
): Promise<Nodes> {
  const places = await placesFor(device, family, target, heads);
  const situation = { family, target, heads };
  const nodes = await evaluateAt(device, situation, places);
  if (nodes.method !== 'quadrature') return nodes;
  const panels = grid(target.actions, family.capabilities.bounded, gaussianLine);
  return { ...nodes, other: await evaluateAt(device, situation, panels) };
}

async function evaluateAt(
  device: Device,
  {
    family,
    target,
    heads,
  }: { readonly family: DistributionFamily; readonly target: QualityTarget; readonly heads: Heads },
  places: Places,
): Promise<Nodes> {
  const { actions } = target;
  const parameters = family.parameters(actions);
  const count = places.logVolume.length;
  const size = Math.min(chunk, count);
  const update = await compileNodes(device, family, actions, size);
  const result = Object.fromEntries(
    outputs.map((name) => [name, new Float64Array(count * (name === 'score' ? parameters : 1))]),
  ) as Record<(typeof outputs)[number], Float64Array>;
  try {
    update.write({ ...targetInputs(target, 1), ...headInputs(heads, size) });
    for (let start = 0; start < count; start += size) {
      // The last evaluation overlaps the one before, so that one program does for all.
      const from = Math.min(start, count - size);
      update.write({ points: places.points.subarray(from * actions, (from + size) * actions) });
      update.run();
      for (const name of outputs) {
        const width = name === 'score' ? parameters : 1;
        result[name].set(await update.read(name), from * width);
      }
    }
  } finally {
    update.dispose();
  }
  const { method, coarse, inner, coarsening } = places;
  const logVolume =
    method === 'samples' ? result.logPolicy.map((value) => -Math.log(count) - value) : places.logVolume;
  return { method, count, parameters, coarse, inner, coarsening, logVolume, ...result };
}

const outputs = ['logPolicy', 'score', 'q', 'logBehaviour', 'logReference'] as const;

const headInputs = (heads: Heads, batch: number): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(heads).map(([name, head]) => [
      name,
      Array.from({ length: batch * head.length }, (_, i) => head[i % head.length]),
    ]),
  );

/** One state for each node, so that one gradient of the sum holds every node's score. */
function compileNodes(
  device: Device,
  family: DistributionFamily,
  actions: number,
  size: number,
): Promise<Update> {
  const parameters = family.parameters(actions);
  return device.compile((recorder) => {
    const heads = (['policy', 'behaviour', 'reference'] as const).map((name) =>
      recorder.input(name, [size, parameters]),
    );
    const [policy, behaviour, reference] = heads.map((head) => family.make(head, actions));
    const points = reshape(recorder.input('points', [size, actions]), [1, size, actions]);
    const { at, density } = placing(family, policy, points);
    const target = recordTarget(recorder, actions);
    const flatten = (x: Tensor) => reshape(x, [size]);
    const logPolicy = density(policy);
    return {
      logPolicy: flatten(logPolicy),
      score: grad(sum(logPolicy), [heads[0]])[0],
      q: flatten(target.critics(at)),
      logBehaviour: flatten(density(behaviour)),
      logReference: flatten(density(reference)),
    };
  });
}

/** What the points mean to a family: latents where it squashes them or keeps log actions, tanh⁻¹ a in another box. */
function placing(
  { capabilities }: DistributionFamily,
  policy: Distribution,
  points: Tensor,
): { at: Tensor; density(of: Distribution): Tensor } {
  if (policy.transform) {
    return { at: policy.transform(points).actions, density: (of) => of.logProbLatent(points) };
  }
  const at = capabilities.bounded && !capabilities.discrete ? tanh(points) : points;
  return { at, density: (of) => of.logProb(at) };
}

async function placesFor(
  device: Device,
  family: DistributionFamily,
  target: QualityTarget,
  heads: Heads,
): Promise<Places> {
  const { discrete, actionKind, bounded } = family.capabilities;
  const { actions } = target;
  if (discrete) {
    return plain(
      'enumeration',
      Float64Array.from({ length: actions ** 2 }, (_, i) => Number(i % (actions + 1) === 0)),
      actions,
    );
  }
  if (actionKind === 'discrete')
    return plain('samples', await drawSamples(device, family, actions, heads), actions);
  return grid(actions, bounded, trapezoidalLine);
}

/** Points that are their own rule: no coarser one. */
function plain(method: Places['method'], points: Float64Array, actions: number): Places {
  const count = points.length / actions;
  const all = new Uint8Array(count).fill(1);
  return { method, points, logVolume: new Float64Array(count), coarse: all, inner: all, coarsening: 1 };
}

/** Nodes and weights of one coordinate on [−reach, reach]. */
type Line = (dimensions: number, reach: number) => QuadratureRule;

const trapezoidalLine: Line = (dimensions, reach) => trapezoidal(nodesFor[dimensions], reach);

/** Gauss–Legendre on equal panels, with as many nodes but one. */
const gaussianLine: Line = (dimensions, reach) => {
  const panels = (nodesFor[dimensions] - 1) / panelNodes;
  const width = (2 * reach) / panels;
  const rules = Array.from({ length: panels }, (_, k) =>
    gaussLegendre(panelNodes, -reach + k * width, -reach + (k + 1) * width),
  );
  return {
    nodes: rules.flatMap(({ nodes }) => nodes),
    weights: rules.flatMap(({ weights }) => weights),
  };
};

/** Product of a rule over the box or the line. */
function grid(dimensions: number, bounded: boolean, rule: Line): Places {
  const reach = bounded ? boxReach : lineReach;
  const { nodes, weights } = rule(dimensions, reach);
  const n = nodes.length;
  const stretch = bounded ? boxStretch : lineStretch(lineScale);
  const count = n ** dimensions;
  const points = new Float64Array(count * dimensions);
  const logVolume = new Float64Array(count);
  const coarse = new Uint8Array(count);
  const inner = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let [even, near] = [true, true];
    for (let d = 0, rest = i; d < dimensions; d++, rest = Math.floor(rest / n)) {
      const x = nodes[rest % n];
      points[i * dimensions + d] = bounded ? x : stretch.at(x);
      logVolume[i] += Math.log(weights[rest % n]) + stretch.logSlope(x);
      even &&= (rest % n) % 2 === 0;
      near &&= Math.abs(x) <= 0.85 * reach;
    }
    coarse[i] = Number(even);
    inner[i] = Number(near);
  }
  return { method: 'quadrature', points, logVolume, coarse, inner, coarsening: 2 ** dimensions };
}

/** Actions drawn from the policy: [sampled, actions]. */
async function drawSamples(
  device: Device,
  family: DistributionFamily,
  actions: number,
  { policy }: Heads,
): Promise<Float64Array> {
  const clock = clockState(0, 'clock', 'qualitySamples');
  const update = await device.compile(
    ({ input }) => {
      const head = broadcastTo(input('policy', [policy.length]), [1, policy.length]);
      return { points: family.make(head, actions).sample(chunk).actions };
    },
    { clock },
  );
  const points = new Float64Array(sampled * actions);
  try {
    update.write({ policy });
    for (let from = 0; from < sampled; from += chunk) {
      update.run();
      points.set(await update.read('points'), from * actions);
    }
  } finally {
    update.dispose();
    device.free(clock);
  }
  return points;
}
