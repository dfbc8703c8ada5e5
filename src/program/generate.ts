import { at } from '../math/items.ts';
import { sameShape } from '../math/shape.ts';
import { applyView, contiguousView, type View, type ViewOperation } from '../math/view.ts';
import {
  constantOp,
  type ElementwiseName,
  inputOf,
  type Node,
  outputOf,
  type Reduction,
  type Tensor,
  viewOperation,
} from '../tape/index.ts';
import type { Plan } from './plan.ts';
import type { Expression, GeneratedKernel } from './program.ts';

/** Storage buffers a kernel may bind: WebGPU's default limit for a stage. */
export const MAX_BINDINGS = 8;

/** Thrown inside lowering when a generated kernel would bind too many buffers: that node gets a buffer and we retry. */
export class TooWide {
  constructor(readonly node: Node) {}
}

/** A generated kernel with the buffers its inputs view. */
export interface Built {
  readonly generated: GeneratedKernel;
  readonly inputBuffers: readonly number[];
  readonly label: string;
}

/** The iteration space of a reduction: the axes of its finisher's result, then the reduced ones. */
export function reductionSpace(
  node: Node,
  keptShape: readonly number[],
): { shape: number[]; reducedAxes: number; chain: ViewOperation[] } {
  const { axes } = node.attributes as Reduction;
  const extents = [...inputOf(node).shape.entries()];
  const dropped = extents.filter(([, extent]) => extent === 1);
  const kept = extents.filter(([axis, extent]) => extent !== 1 && !axes.includes(axis));
  const reduced = axes.map((axis) => at(extents, axis, 'axis')).filter(([, extent]) => extent !== 1);
  const axesOf = (list: typeof extents) => list.map(([axis]) => axis);
  const shapeOf = (list: typeof extents) => list.map(([, extent]) => extent);
  const shape = [...keptShape, ...shapeOf(reduced)];
  const chain: ViewOperation[] = [
    { kind: 'transpose', permutation: axesOf([...kept, ...reduced, ...dropped]) },
    { kind: 'reshape', shape: shapeOf([...kept, ...reduced]) },
    // Extents of 1 in the result's shape come back here, so that what is loaded with it has the same axes.
    { kind: 'reshape', shape },
  ];
  return { shape, reducedAxes: reduced.length, chain };
}

/** Builds the expression list of one generated kernel, loading every distinct view of a buffer once. */
export class Body {
  list: Expression[] = [];
  private inputs: View[] = [];
  private inputBuffers: number[] = [];
  private known = new Map<string, number>();
  private visited = new Map<string, number>();
  private names: string[] = [];
  private reduced: ReadonlyMap<Tensor, number> = new Map();

  constructor(
    private readonly plan: Plan,
    private readonly buffer: (tensor: Tensor) => number,
    private readonly source: (tensor: Tensor) => number,
    private readonly root: Node,
  ) {}

  /** Another list over the same inputs, evaluated once a result. */
  startResult(reduced: ReadonlyMap<Tensor, number>): Body {
    const result = new Body(this.plan, this.buffer, this.source, this.root);
    result.inputs = this.inputs;
    result.inputBuffers = this.inputBuffers;
    result.names = this.names;
    result.reduced = reduced;
    return result;
  }

  /** The value of the kernel's own node: its operation, a copied view, or a copied state or input. */
  rootValue(node: Node): number {
    if (node.op.scalar) return this.operation(node, []);
    if (node.op.view) return this.value(inputOf(node), [viewOperation(node)]);
    const output = outputOf(node);
    return this.load(this.source(output), contiguousView(output.shape));
  }

  /** The value of `tensor` after the view operations of `chain`, in order. */
  value(tensor: Tensor, chain: readonly ViewOperation[]): number {
    // A shared operand is visited once, or diamonds in a row would double the work each.
    const key = `${tensor.node.id}.${tensor.index} ${JSON.stringify(chain)}`;
    const known = this.visited.get(key) ?? this.evaluate(tensor, chain);
    this.visited.set(key, known);
    return known;
  }

  private evaluate(tensor: Tensor, chain: readonly ViewOperation[]): number {
    const { node } = tensor;
    if (node.op === constantOp && !chain.some((operation) => operation.kind === 'pad')) {
      return this.push({ kind: 'literal', value: node.attributes as number });
    }
    const place = this.plan.locate(tensor);
    // A view of an absorbed reduction: its elements keep their order, or it would not be absorbed.
    const folded = place && this.reduced.get(place.base);
    if (folded !== undefined) return this.push({ kind: 'reduced', index: folded });
    if (place) {
      let view: View | undefined = place.view;
      for (const operation of chain) view = view && applyView(view, operation);
      if (view) return this.load(this.buffer(place.base), view);
      throw new TooWide(node);
    }
    if (node.op.view) return this.value(inputOf(node), [viewOperation(node), ...chain]);
    return this.operation(node, chain);
  }

  private operation(node: Node, chain: readonly ViewOperation[]): number {
    const { shape } = outputOf(node);
    if (node !== this.root) this.guardWidth(node);
    const operands = node.inputs.map((input) =>
      this.value(input, sameShape(input.shape, shape) ? chain : [{ kind: 'broadcast', shape }, ...chain]),
    );
    this.names.push(node.op.name);
    return this.push({ kind: 'operation', op: node.op.name as ElementwiseName, arguments: operands });
  }

  private load(buffer: number, view: View): number {
    const key = `${buffer}:${JSON.stringify(view)}`;
    let input = this.inputs.findIndex(
      (other, i) => `${this.inputBuffers[i]}:${JSON.stringify(other)}` === key,
    );
    if (input < 0) {
      this.inputs.push(view);
      this.inputBuffers.push(buffer);
      input = this.inputs.length - 1;
    }
    return this.push({ kind: 'load', input });
  }

  /** Gives an inner operation its own kernel when this one already binds as many buffers as it may. */
  private guardWidth(node: Node): void {
    if (
      new Set(this.inputBuffers).size + leafBuffers(node, this.plan) > MAX_BINDINGS - 1 &&
      leafBuffers(node, this.plan) > 1
    ) {
      throw new TooWide(node);
    }
  }

  private push(expression: Expression): number {
    const key = JSON.stringify(expression, (_k, v) =>
      typeof v === 'number' && !Number.isFinite(v) ? String(v) : Object.is(v, -0) ? '-0' : v,
    );
    const same = this.known.get(key);
    if (same !== undefined) return same;
    this.list.push(expression);
    this.known.set(key, this.list.length - 1);
    return this.list.length - 1;
  }

  finish(generated: Omit<GeneratedKernel, 'inputs'>): Built {
    const label =
      this.names.length > 3
        ? `${this.names.slice(-3).join('∘')}…${this.names.length}`
        : this.names.join('∘') || (generated.reductions[0]?.kind ?? 'copy');
    if (new Set(this.inputBuffers).size > MAX_BINDINGS - 1)
      throw new TooWide(firstInlined(this.root, this.plan));
    return { generated: { ...generated, inputs: this.inputs }, inputBuffers: this.inputBuffers, label };
  }
}

/** Distinct buffers that the expression of `node` loads. */
function leafBuffers(node: Node, plan: Plan): number {
  const bases = new Set<Tensor>();
  for (const inner of inlinedUnder(node, plan)) {
    for (const input of inner.inputs) {
      const place = plan.locate(input);
      if (place) bases.add(place.base);
    }
  }
  return bases.size;
}

/** A node with all that is evaluated inside its kernel. */
function inlinedUnder(node: Node, plan: Plan): Set<Node> {
  const nodes = new Set([node]);
  for (const inner of nodes) for (const input of inner.inputs) if (!plan.locate(input)) nodes.add(input.node);
  return nodes;
}

/** The largest inlined operation under `root`: the best one to give a buffer when the kernel is too wide. */
function firstInlined(root: Node, plan: Plan): Node {
  let best: Node | undefined;
  let most = 1;
  for (const node of inlinedUnder(root, plan)) {
    const leaves = node !== root && node.op.scalar ? leafBuffers(node, plan) : 0;
    if (leaves > most && leaves < MAX_BINDINGS) {
      best = node;
      most = leaves;
    }
  }
  // Else one of the reductions that it finishes gets a kernel of its own.
  best ??= [...plan.absorbed].find(([, finisher]) => finisher === root)?.[0];
  if (!best) throw new Error(`cannot split ${root.outputs[0]} into kernels of ${MAX_BINDINGS} bindings`);
  return best;
}
