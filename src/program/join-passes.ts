import { bufferOf, joinedStep } from './joined-step.ts';
import { type BindingSpec, type KernelSpec, kernelSpec, type Params, passGroups } from './kernels.ts';
import type { JoinedStep, KernelStep, Step } from './program.ts';

/** A joined kernel that takes rows through several layers. */
interface Pass {
  readonly name: string;
  /** The kernel of one layer. */
  readonly layer: string;
  /** Its function of a tile; the parameter that counts its columns, and the products in each element. */
  readonly code: string;
  readonly across: string;
  readonly inner: (params: Params) => number;
  /** What a layer reads of the one before it, and leaves for the next. */
  readonly from: string;
  readonly to: string;
  /** Bindings of a layer: of the first besides, and of each. */
  readonly first: readonly string[];
  readonly each: readonly string[];
  /** Parameters of a layer that its place chooses, besides those that choose its code: of the first besides, and of each. */
  readonly firstParams: readonly string[];
  readonly params: readonly string[];
  /** Whether the layer reads all that the one before it left, each row its own. */
  readonly follows: (layer: Params, before: Params) => boolean;
}

const passes: readonly Pass[] = [
  {
    name: 'mlp_layers_forward',
    layer: 'mlp_layer_forward',
    code: 'layer_forward',
    across: 'outputs',
    inner: ({ x0Width, x1Width }) => x0Width + x1Width,
    from: 'x0',
    to: 'y',
    first: ['x0', 'x1'],
    each: ['y', 'z'],
    firstParams: ['x1Offset', 'x1Stride', 'x1Rows', 'x1Width'],
    params: ['outputs', 'parametersOffset', 'x0Offset', 'x0Net', 'x0Stride', 'x0Rows', 'x0Width'],
    follows: (layer, { rows, outputs }) =>
      layer.hasX1 === 0 &&
      layer.x0Offset === 0 &&
      layer.x0Net === rows * outputs &&
      layer.x0Stride === outputs &&
      layer.x0Rows === rows &&
      layer.x0Width === outputs,
  },
  {
    name: 'mlp_layers_backward',
    layer: 'mlp_layer_backward',
    code: 'layer_backward',
    across: 'columns',
    inner: ({ outputs }) => outputs,
    from: 'dy',
    to: 'dx',
    first: ['dy'],
    each: ['saved', 'dx'],
    firstParams: [],
    params: ['outputs', 'firstInput', 'columns', 'parametersOffset'],
    follows: (layer, before) =>
      before.hasSaved === 1 && layer.hasSaved === 1 && layer.outputs === before.columns,
  },
];

/** Parameters that all layers of a pass share. */
const SHARED = ['nets', 'rows', 'parametersStride'];
/** Rows of all networks from which on a pass pays: fewer leave cores idle, which layers by themselves fill. */
const PASS_ROWS = 64;

/** Names of the kernels that take rows through several layers. */
export const passKernels: readonly string[] = passes.map(({ name }) => name);

export const passNamed = (name: string): Pass => passes.find((pass) => pass.name === name) as Pass;

/**
 * Bindings of each layer that the pass binds: those before it come from the layer before, where there is one. What a layer
 * leaves is among them even where nobody reads it, as of a head whose value only its gradient asks for.
 */
function bindingsOf(
  { first, each, to }: Pass,
  parts: readonly KernelStep[],
): [layer: number, name: string][] {
  return parts.flatMap((part, i) => [
    ...(i === 0 ? first : []).map((name): [number, string] => [i, name]),
    ...each
      .filter((name) => name === to || bufferOf(part, name) >= 0)
      .map((name): [number, string] => [i, name]),
  ]);
}

/** Parameters of layer `i` that go by its number. */
const ownParams = ({ firstParams, params }: Pass, i: number): string[] =>
  i === 0 ? [...params, ...firstParams] : [...params];

/** What the kernel called `name` binds and takes for these layers. */
export function passSpec(name: string, parts: readonly KernelStep[]): KernelSpec {
  const pass = passNamed(name);
  const { bindings } = kernelSpec(pass.layer);
  const named = (binding: string): BindingSpec =>
    bindings.find((candidate) => candidate.name === binding) as BindingSpec;
  return {
    name,
    bindings: [
      named('parameters'),
      ...bindingsOf(pass, parts).map(([i, binding]) => ({ ...named(binding), name: `${i}.${binding}` })),
    ],
    params: [...SHARED, ...parts.flatMap((_, i) => ownParams(pass, i).map((field) => `${field}_${i}`))],
    floats: [],
    grid: (params, subgroups) => ({ workgroups: passGroups(params, subgroups) }),
    flops: () => parts.reduce((total, { flops }) => total + flops, 0),
  };
}

/**
 * Steps from `at` on that take the same rows through one layer after another, as one step: where a CPU plays GPU a dispatch
 * costs the host as much as a small layer costs the device.
 */
export function joinPass(
  steps: readonly Step[],
  at: number,
  buffers: readonly { readonly count: number }[],
  maxBindings: number,
): JoinedStep | undefined {
  const begin = steps[at];
  if (begin.kind !== 'kernel') return undefined;
  const pass = passes.find(({ layer }) => layer === begin.kernel);
  if (!pass || begin.params.nets * begin.params.rows < PASS_ROWS) return undefined;
  let parts: readonly KernelStep[] = [begin];
  for (const step of steps.slice(at + 1)) {
    const before = parts[parts.length - 1];
    const goesOn =
      step.kind === 'kernel' &&
      step.kernel === pass.layer &&
      bufferOf(before, pass.to) >= 0 &&
      bufferOf(step, pass.from) === bufferOf(before, pass.to) &&
      bufferOf(step, 'parameters') === bufferOf(before, 'parameters') &&
      SHARED.every((field) => step.params[field] === before.params[field]) &&
      pass.follows(step.params, before.params);
    if (!goesOn || passSpec(pass.name, [...parts, step]).bindings.length > maxBindings) break;
    parts = [...parts, step];
  }
  if (parts.length < 2) return undefined;
  const own = {
    params: Object.fromEntries([
      ...SHARED.map((field) => [field, begin.params[field]]),
      ...parts.flatMap(({ params }, i) =>
        ownParams(pass, i).map((field) => [`${field}_${i}`, params[field]]),
      ),
    ]),
    bound: [
      bufferOf(begin, 'parameters'),
      ...bindingsOf(pass, parts).map(([i, name]) => bufferOf(parts[i], name)),
    ],
    shapes: parts.map(({ shapes }) => shapes).join(', '),
  };
  return joinedStep(pass.name, parts, own, buffers);
}
