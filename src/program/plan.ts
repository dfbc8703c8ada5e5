import { UsageError } from '../errors.ts';
import { sameShape } from '../math/shape.ts';
import {
  applyView,
  contiguousView,
  isContiguous,
  isPlain,
  type View,
  type ViewOperation,
} from '../math/view.ts';
import {
  constantOp,
  inputOp,
  literalOp,
  type Node,
  type Recording,
  type Reduction,
  stateOp,
  type Tensor,
} from '../tape/index.ts';

/** Operations in a row that one generated kernel evaluates at most. */
const MAX_DEPTH = 200;

/** A tensor as a view of one that has a buffer. */
export interface Located {
  readonly base: Tensor;
  readonly view: View;
}

/**
 * Decides, for a recording, what is computed at all, which tensors get a buffer, and which operations are
 * evaluated inside another's kernel. Steps keep the order of recording, so reads of a state stay before its
 * writes; an operation is never moved past a write of a state it reads.
 */
export class Plan {
  readonly live = new Set<Node>();
  readonly used = new Set<Tensor>();
  /** Elementwise, reduction and view nodes that get a kernel and a buffer of their own. */
  readonly roots = new Set<Node>();
  /** Reductions evaluated inside the kernel of the elementwise node that finishes them. */
  readonly absorbed = new Map<Node, Node>();
  /** Constants, and views of them, that something needs in a buffer: filled once, when the program is loaded. */
  readonly filled = new Map<Node, number>();
  private readonly consumers = new Map<Tensor, { node: Node; index: number }[]>();
  private readonly validUntil = new Map<Tensor, number>();
  private readonly located = new Map<Tensor, Located>();
  private readonly outputs: ReadonlySet<Tensor>;

  constructor(
    recording: Recording,
    private readonly forced: ReadonlySet<Node>,
  ) {
    this.outputs = new Set(recording.outputs.values());
    for (const node of forced) if (node.op !== constantOp) this.roots.add(node);
    this.markLive(recording);
    const nodes = recording.nodes.filter((node) => this.live.has(node));
    this.trackStates(nodes);
    this.chooseRoots(nodes);
    this.placeViews(nodes);
    this.absorbReductions(nodes);
  }

  /** The tensor as a view of a buffer; `undefined` when it is evaluated inside its consumers. */
  locate(tensor: Tensor): Located | undefined {
    const known = this.located.get(tensor);
    if (known) return known;
    const { node } = tensor;
    if (node.op === constantOp && !this.filled.has(node)) return undefined;
    if (this.hasBuffer(tensor)) return { base: tensor, view: contiguousView(tensor.shape) };
    if (!node.op.view) return undefined;
    const inner = this.locate(node.inputs[0]);
    const view = inner && applyView(inner.view, viewOperation(node));
    return inner && view ? { base: inner.base, view } : undefined;
  }

  hasBuffer(tensor: Tensor): boolean {
    const { op } = tensor.node;
    if (this.roots.has(tensor.node) || this.filled.has(tensor.node)) return true;
    return (
      op === stateOp || op === inputOp || op === literalOp || op.call !== undefined || op.reduction === true
    );
  }

  private markLive(recording: Recording): void {
    const stack = [...this.outputs].map((tensor) => tensor.node);
    for (const node of recording.nodes) if (node.writes.length > 0) stack.push(node);
    for (const tensor of this.outputs) this.used.add(tensor);
    while (stack.length > 0) {
      const node = stack.pop() as Node;
      if (this.live.has(node)) continue;
      this.live.add(node);
      node.inputs.forEach((input, index) => {
        this.used.add(input);
        const list = this.consumers.get(input);
        if (list) list.push({ node, index });
        else this.consumers.set(input, [{ node, index }]);
        stack.push(input.node);
      });
    }
  }

  /** Until which node the value of each unmaterialised tensor can still be computed from its states. */
  private trackStates(nodes: readonly Node[]): void {
    const stateWrites = new Map<unknown, number[]>();
    for (const node of nodes) {
      for (const state of node.writes) {
        const list = stateWrites.get(state);
        if (list) list.push(node.id);
        else stateWrites.set(state, [node.id]);
      }
    }
    for (const node of nodes) {
      const { op } = node;
      let until = Infinity;
      if (op === stateOp) {
        until = stateWrites.get(node.attributes)?.find((id) => id > node.id) ?? Infinity;
      } else if (op.scalar || op.view) {
        for (const input of node.inputs) until = Math.min(until, this.until(input));
      }
      for (const output of node.outputs) this.validUntil.set(output, until);
      const stale = node.inputs.find((input) => readsState(input) && this.until(input) < node.id);
      if (stale && op.call && node.writes.length === 0) {
        throw new UsageError(
          `${op.name} reads ${stale} after the state it depends on was updated; record the gradient before the optimiser's step, or read the state again`,
        );
      }
    }
  }

  private until(tensor: Tensor): number {
    return this.validUntil.get(tensor) ?? Infinity;
  }

  private chooseRoots(nodes: readonly Node[]): void {
    const groups = new Map<Node, ReadonlySet<Node>>();
    const depths = new Map<Node, number>();
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i];
      const elementwise = node.op.scalar !== undefined;
      const users = node.outputs.flatMap((output) => this.consumers.get(output) ?? []);
      const depth = Number(elementwise) + Math.max(0, ...users.map((user) => depths.get(user.node) ?? 0));
      if (!node.op.call && !node.op.reduction) depths.set(node, depth % MAX_DEPTH);
      if (node.op === stateOp && this.lastUse(node.outputs[0], groups) > this.until(node.outputs[0]))
        this.roots.add(node); // the value as of now is copied before the write
      if (!elementwise && node.op !== constantOp) continue;
      const output = node.outputs[0];
      const into = new Set<Node>();
      const mustStand =
        this.outputs.has(output) || this.forced.has(node) || this.collectGroups(output, groups, into);
      const late = [...into].some((root) => root.id > this.until(output));
      const shared = into.size > 1 && (!isCheap(node) || this.meetsItsExtreme(output));
      if (node.op === constantOp) {
        if (mustStand) this.filled.set(node, node.attributes as number);
        groups.set(node, into);
      } else if (mustStand || late || shared || depth >= MAX_DEPTH) {
        this.roots.add(node);
        groups.set(node, new Set([node]));
        depths.set(node, 0);
      } else groups.set(node, into);
    }
  }

  /**
   * Whether the tensor is compared with its own maximum or minimum, or with itself by another way, as their derivatives
   * do. What is stored is rounded, so nothing computed anew might equal it.
   */
  private meetsItsExtreme(tensor: Tensor): boolean {
    const users = (this.consumers.get(tensor) ?? []).map(({ node }) => node);
    if (users.some(({ op }) => op.name === 'equal' || op.name === 'greater')) return true;
    const extreme = users.some(
      ({ op, attributes }) => op.reduction && ['max', 'min'].includes((attributes as Reduction).kind),
    );
    if (extreme && users.some(({ op }) => op.name === 'equal')) return true;
    return users.some(({ op, outputs }) => op.view !== undefined && this.meetsItsExtreme(outputs[0]));
  }

  /** The last node that reads the buffer of a state for this value of it, through views or not. */
  private lastUse(tensor: Tensor, groups: ReadonlyMap<Node, ReadonlySet<Node>>): number {
    let last = -1;
    for (const { node } of this.consumers.get(tensor) ?? []) {
      last = Math.max(last, node.id);
      if (node.op.view) last = Math.max(last, this.lastUse(node.outputs[0], groups));
      for (const root of groups.get(node) ?? []) last = Math.max(last, root.id);
    }
    return last;
  }

  /** Collects the kernels that would evaluate `tensor`; true when it must have a buffer instead. */
  private collectGroups(
    tensor: Tensor,
    groups: ReadonlyMap<Node, ReadonlySet<Node>>,
    into: Set<Node>,
  ): boolean {
    for (const { node } of this.consumers.get(tensor) ?? []) {
      if (node.op.reduction) into.add(node);
      else if (node.op.scalar) for (const root of groups.get(node) ?? []) into.add(root);
      else if (node.op.view) {
        const { kind } = viewOperation(node);
        if (this.outputs.has(node.outputs[0])) return true;
        const movesIndices = kind === 'reshape' || kind === 'pad';
        if (movesIndices && tensor.node.op !== constantOp) return true;
        if (kind === 'pad' || this.collectGroups(node.outputs[0], groups, into)) return true;
      } else return true;
    }
    return false;
  }

  /** Resolves views from the sources on; a view that no kernel can read as it lies becomes a copy. */
  private placeViews(nodes: readonly Node[]): void {
    for (const node of nodes) {
      if (node.op.view && !this.roots.has(node) && this.needsCopy(node)) {
        const value = constantUnder(node.outputs[0]);
        if (value !== undefined) this.filled.set(node, value);
        else {
          // Over a copy of its input, laid out row by row, every view can be had.
          this.roots.add(node.inputs[0].node);
          this.relocate(node.inputs[0]);
        }
      }
      for (const output of node.outputs) {
        const place = this.locate(output);
        if (place) this.located.set(output, place);
      }
      if (!node.op.call) continue;
      node.inputs.forEach((input, index) => {
        const place = this.locate(input);
        if (place && this.readable(node, index, place.view)) return;
        this.giveBuffer(input);
      });
    }
    // A state or input that is itself an output is copied where it was read: its buffer changes later.
    for (const output of this.outputs) {
      const place = this.locate(output);
      const own = place && this.roots.has(place.base.node);
      const computed =
        place &&
        (place.base.node.op.call !== undefined ||
          place.base.node.op.reduction === true ||
          this.filled.has(place.base.node));
      if (
        !place ||
        !(own || computed) ||
        !isContiguous(place.view) ||
        place.view.offset !== 0 ||
        place.base.size !== output.size
      ) {
        this.giveBuffer(output);
      }
    }
  }

  private giveBuffer(tensor: Tensor): void {
    const value = constantUnder(tensor);
    if (value === undefined) this.roots.add(tensor.node);
    else this.filled.set(tensor.node, value);
    this.relocate(tensor);
  }

  private relocate(tensor: Tensor): void {
    this.located.set(tensor, { base: tensor, view: contiguousView(tensor.shape) });
  }

  private needsCopy(node: Node): boolean {
    const inner = this.locate(node.inputs[0]);
    return inner !== undefined && applyView(inner.view, viewOperation(node)) === undefined;
  }

  private readable(node: Node, index: number, view: View): boolean {
    const { accepts } = node.op;
    if (accepts) return accepts(index, view, node.attributes);
    return isPlain(view);
  }

  /** A reduction whose only use is one elementwise kernel over its results is finished inside that kernel. */
  private absorbReductions(nodes: readonly Node[]): void {
    const finisherOf = (tensor: Tensor): Node | undefined => {
      if (this.outputs.has(tensor)) return undefined;
      let only: Node | undefined;
      for (const { node } of this.consumers.get(tensor) ?? []) {
        let next: Node | undefined;
        if (this.roots.has(node)) next = node.op.scalar ? node : undefined;
        else if (node.op.scalar || node.op.view) next = finisherOf(node.outputs[0]);
        if (!next || (only && only !== next)) return undefined;
        only = next;
      }
      return only;
    };
    const bodies = new Map<Node, Node>();
    for (const node of nodes) {
      if (!node.op.reduction || this.roots.has(node)) continue;
      const finisher = finisherOf(node.outputs[0]);
      if (!finisher || finisher.id > this.until(node.inputs[0])) continue;
      const compact = (shape: readonly number[]) => shape.filter((extent) => extent !== 1);
      if (!sameShape(compact(node.outputs[0].shape), compact(finisher.outputs[0].shape))) continue;
      if (!this.keepsOrder(node.outputs[0], finisher)) continue;
      const first = bodies.get(finisher);
      if (first && !sameReduction(first, node)) continue;
      bodies.set(finisher, node);
      this.absorbed.set(node, finisher);
    }
  }

  /** Whether every path from the reduction to its finisher leaves its elements in their order. */
  private keepsOrder(tensor: Tensor, finisher: Node): boolean {
    return (this.consumers.get(tensor) ?? []).every(({ node }) => {
      if (node === finisher) return true;
      if (node.op.view) {
        const { kind } = viewOperation(node);
        const same =
          node.outputs[0].size === tensor.size &&
          (kind === 'reshape' || kind === 'alias' || kind === 'broadcast');
        return same && this.keepsOrder(node.outputs[0], finisher);
      }
      return node.outputs[0].size === tensor.size && this.keepsOrder(node.outputs[0], finisher);
    });
  }
}

export const viewOperation = (node: Node): ViewOperation =>
  (node.op.view as NonNullable<typeof node.op.view>)(node.attributes, node.inputs);

/** Whether the tensor is a state, or a view of one. */
function readsState(tensor: Tensor): boolean {
  const { op, inputs } = tensor.node;
  return op === stateOp || (op.view !== undefined && readsState(inputs[0]));
}

/** The number that every element of a constant, or of a view of one, has. */
function constantUnder({ node }: Tensor): number | undefined {
  if (node.op === constantOp) return node.attributes as number;
  return node.op.view && viewOperation(node).kind !== 'pad' ? constantUnder(node.inputs[0]) : undefined;
}

const sameReduction = (a: Node, b: Node): boolean =>
  sameShape(a.inputs[0].shape, b.inputs[0].shape) && sameShape(a.outputs[0].shape, b.outputs[0].shape);

const cheapOps = new Set([
  'neg',
  'add',
  'sub',
  'mul',
  'greater',
  'greaterEqual',
  'equal',
  'square',
  'sign',
  'abs',
]);

/** Cheaper to compute twice than to store and load. */
function isCheap(node: Node): boolean {
  return cheapOps.has(node.op.name) && node.inputs.every((input) => !input.node.op.scalar);
}
