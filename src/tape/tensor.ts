import { quoted, ShapeError, UsageError } from '../errors.ts';
import { type BindingOf, type KernelSpec, type Params, type ParamsOf, tick } from '../kernels/index.ts';
import { formatShape, type Shape, sizeOf } from '../math/shape.ts';
import { type Purpose, streamKey } from '../math/streams.ts';
import type { View, ViewOperation } from '../math/view.ts';

/** `u32` appears only where bits matter: random counters and raw random words. */
export type DType = 'f32' | 'u32';

export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Where a kernel's binding comes from: an input or output of its node, or a state held by the device. */
export type KernelBinding =
  | { readonly input: number }
  | { readonly output: number }
  | { readonly state: State }
  | null;

/** One call of a declared kernel; made by {@link callOf}. */
export interface KernelCall {
  readonly kernel: string;
  readonly bindings: Readonly<Record<string, KernelBinding>>;
  readonly params: Params;
}

/** The call of a kernel with all of its bindings and parameters, by name; a binding that is not there is null. */
export const callOf = <K extends KernelSpec>(
  { name }: K,
  bindings: Readonly<Record<BindingOf<K>, KernelBinding>>,
  params: ParamsOf<K>,
): KernelCall => ({ kernel: name, bindings, params: params as Params });

/** Input or output `i` of an operation as a binding. */
export const inputAt = (i: number): KernelBinding => ({ input: i });
export const outputAt = (i: number): KernelBinding => ({ output: i });

export interface CallContext<A> {
  readonly node: Node;
  readonly attributes: A;
  /** How input `i` lies in its buffer. */
  view(i: number): View;
  /** Whether anything reads output `i`; a kernel need not write the others. */
  live(i: number): boolean;
}

export interface VjpContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  /** One an output; `undefined` where no gradient arrives. */
  readonly cotangents: readonly (Tensor | undefined)[];
  /** Which inputs lead to a parameter: the others need no gradient. */
  readonly needs: readonly boolean[];
}

/**
 * An operation: its shape rule, what it computes, and its vector-Jacobian product, side by side.
 * What it computes is a scalar function (elementwise), a view, a reduction, or a call of a named kernel.
 */
export interface Op<A = unknown> {
  readonly name: string;
  /** Types of the outputs. Throws {@link ShapeError} through {@link shapeError}. */
  infer(inputs: readonly Tensor[], attributes: A): TensorType[];
  /** Cotangents of the inputs, of the outputs' broadcast shape or the input's own. */
  vjp?(context: VjpContext<A>): (Tensor | undefined)[];
  /** Elementwise: the scalar function, in float64. */
  scalar?(a: number, b: number, c: number): number;
  view?(attributes: A, inputs: readonly Tensor[]): ViewOperation;
  reduction?: true;
  call?(context: CallContext<A>): KernelCall;
  /** Inputs that may be words; of all others it takes f32 only. */
  readonly words?: readonly number[];
  /** Whether the kernel can read input `i` through this view; otherwise the input is copied first. */
  accepts?(i: number, view: View, attributes: A): boolean;
}

/** One recorded operation. */
export interface Node {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly outputs: readonly Tensor[];
  /** States this node changes in place. */
  readonly writes: readonly State[];
}

/** A value on the tape: an output of a node. It has no data; a program computes it. */
export class Tensor {
  constructor(
    readonly node: Node,
    readonly index: number,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  toString(): string {
    return `${this.node.op.name}#${this.node.id}${formatShape(this.shape)}`;
  }
}

/** Output `i` of a node. @throws Error when it has none */
export const outputOf = (node: Node, i = 0): Tensor => node.outputs[i] ?? lacks(node, `output ${i}`);

/** Input `i` of a node. @throws Error when it has none */
export const inputOf = (node: Node, i = 0): Tensor => node.inputs[i] ?? lacks(node, `input ${i}`);

/** How a node's output views its first input. @throws Error when it is no view */
export const viewOperation = (node: Node): ViewOperation =>
  node.op.view?.(node.attributes, node.inputs) ?? lacks(node, 'view');

function lacks({ op, id }: Node, what: string): never {
  throw new Error(`${op.name}#${id} has no ${what}`);
}

/** Data that lives on the device between updates: parameters, optimiser moments, counters, a replay buffer. */
export class State {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly initial?: Float32Array | Uint32Array;
  /**
   * Throws while what it holds is not fit for use: asked before each run of a program that uses the state.
   * @param memory the device's, in which the program has the state
   */
  guard?: (memory: object) => void;

  /**
   * @param name unique within a program; appears in the listing and in checkpoints
   * @param initial the finite values a device starts from, which are copied; zeros when absent
   */
  constructor(
    readonly name: string,
    shape: Shape,
    initial?: Float32Array | Uint32Array,
    dtype: DType = initial instanceof Uint32Array ? 'u32' : 'f32',
  ) {
    requireExtents(`state '${name}'`, shape);
    if (initial && initial.length !== sizeOf(shape)) {
      throw new ShapeError(
        `state '${name}' has shape ${formatShape(shape)} (${sizeOf(shape)} elements) but ${initial.length} initial values`,
      );
    }
    if (initial) this.initial = initial.slice();
    this.shape = [...shape];
    this.dtype = dtype;
  }

  get size(): number {
    return sizeOf(this.shape);
  }
}

/**
 * How networks are computed: one fused kernel a pass, or a tiled matrix product a layer with everything else on its own,
 * which networks that do not fit the fused kernels and those with layer normalisation take anyway.
 */
export const mlpKernels = ['fused', 'tiled'] as const;
/** How networks are computed: a whole network a kernel, or a matrix product a layer. */
export type MlpKernels = (typeof mlpKernels)[number];

/** Choices that recording depends on, given by the device that will run the program. */
export interface RecordingOptions {
  /** How networks are computed; as the device prefers by default. */
  readonly mlp: MlpKernels;
  /** Most buffers that a kernel made of several may bind; 0 keeps them apart. */
  readonly joinedBindings: number;
  /** Whether `fused` networks hand hidden layers on as float16, which loses digits; false when absent. */
  readonly halfHidden?: boolean;
  /** Widest layer of `fused` networks, where a device has no room for more; any when absent. */
  readonly fusedWidth?: number;
}

/** Everything recorded for one program. */
export class Recording {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  private readonly current = new Map<State, Tensor>();
  private readonly known = new Map<string, Node>();
  private draws = 0;

  private ticking = false;

  /** @param clock as {@link clockState} makes it: draws and optimisers read it, the last step advances it */
  constructor(
    readonly options: RecordingOptions,
    private readonly clockState: State,
  ) {}

  /** The clock, which from now on advances with every update. */
  clock(): Tensor {
    this.ticking = true;
    return this.read(this.clockState);
  }

  /** Ends the recording: the clock, if anything read it, advances last, and looks at the losses on the way. */
  finish(): this {
    const scalars = [...this.outputs.values()].filter(
      ({ size, dtype, node: { op } }) =>
        size === 1 && dtype === 'f32' && (op.call ?? op.scalar ?? op.reduction),
    );
    const watched = [...new Set(scalars)].slice(0, TICK_WATCHES);
    if (this.ticking) this.add(tickOp as Op<never>, watched, null, [this.clockState]);
    return this;
  }

  /** The value of a state as of now: after every write recorded so far. */
  read(state: State): Tensor {
    let tensor = this.current.get(state);
    if (!tensor) {
      tensor = outputOf(this.add(stateOp, [], state, []));
      this.current.set(state, tensor);
    }
    return tensor;
  }

  /**
   * Returns the tensor.
   * @throws UsageError when another recording made it: here its number stands for another node
   */
  own(tensor: Tensor, what: string): Tensor {
    requireTensors(what, tensor);
    if (this.nodes[tensor.node.id] === tensor.node) return tensor;
    throw new UsageError(`${what}: ${tensor} belongs to another recording${callSite()}.`, {
      hint: 'Compute it inside this device.compile(...), or pass its values as an input.',
    });
  }

  /** Adds a node, or returns the equal one already there: pure operations are computed once. */
  add(op: Op<never>, inputs: readonly Tensor[], attributes: unknown, writes: readonly State[]): Node {
    for (const [i, tensor] of inputs.entries()) {
      this.own(tensor, op.name);
      if (tensor.dtype !== 'f32' && !op.words?.includes(i))
        throw shapeError(op.name, inputs, `needs f32 tensors, got ${tensor.dtype}`);
    }
    const pure =
      op.scalar !== undefined || op.view !== undefined || op.reduction === true || op.name === 'constant';
    const key = pure
      ? `${op.name}(${inputs.map((t) => `${t.node.id}.${t.index}`)})${stable(attributes)}`
      : '';
    const same = pure ? this.known.get(key) : undefined;
    if (same) return same;
    const types = (op as Op).infer(inputs, attributes);
    // An operation may have an output that is empty.
    for (const { shape } of types) requireExtents(op.name, shape, 0);
    const node: Node = { id: this.nodes.length, op: op as Op, inputs, attributes, outputs: [], writes };
    (node.outputs as Tensor[]).push(...types.map((type, i) => new Tensor(node, i, type.shape, type.dtype)));
    this.nodes.push(node);
    if (pure) this.known.set(key, node);
    for (const state of writes) this.current.delete(state);
    return node;
  }

  /** A number that tells this random draw from the others of the program. */
  nextDraw(): number {
    return this.draws++;
  }
}

/** Attributes as a key; −0 and 0 differ, as 1/x does. */
const stable = (attributes: unknown): string =>
  JSON.stringify(attributes, (_key, value) =>
    typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? Object.is(value, -0)
        ? '-0'
        : String(value)
      : value,
  );

/** The current value of a {@link State}; the attribute is the state itself. */
export const stateOp: Op<State> = {
  name: 'state',
  infer: (_inputs, state) => [{ shape: state.shape, dtype: state.dtype }],
};

/** Scalar outputs that the kernel `tick` can look at. */
const TICK_WATCHES = tick.watches?.length ?? 0;

/** Inputs: scalars to watch. Writes the clock. */
const tickOp: Op<null> = {
  name: 'tick',
  infer: () => [],
  call: ({ node }) => {
    const watched = (i: number): KernelBinding => (i < node.inputs.length ? { input: i } : null);
    return callOf(
      tick,
      {
        clock: { state: node.writes[0] },
        watched0: watched(0),
        watched1: watched(1),
        watched2: watched(2),
        watched3: watched(3),
        watched4: watched(4),
        watched5: watched(5),
      },
      { watched: node.inputs.length, place: node.id },
    );
  },
};

/**
 * A fresh clock for the given seed: an integer from 0 to 2^53 − 1.
 *
 * @param purpose what the draws are for: clocks of different purposes or seeds have no draw in common
 * @returns state [6] u32: the two words of Philox' key, the updates done, 0; then the first update, counted from 1, in which
 *   a number was NaN or infinite, and the place in the program that saw it, both 0 while there was none
 * @throws UsageError when the seed is no such integer
 */
export function clockState(seed: number, name = 'clock', purpose: Purpose = 'plain'): State {
  return new State(name, [6], new Uint32Array([...streamKey(seed, purpose), 0, 0, 0, 0]));
}

let active: Recording | undefined;

/** Runs `body` with every operation recorded into `recording`. */
export function recordInto<T>(recording: Recording, body: () => T): T {
  const outer = active;
  active = recording;
  try {
    return body();
  } finally {
    active = outer;
  }
}

/** @throws UsageError outside of a recording */
export function currentRecording(): Recording {
  if (!active) {
    throw new UsageError('tensor operations must be recorded: call them inside device.compile(...)');
  }
  return active;
}

/** Records a node with one output. */
export function record<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return outputOf(currentRecording().add(op as Op<never>, inputs, attributes, []));
}

/** Records a node with several outputs, or one that writes states. */
export function recordNode<A>(
  op: Op<A>,
  inputs: readonly Tensor[],
  attributes: A,
  writes: readonly State[] = [],
): Node {
  return currentRecording().add(op as Op<never>, inputs, attributes, writes);
}

/** @throws ShapeError unless all extents are whole numbers from `least`, and their product can be counted */
export function requireExtents(what: string, shape: Shape, least = 1): void {
  if (!Array.isArray(shape)) throw new ShapeError(`${what} has no shape: ${shape}${callSite()}`);
  if (shape.every((extent) => Number.isInteger(extent) && extent >= least) && sizeOf(shape) < 2 ** 53) return;
  throw new ShapeError(
    `${what} has shape ${formatShape(shape)}; extents must be whole numbers from ${least}${callSite()}`,
  );
}

/** @throws UsageError unless all are tensors: callers without types may take something else for one */
export function requireTensors(what: string, ...values: readonly unknown[]): void {
  const at = values.findIndex((value) => !(value instanceof Tensor));
  if (at >= 0) throw new UsageError(`${what}: ${quoted(values[at])} is no tensor${callSite()}.`);
}

/** The value of a state at this point of the recording. */
export function read(state: State): Tensor {
  return currentRecording().read(state);
}

/** A {@link ShapeError} that names the operation, what it saw, and the line of user code. */
export function shapeError(op: string, inputs: readonly Tensor[], problem: string): ShapeError {
  const seen = inputs.map((tensor) => formatShape(tensor.shape)).join(', ');
  return new ShapeError(`${op}(${seen}): ${problem}${callSite()}`);
}

/**
 * ` (at file:line:column)` of the first stack frame outside this library; empty when there is none. The library is
 * what lies under the `src` folder of this file when it runs from its sources. Bundled, it is this file and, if
 * anything else is on the stack, its whole folder.
 */
function callSite(): string {
  const place = /((?:file:|https?:|\/|[A-Za-z]:\\)[^()\s]+):(\d+:\d+)/;
  const places = (new Error().stack ?? '').split('\n').flatMap((line): [file: string, position: string][] => {
    const found = place.exec(line);
    return found ? [[found[1], found[2]]] : [];
  });
  const own = places[0]?.[0] ?? '';
  const sources = /^(.*[\\/])tape[\\/]tensor\.[jt]s$/.exec(own)?.[1];
  const folder = sources ?? own.replace(/[^\\/]*$/, '');
  const outside =
    places.find(([file]) => !file.startsWith(folder)) ??
    (sources === undefined ? places.find(([file]) => file !== own) : undefined);
  return outside ? ` (at ${outside.join(':')})` : '';
}
