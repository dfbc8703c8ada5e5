import { applyView, contiguousView, isPlain, type View } from '../math/view.ts';
import {
  constantOp,
  inputOf,
  inputOp,
  literalOp,
  type Node,
  outputOf,
  type Recording,
  type State,
  stateOp,
  type Tensor,
  viewOperation,
} from '../tape/index.ts';
import { absorbReductions } from './absorb.ts';
import { Uses } from './uses.ts';

/** Operations in a row that one generated kernel evaluates at most. */
const MAX_DEPTH = 200;

/** A tensor as a view of one that has a buffer. */
export interface Located {
  readonly base: Tensor;
  readonly view: View;
}

/**
 * Decides, for a recording, which tensors get a buffer, and which operations are evaluated inside another's kernel. Steps
 * keep the order of recording, so reads of a state stay before its writes; an operation is never moved past a write of a
 * state it reads.
 */
export class Plan {
  readonly uses: Uses;
  /** Elementwise, reduction and view nodes that get a kernel and a buffer of their own. */
  readonly roots = new Set<Node>();
  /** Reductions evaluated inside the kernel of the elementwise node that finishes them. */
  readonly absorbed: ReadonlyMap<Node, Node>;
  /** Constants, and views of them, that something needs in a buffer: filled once, when the program is loaded. */
  readonly filled = new Map<Node, number>();
  private readonly located = new Map<Tensor, Located>();

  constructor(
    recording: Recording,
    private readonly forced: ReadonlySet<Node>,
  ) {
    for (const node of forced) if (node.op !== constantOp) this.roots.add(node);
    this.uses = new Uses(recording);
    const nodes = recording.nodes.filter((node) => this.uses.live.has(node));
    this.chooseRoots(nodes);
    this.placeViews(nodes);
    this.absorbed = absorbReductions(nodes, this.uses, this.roots);
  }

  /** The tensor as a view of a buffer; `undefined` when it is evaluated inside its consumers. */
  locate(tensor: Tensor): Located | undefined {
    const known = this.located.get(tensor);
    if (known) return known;
    const { node } = tensor;
    if (node.op === constantOp && !this.filled.has(node)) return undefined;
    if (this.hasBuffer(tensor)) return { base: tensor, view: contiguousView(tensor.shape) };
    if (!node.op.view) return undefined;
    const inner = this.locate(inputOf(node));
    const view = inner && applyView(inner.view, viewOperation(node));
    return inner && view ? { base: inner.base, view } : undefined;
  }

  private hasBuffer({ node }: Tensor): boolean {
    const { op } = node;
    return this.isComputed(node) || op === stateOp || op === inputOp || op === literalOp;
  }

  private chooseRoots(nodes: readonly Node[]): void {
    const groups = new Map<Node, ReadonlySet<Node>>();
    const depths = new Map<Node, number>();
    for (const node of [...nodes].reverse()) {
      const elementwise = node.op.scalar !== undefined;
      const users = node.outputs.flatMap((output) => this.uses.readersOf(output));
      const depth = Number(elementwise) + Math.max(0, ...users.map((user) => depths.get(user) ?? 0));
      if (!node.op.call && !node.op.reduction) depths.set(node, depth % MAX_DEPTH);
      if (node.op === stateOp && this.isReadLate(outputOf(node), groups)) this.roots.add(node);
      if (!elementwise && node.op !== constantOp) continue;
      const output = outputOf(node);
      const into = new Set<Node>();
      const mustStand =
        this.uses.outputs.has(output) || this.forced.has(node) || this.collectGroups(output, groups, into);
      const late = [...into].some((root) => root.id > this.uses.until(output));
      const shared = into.size > 1 && (!isCheap(node) || this.isCompared(output));
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
   * Whether the tensor, or a view of it, is compared: the derivatives of maximum and minimum look for what they found in
   * it. What is stored is rounded, so nothing computed anew might equal it.
   */
  private isCompared(tensor: Tensor): boolean {
    return this.uses
      .readersOf(tensor)
      .some(
        (node) =>
          node.op.name === 'equal' ||
          node.op.name === 'greater' ||
          (node.op.view !== undefined && this.isCompared(outputOf(node))),
      );
  }

  /** Whether the value of a state is read after the next write: it is copied before. */
  private isReadLate(value: Tensor, groups: ReadonlyMap<Node, ReadonlySet<Node>>): boolean {
    return this.lastUse(value, groups) > this.uses.until(value);
  }

  /** The last node that reads the buffer of a state for this value of it, through views or not. */
  private lastUse(tensor: Tensor, groups: ReadonlyMap<Node, ReadonlySet<Node>>): number {
    let last = -1;
    for (const node of this.uses.readersOf(tensor)) {
      last = Math.max(last, node.id);
      if (node.op.view) last = Math.max(last, this.lastUse(outputOf(node), groups));
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
    for (const node of this.uses.readersOf(tensor)) {
      if (node.op.reduction) into.add(node);
      else if (node.op.scalar) for (const root of groups.get(node) ?? []) into.add(root);
      else if (node.op.view) {
        const { kind } = viewOperation(node);
        const output = outputOf(node);
        if (this.uses.outputs.has(output)) return true;
        const movesIndices = kind === 'reshape' || kind === 'pad';
        if (movesIndices && tensor.node.op !== constantOp) return true;
        if (kind === 'pad' || this.collectGroups(output, groups, into)) return true;
      } else return true;
    }
    return false;
  }

  /** Resolves views from the sources on; a view that no kernel can read as it lies becomes a copy. */
  private placeViews(nodes: readonly Node[]): void {
    for (const node of nodes) {
      if (node.op.view && !this.roots.has(node) && this.needsCopy(node)) {
        const value = constantUnder(outputOf(node));
        if (value !== undefined) this.filled.set(node, value);
        else {
          // Over a copy of its input, laid out row by row, every view can be had.
          this.roots.add(inputOf(node).node);
          this.relocate(inputOf(node));
        }
      }
      for (const output of node.outputs) {
        const place = this.locate(output);
        if (place) this.located.set(output, place);
      }
      if (!node.op.call) continue;
      node.inputs.forEach((input, index) => {
        const place = this.locate(input);
        // A kernel never reads by one binding what it writes by another: WebGPU has no such thing.
        const written =
          place?.base.node.op === stateOp && node.writes.includes(place.base.node.attributes as State);
        if (place && !written && this.readable(node, index, place.view)) return;
        this.giveBuffer(input);
      });
    }
    // A state or input that is itself an output is copied where it was read: its buffer changes later.
    for (const output of this.uses.outputs) {
      const place = this.locate(output);
      const whole = place && isPlain(place.view) && place.base.size === output.size;
      if (!whole || !this.isComputed(place.base.node)) this.giveBuffer(output);
    }
  }

  /** Whether a node that has a buffer puts its own results there. */
  private isComputed(node: Node): boolean {
    return (
      this.roots.has(node) ||
      this.filled.has(node) ||
      node.op.call !== undefined ||
      node.op.reduction === true
    );
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
    const inner = this.locate(inputOf(node));
    return inner !== undefined && applyView(inner.view, viewOperation(node)) === undefined;
  }

  private readable(node: Node, index: number, view: View): boolean {
    const { accepts } = node.op;
    if (accepts) return accepts(index, view, node.attributes);
    return isPlain(view);
  }
}

/** The number that every element of a constant, or of a view of one, has. */
function constantUnder({ node }: Tensor): number | undefined {
  if (node.op === constantOp) return node.attributes as number;
  return node.op.view && viewOperation(node).kind !== 'pad' ? constantUnder(inputOf(node)) : undefined;
}

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
