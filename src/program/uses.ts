import { UsageError } from '../errors.ts';
import { inputOf, type Node, type Recording, type State, stateOp, type Tensor } from '../tape/index.ts';

/** What of a recording is computed at all, who reads what, and until when a value can still be computed. */
export class Uses {
  /** Nodes that an output or a state needs. */
  readonly live = new Set<Node>();
  readonly outputs: ReadonlySet<Tensor>;
  private readonly readers = new Map<Tensor, Node[]>();
  private readonly validUntil = new Map<Tensor, number>();

  /** @throws UsageError when an operation reads a state after the update that replaced it */
  constructor(recording: Recording) {
    this.outputs = new Set(recording.outputs.values());
    this.markLive(recording);
    this.trackStates(recording.nodes.filter((node) => this.live.has(node)));
  }

  /** Whether anything reads the tensor. */
  isUsed(tensor: Tensor): boolean {
    return this.outputs.has(tensor) || this.readers.has(tensor);
  }

  /** The live nodes that read the tensor. */
  readersOf(tensor: Tensor): readonly Node[] {
    return this.readers.get(tensor) ?? [];
  }

  /** Until which node a tensor without a buffer can be computed from its states: the next write of one of these. */
  until(tensor: Tensor): number {
    return this.validUntil.get(tensor) ?? Infinity;
  }

  private markLive(recording: Recording): void {
    const stack = [...this.outputs].map((tensor) => tensor.node);
    for (const node of recording.nodes) if (node.writes.length > 0) stack.push(node);
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (this.live.has(node)) continue;
      this.live.add(node);
      for (const input of node.inputs) {
        const list = this.readers.get(input);
        if (list) list.push(node);
        else this.readers.set(input, [node]);
        stack.push(input.node);
      }
    }
  }

  private trackStates(nodes: readonly Node[]): void {
    const stateWrites = new Map<State, number[]>();
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
        until = stateWrites.get(node.attributes as State)?.find((id) => id > node.id) ?? Infinity;
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
}

/** Whether the tensor is a state, or a view of one. */
function readsState({ node }: Tensor): boolean {
  return node.op === stateOp || (node.op.view !== undefined && readsState(inputOf(node)));
}
