import { gaussianSample, gaussianSampleBackward } from './gaussian.ts';
import {
  type BindingSpec,
  ceilDivide,
  type ElementType,
  floatsOf,
  type KernelSpec,
  type Params,
} from './layout.ts';
import { lossReverseKl, lossSoftBellman } from './losses.ts';
import { MLP_ROWS, MLP_THREADS, mlpBackwardInputs, mlpBackwardWeights, mlpForward } from './mlp.ts';
import { adam } from './optimiser.ts';
import { PHILOX_ROUNDS, philox } from './random.ts';

/** A binding of one part of a joined kernel: `0.x0`. */
type At = `${number}.${string}`;

/**
 * A kernel that does the work of several that follow each other, because every workgroup of a later one reads only what the
 * same workgroup of an earlier one wrote. One dispatch instead of several, and what they hand on need not pass through
 * memory. `shaders/<name>.wgsl` implements it; other backends run the parts.
 */
export interface JoinedKernel extends KernelSpec {
  /** Kernels in their order. */
  readonly parts: readonly KernelSpec[];
  /** The part whose grid is dispatched. */
  readonly main: number;
  /** Where each binding comes from, in order. */
  readonly from: Readonly<Record<string, At>>;
  /** What an earlier part writes for a later one. */
  readonly links: readonly (readonly [from: At, to: At])[];
  /** Choices that are 1 where the binding is used. */
  readonly flags: Readonly<Record<string, string>>;
  accepts(params: readonly Params[]): boolean;
}

/** The part and the binding of it that a place names. */
export function placeOf(at: At): [part: number, binding: string] {
  const [part = '', binding = ''] = at.split('.');
  return [Number(part), binding];
}

/** Noise is drawn where it is used: a word an action, by itself. */
const drawPasses = ({ actions = 0 }: Params): number => PHILOX_ROUNDS * actions;

/** The parts' parameters in order, each name once, then the flags. */
function join(
  name: string,
  declaration: Pick<JoinedKernel, 'parts' | 'main' | 'from' | 'links'> &
    Partial<Pick<JoinedKernel, 'flags' | 'accepts'>> & {
      /** What bindings hold, where it is not what they hold in the part. */
      readonly holds?: Readonly<Record<string, ElementType>>;
      /** Passes besides those of the parts. */
      readonly morePasses?: (p: Params) => number;
    },
): JoinedKernel {
  const {
    parts,
    main,
    from,
    flags = {},
    accepts = () => true,
    holds = {},
    morePasses = () => 0,
  } = declaration;
  const types = Object.assign({}, ...parts.map((part) => part.types)) as KernelSpec['types'];
  const all = {
    ...types,
    ...Object.fromEntries(Object.keys(flags).map((flag) => [flag, 'choice' as const])),
  };
  return {
    ...declaration,
    ...{ name, flags, accepts, types: all, params: Object.keys(all), floats: floatsOf(all) },
    bindings: Object.entries(from).map(([own, at]): BindingSpec => {
      const [part, binding] = placeOf(at);
      const found = parts[part]?.bindings.find((candidate) => candidate.name === binding);
      if (!found) throw new Error(`${name}: there is no binding ${at}`);
      return { ...found, name: own, type: holds[own] ?? found.type };
    }),
    grid: (p) => (parts[main] as KernelSpec).grid(p),
    flops: (p) => parts.reduce((total, part) => total + part.flops(p), 0),
    constants: (p) => parts[main]?.constants?.(p) ?? {},
    passes: (p) => morePasses(p) + parts.reduce((total, part) => total + part.passes(p), 0),
  };
}

export const joinedKernels: readonly JoinedKernel[] = [
  join('mlp_forward_gaussian_sample', {
    parts: [mlpForward, philox, gaussianSample],
    main: 0,
    from: {
      x0: '0.x0',
      parameters: '0.parameters',
      head: '0.y',
      saved: '0.saved',
      clock: '1.clock',
      noise: '1.y',
      action: '2.action',
      preTanh: '2.preTanh',
      logProb: '2.logProb',
    },
    links: [
      ['0.y', '2.head'],
      ['1.y', '2.noise'],
    ],
    flags: { storeHead: 'head', storeNoise: 'noise' },
    holds: { noise: 'f32' },
    // A workgroup samples for all of its rows.
    morePasses: (p) =>
      ceilDivide(MLP_ROWS * (p.samples ?? 1), MLP_THREADS) * (1 + (p.actions ?? 0) + drawPasses(p)),
    accepts: ([mlp, draw, sample]) =>
      mlp?.nets === 1 && mlp.rows === sample?.batch && draw?.kind === 2 && sample?.noiseOffset === 0,
  }),
  join('philox_gaussian_sample', {
    parts: [philox, gaussianSample],
    main: 1,
    from: {
      clock: '0.clock',
      noise: '0.y',
      head: '1.head',
      action: '1.action',
      preTanh: '1.preTanh',
      logProb: '1.logProb',
    },
    links: [['0.y', '1.noise']],
    flags: { storeNoise: 'noise' },
    holds: { noise: 'f32' },
    morePasses: drawPasses,
    accepts: ([draw, sample]) => draw?.kind === 2 && sample?.noiseOffset === 0,
  }),
  join('loss_reverse_kl_mlp_backward_inputs', {
    parts: [lossReverseKl, mlpBackwardInputs],
    main: 1,
    from: {
      logProb: '0.logProb',
      q: '0.q',
      temperature: '0.temperature',
      loss: '0.loss',
      dLogProb: '0.dLogProb',
      parameters: '1.parameters',
      saved: '1.saved',
      dx1: '1.dx1',
    },
    links: [['0.dQ', '1.dy']],
    accepts: ([loss, mlp]) => mlp?.rows === (loss?.samples ?? 0) * (loss?.batch ?? 0),
  }),
  join('loss_soft_bellman_mlp_backward_inputs', {
    parts: [lossSoftBellman, mlpBackwardInputs],
    main: 1,
    from: {
      transition: '0.transition',
      nextLogProb: '0.nextLogProb',
      nextQ: '0.nextQ',
      q: '0.q',
      temperature: '0.temperature',
      loss: '0.loss',
      dQ: '0.dQ',
      parameters: '1.parameters',
      saved: '1.saved',
      dz: '1.dz',
    },
    links: [['0.dQ', '1.dy']],
    accepts: ([loss, mlp]) => mlp?.rows === loss?.batch,
  }),
  join('gaussian_sample_backward_mlp_backward_inputs', {
    parts: [gaussianSampleBackward, mlpBackwardInputs],
    main: 1,
    from: {
      head: '0.head',
      noise: '0.noise',
      dAction: '0.dAction',
      dPreTanh: '0.dPreTanh',
      dLogProb: '0.dLogProb',
      dHead: '0.dHead',
      parameters: '1.parameters',
      saved: '1.saved',
      dz: '1.dz',
    },
    links: [['0.dHead', '1.dy']],
    // An invocation makes the cotangents of four rows at a time.
    morePasses: ({ samples = 1, actions = 1 }) => 4 * samples * ceilDivide(4 * actions, MLP_THREADS),
    accepts: ([sample, mlp]) => mlp?.nets === 1 && mlp.rows === sample?.batch,
  }),
  join('mlp_backward_weights_adam', {
    parts: [mlpBackwardWeights, adam],
    main: 0,
    from: {
      x0: '0.x0',
      x1: '0.x1',
      saved: '0.saved',
      dz: '0.dz',
      dy: '0.dy',
      parameters: '1.parameters',
      moments: '1.moments',
      target: '1.target',
      clock: '1.clock',
    },
    links: [['0.dparameters', '1.gradient']],
  }),
];

/** Most buffers that a joined kernel binds: browsers round an adapter's limit down to this. */
export const MOST_JOINED_BINDINGS = 10;

export function joinedKernel(name: string): JoinedKernel {
  const found = joinedKernels.find((join) => join.name === name);
  if (!found) throw new Error(`no joined kernel is called '${name}'`);
  return found;
}
