import { bufferOf, joinedStep } from './joined-step.ts';
import {
  type BindingSpec,
  gradientTiles,
  type KernelSpec,
  kernelSpec,
  LAYER_GROUP,
  type Params,
} from './kernels.ts';
import type { JoinedStep, KernelStep, Step } from './program.ts';

/** A joined kernel of the weight gradients of several layers, and what its shader binds besides theirs. */
interface LayersJoin {
  readonly name: string;
  /** The kernel that takes the gradients where they are made. */
  readonly last?: string;
  /** `kernel.binding` in the shader's order; each layer's `x` and `dy` follow. */
  readonly bindings: readonly (readonly [kernel: string, binding: string])[];
}

const LAYER = 'mlp_layer_backward_weights';
/** Parameters that all layers share, and those of each that go by its number. */
const SHARED = ['nets', 'rows', 'parametersStride'];
const OWN = ['inputs', 'outputs', 'weightsOffset', 'biasOffset', 'xOffset', 'xNet', 'xStride', 'xRows'];

const joins: readonly LayersJoin[] = [
  {
    name: 'mlp_layers_backward_weights_adam',
    last: 'adam',
    bindings: ['parameters', 'moments', 'target', 'clock'].map((name) => ['adam', name]),
  },
  { name: 'mlp_layers_backward_weights', bindings: [[LAYER, 'dparameters']] },
];

/** Names of the kernels that take in all layers of a network. */
export const layersKernels: readonly string[] = joins.map(({ name }) => name);

/** The steps of a joined one that are layers. */
export const layersOf = ({ parts }: Pick<JoinedStep, 'parts'>): KernelStep[] =>
  parts.filter(({ kernel }) => kernel === LAYER);

const bindingOf = (kernel: string, name: string): BindingSpec =>
  kernelSpec(kernel).bindings.find((binding) => binding.name === name) as BindingSpec;

/** What the kernel called `name` binds and takes for these layers: the parameters are those of its last part. */
export function layersSpec(name: string, parts: readonly KernelStep[]): KernelSpec {
  const join = joins.find((candidate) => candidate.name === name) as LayersJoin;
  const layers = layersOf({ parts });
  const last = join.last === undefined ? undefined : kernelSpec(join.last);
  return {
    name,
    bindings: [
      ...join.bindings.map(([kernel, binding]) => bindingOf(kernel, binding)),
      ...layers.flatMap((_, i) =>
        ['x', 'dy'].map((binding) => ({ ...bindingOf(LAYER, binding), name: `${i}.${binding}` })),
      ),
    ],
    params: [
      ...(last?.params ?? []),
      ...SHARED,
      ...layers.flatMap((_, i) => OWN.map((field) => `${field}_${i}`)),
    ],
    floats: last?.floats ?? [],
    grid: (_params, subgroups) => ({
      workgroups: layers.reduce((sum, layer) => sum + layerWorkgroups(layer.params, subgroups), 0),
    }),
    flops: () => parts.reduce((total, { flops }) => total + flops, 0),
  };
}

/** Workgroups of one layer's weight gradient. */
function layerWorkgroups({ nets, inputs, outputs, hasBias }: Params, subgroups?: boolean): number {
  const { invocations } = gradientTiles(inputs, outputs, subgroups);
  return Math.ceil((nets * (invocations + hasBias * outputs)) / LAYER_GROUP);
}

/**
 * The weight gradients of a network's layers from step `at` on as one step, with the optimiser's step that takes them
 * where nothing else does: a launch costs more than a layer of a small network.
 *
 * @param isPrivate whether nothing outside the steps given reads a buffer
 */
export function joinLayers(
  steps: readonly Step[],
  at: number,
  buffers: readonly { readonly kind: string; readonly count: number }[],
  maxBindings: number,
  isPrivate: (buffer: number, from: number, to: number) => boolean,
): JoinedStep | undefined {
  const gradientOf = (step: Step | undefined): number | undefined =>
    step?.kind === 'kernel' && step.kernel === LAYER ? bufferOf(step, 'dparameters') : undefined;
  const gradient = gradientOf(steps[at]);
  if (gradient === undefined) return undefined;
  let end = at + 1;
  while (gradientOf(steps[end]) === gradient) end++;
  for (const { name, last, bindings } of joins) {
    const parts = steps.slice(at, last === undefined ? end : end + 1) as KernelStep[];
    const layers = layersOf({ parts });
    if (parts.length < 2 || bindings.length + 2 * layers.length > maxBindings) continue;
    const taker = last === undefined ? undefined : parts.at(-1);
    const takes =
      taker?.kind === 'kernel' &&
      taker.kernel === last &&
      bufferOf(taker, 'gradient') === gradient &&
      taker.params.hasScale === 0 &&
      isPrivate(gradient, at, end + 1);
    if (last !== undefined && !takes) continue;
    const bound = [
      ...bindings.map(([, binding]) => bufferOf(taker ?? layers[0], binding)),
      ...layers.flatMap((layer) => [bufferOf(layer, 'x'), bufferOf(layer, 'dy')]),
    ];
    const shapes = layers.map(({ shapes }) => shapes).join(', ');
    const params = Object.fromEntries([
      ...Object.entries(taker?.params ?? {}),
      ...SHARED.map((field) => [field, layers[0].params[field]]),
      ...layers.flatMap(({ params }, i) => OWN.map((field) => [`${field}_${i}`, params[field]])),
    ]);
    return joinedStep(name, parts, { params, bound, shapes }, buffers);
  }
  return undefined;
}
