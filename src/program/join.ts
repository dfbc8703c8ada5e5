import { joinLayers, layersKernels, layersSpec } from './join-layers.ts';
import { joinPass, passKernels, passSpec } from './join-passes.ts';
import { bufferOf, joinedStep } from './joined-step.ts';
import { type BindingSpec, type KernelSpec, kernelSpec, type Params } from './kernels.ts';
import type { JoinedStep, KernelStep, Step } from './program.ts';

/**
 * A kernel that does the work of several hand-written ones that follow each other, because every workgroup of a later
 * one reads only what the same workgroup of an earlier one wrote. One dispatch instead of several, and what they
 * hand on need not pass through memory. `shaders/<name>.wgsl` implements it.
 */
interface Join {
  readonly name: string;
  /** Kernels in their order. */
  readonly parts: readonly string[];
  /** The part whose grid is dispatched. */
  readonly main: number;
  /** `part.binding` in the shader's order. */
  readonly bindings: readonly string[];
  /** `part.binding` of what an earlier part writes for a later one. */
  readonly links: readonly (readonly [from: string, to: string])[];
  /** Parameters that are 1 where the binding is used. */
  readonly flags: Readonly<Record<string, string>>;
  readonly accepts?: (params: readonly Params[]) => boolean;
}

/**
 * Most buffers that a joined kernel binds, whatever the adapter: browsers round its limit down to this, and a program
 * has the same steps everywhere.
 */
export const MOST_JOINED_BINDINGS = 10;

const joins: readonly Join[] = [
  {
    name: 'mlp_forward_gaussian_sample',
    parts: ['mlp_forward', 'philox', 'gaussian_sample'],
    main: 0,
    bindings: [
      '0.x0',
      '0.parameters',
      '0.y',
      '0.saved',
      '1.clock',
      '1.y',
      '2.action',
      '2.preTanh',
      '2.logProb',
    ],
    links: [
      ['0.y', '2.head'],
      ['1.y', '2.noise'],
    ],
    flags: { storeHead: '0.y', storeNoise: '1.y' },
    accepts: ([mlp, draw, sample]) =>
      mlp.nets === 1 && mlp.rows === sample.batch && draw.kind === 2 && sample.noiseOffset === 0,
  },
  {
    name: 'philox_gaussian_sample',
    parts: ['philox', 'gaussian_sample'],
    main: 1,
    bindings: ['0.clock', '0.y', '1.head', '1.action', '1.preTanh', '1.logProb'],
    links: [['0.y', '1.noise']],
    flags: { storeNoise: '0.y' },
    accepts: ([draw, sample]) => draw.kind === 2 && sample.noiseOffset === 0,
  },
  {
    name: 'loss_reverse_kl_mlp_backward_inputs',
    parts: ['loss_reverse_kl', 'mlp_backward_inputs'],
    main: 1,
    bindings: [
      '0.logProb',
      '0.q',
      '0.temperature',
      '0.loss',
      '0.dLogProb',
      '1.parameters',
      '1.saved',
      '1.dx1',
    ],
    links: [['0.dQ', '1.dy']],
    flags: {},
    accepts: ([loss, mlp]) => mlp.rows === loss.samples * loss.batch,
  },
  {
    name: 'loss_soft_bellman_mlp_backward_inputs',
    parts: ['loss_soft_bellman', 'mlp_backward_inputs'],
    main: 1,
    bindings: [
      '0.transition',
      '0.nextLogProb',
      '0.nextQ',
      '0.q',
      '0.temperature',
      '0.loss',
      '0.dQ',
      '1.parameters',
      '1.saved',
      '1.dz',
    ],
    links: [['0.dQ', '1.dy']],
    flags: {},
    accepts: ([loss, mlp]) => mlp.rows === loss.batch,
  },
  {
    name: 'gaussian_sample_backward_mlp_backward_inputs',
    parts: ['gaussian_sample_backward', 'mlp_backward_inputs'],
    main: 1,
    bindings: [
      '0.head',
      '0.noise',
      '0.dAction',
      '0.dPreTanh',
      '0.dLogProb',
      '0.dHead',
      '1.parameters',
      '1.saved',
      '1.dz',
    ],
    links: [['0.dHead', '1.dy']],
    flags: {},
    accepts: ([sample, mlp]) => mlp.nets === 1 && mlp.rows === sample.batch,
  },
  {
    name: 'mlp_layer_backward_gaussian_sample_backward',
    parts: ['mlp_layer_backward', 'gaussian_sample_backward'],
    main: 0,
    bindings: ['0.dy', '0.parameters', '1.head', '1.noise', '1.dPreTanh', '1.dLogProb', '1.dHead'],
    links: [['0.dx', '1.dAction']],
    flags: {},
    accepts: ([layer, sample]) =>
      layer.sumNets === 1 &&
      layer.hasSaved === 0 &&
      layer.rows === sample.batch &&
      layer.columns === sample.actions &&
      sample.samples === 1,
  },
  {
    name: 'mlp_backward_weights_adam',
    parts: ['mlp_backward_weights', 'adam'],
    main: 0,
    bindings: ['0.x0', '0.x1', '0.saved', '0.dz', '0.dy', '1.parameters', '1.moments', '1.target', '1.clock'],
    links: [['0.dparameters', '1.gradient']],
    flags: {},
  },
];

const joinNamed = (name: string): Join => {
  const found = joins.find((join) => join.name === name);
  if (!found) throw new Error(`no joined kernel is called '${name}'`);
  return found;
};

/** Names of the joined kernels. */
export const joinedKernels: readonly string[] = [
  ...joins.map(({ name }) => name),
  ...layersKernels,
  ...passKernels,
];

const locate = (at: string): [part: number, binding: string] => {
  const [part, binding] = at.split('.');
  return [Number(part), binding];
};

/**
 * What a joined kernel binds and takes: the parts' fields in order, each name once, then the flags.
 *
 * @param parts of the step: how many layers it takes in
 */
export function joinedSpec(name: string, parts: readonly KernelStep[] = []): KernelSpec {
  if (layersKernels.includes(name)) return layersSpec(name, parts);
  if (passKernels.includes(name)) return passSpec(name, parts);
  const join = joinNamed(name);
  const specs = join.parts.map(kernelSpec);
  const bindings = join.bindings.map((at): BindingSpec => {
    const [part, binding] = locate(at);
    const found = specs[part].bindings.find((candidate) => candidate.name === binding) as BindingSpec;
    return { ...found, name: at };
  });
  return {
    name,
    bindings,
    params: [...new Set([...specs.flatMap(({ params }) => params), ...Object.keys(join.flags)])],
    floats: specs.flatMap(({ floats }) => floats),
    grid: (params, subgroups) => specs[join.main].grid(params, subgroups),
    flops: (params) => specs.reduce((total, spec) => total + spec.flops(params), 0),
  };
}

/**
 * Puts neighbouring steps into joined kernels where one fits: one that binds at most `maxBindings` buffers, and whose
 * parts leave nothing that others read but the joined kernel would not store.
 *
 * @param buffers what the steps' indices stand for; all but temporaries outlive the update
 * @param passes whether rows go through several layers in one kernel
 */
export function joinSteps(
  steps: readonly Step[],
  buffers: readonly { readonly kind: string; readonly count: number }[],
  maxBindings: number,
  passes: boolean,
): Step[] {
  const isPrivate = (buffer: number, from: number, to: number): boolean =>
    buffers[buffer].kind === 'temporary' &&
    !steps.some((step, i) => (i < from || i >= to) && step.buffers.includes(buffer));
  // The parameters of so many layers are one block of uniforms.
  const most = Math.min(maxBindings, MOST_JOINED_BINDINGS);
  const result: Step[] = [];
  for (let i = 0; i < steps.length; ) {
    const joined =
      joins.map((join) => tryJoin(join, steps, i, buffers, maxBindings, isPrivate)).find(Boolean) ??
      joinLayers(steps, i, buffers, most, isPrivate) ??
      (passes ? joinPass(steps, i, buffers, most) : undefined);
    result.push(joined ?? steps[i]);
    i += joined ? joined.parts.length : 1;
  }
  return result;
}

function tryJoin(
  join: Join,
  steps: readonly Step[],
  at: number,
  buffers: readonly { readonly kind: string; readonly count: number }[],
  maxBindings: number,
  isPrivate: (buffer: number, from: number, to: number) => boolean,
): JoinedStep | undefined {
  const parts = steps.slice(at, at + join.parts.length) as KernelStep[];
  const fits =
    join.bindings.length <= maxBindings &&
    parts.length === join.parts.length &&
    parts.every((step, i) => step.kind === 'kernel' && step.kernel === join.parts[i]) &&
    (join.accepts?.(parts.map(({ params }) => params)) ?? true);
  if (!fits) return undefined;
  const bufferAt = (place: string): number => {
    const [part, binding] = locate(place);
    return bufferOf(parts[part], binding);
  };
  const handedOn = new Set(join.links.map(([from]) => bufferAt(from)));
  if (join.links.some(([from, to]) => bufferAt(from) < 0 || bufferAt(from) !== bufferAt(to)))
    return undefined;
  const readElsewhere = (buffer: number): boolean => !isPrivate(buffer, at, at + parts.length);
  const bound = join.bindings.map((place) => {
    const buffer = bufferAt(place);
    return handedOn.has(buffer) && !readElsewhere(buffer) ? -1 : buffer;
  });
  const covered = new Set(bound);
  const complete = parts.every((part) =>
    part.buffers.every(
      (buffer) => buffer < 0 || covered.has(buffer) || (handedOn.has(buffer) && !readElsewhere(buffer)),
    ),
  );
  if (!complete) return undefined;
  const { bindings } = joinedSpec(join.name);
  const used = bound.filter((buffer) => buffer >= 0);
  // One buffer may be bound twice to be read, never to be written.
  const clash = bindings.some(
    ({ access }, i) => access !== 'read' && bound[i] >= 0 && used.filter((b) => b === bound[i]).length > 1,
  );
  if (clash) return undefined;
  const params: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.params)) {
      if (params[name] !== undefined && params[name] !== value) return undefined;
      params[name] = value;
    }
  }
  for (const [flag, place] of Object.entries(join.flags))
    params[flag] = Number(bound[join.bindings.indexOf(place)] >= 0);
  return joinedStep(join.name, parts, { params, bound, shapes: parts[join.main].shapes }, buffers);
}
