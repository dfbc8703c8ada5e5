import { kernelSpec } from '../kernels/index.ts';
import { formatShape } from '../math/shape.ts';
import {
  type Input,
  inputOf,
  inputOp,
  type Literal,
  literalOp,
  type Node,
  outputOf,
  type Recording,
  type Reduction,
  type State,
  stateOp,
  type Tensor,
} from '../tape/index.ts';
import { assignSlots } from './arena.ts';
import type { Draft, DraftBuffer, Interface } from './draft.ts';
import { Body, type Built, reductionSpace, TooWide } from './generate.ts';
import { runPasses } from './passes/index.ts';
import type { Stage } from './passes/pass.ts';
import { type Located, Plan } from './plan.ts';
import {
  generatedLabel,
  Program,
  type ProgramBuffer,
  type ProgramPort,
  type Step,
  withBuffers,
} from './program.ts';

/**
 * Lowers a recording to a program: dead operations dropped, elementwise chains generated into the kernels that use
 * them, one step a kernel in recording order; then the passes; then temporaries placed by lifetime, and work counted.
 *
 * @param onStage gets a listing after each pass
 * @throws UsageError when an operation reads a state after the update that replaced it
 */
export function lower(recording: Recording, onStage?: (stage: Stage) => void): Program {
  const { draft, ...known } = draftOf(recording);
  return finish(runPasses(draft, recording.options, onStage), known);
}

function draftOf(recording: Recording): Interface & { readonly draft: Draft } {
  const forced = new Set<Node>();
  for (;;) {
    try {
      return new Lowering(recording, new Plan(recording, forced)).draft();
    } catch (problem) {
      if (!(problem instanceof TooWide)) throw problem;
      if (forced.has(problem.node)) throw new Error(`${problem.node.outputs[0]} cannot be lowered`);
      forced.add(problem.node);
    }
  }
}

/** Gives temporaries their slots, and leaves out what needs no memory since merged kernels pass it on inside themselves. */
function finish(draft: Draft, { inputs, outputs, states }: Interface): Program {
  const { slots, slotOf } = assignSlots(draft);
  const kept = [...draft.buffers.entries()].filter(
    ([i, { kind }]) => kind !== 'temporary' || (slotOf[i] ?? -1) >= 0,
  );
  const renumbered = new Map(kept.map(([old], i) => [old, i]));
  const at = (buffer: number) => renumbered.get(buffer) ?? -1;
  const buffers = kept.map(
    ([i, buffer]) => (buffer.kind === 'temporary' ? { ...buffer, slot: slotOf[i] } : buffer) as ProgramBuffer,
  );
  const steps = draft.steps.map((step) => withBuffers(step, at));
  const moved = (ports: Interface['inputs']) =>
    new Map([...ports].map(([name, port]) => [name, { ...port, buffer: at(port.buffer) }]));
  return new Program(steps, buffers, slots, moved(inputs), moved(outputs), states);
}

class Lowering {
  private readonly buffers: DraftBuffer[] = [];
  private readonly bufferOf = new Map<Tensor | State, number>();
  private readonly sourceOf = new Map<Node, number>();
  private readonly steps: Step[] = [];
  private readonly outputs: ReadonlySet<Tensor>;

  constructor(
    private readonly recording: Recording,
    private readonly plan: Plan,
  ) {
    const bases = [...recording.outputs.values()].map((tensor) => plan.locate(tensor)?.base ?? tensor);
    this.outputs = new Set(bases);
  }

  draft(): Interface & { readonly draft: Draft } {
    for (const node of this.recording.nodes) {
      if (!this.plan.uses.live.has(node)) continue;
      if (node.op.call) this.emitCall(node);
      else if (node.op.reduction) {
        if (!this.plan.absorbed.has(node)) this.emitGenerated(node);
        else if (this.plan.roots.has(node))
          throw new Error(`absorbed reduction ${node.outputs[0]} needs a buffer`);
      } else if (this.plan.roots.has(node)) this.emitGenerated(node);
    }
    const { inputs, outputs } = this.recording;
    const buffersOf = (tensors: ReadonlyMap<string, Tensor>, of: (tensor: Tensor) => number) =>
      new Map([...tensors].map(([name, tensor]) => [name, of(tensor)]));
    const inputBuffers = buffersOf(inputs, (tensor) => this.source(tensor));
    const outputBuffers = buffersOf(outputs, (tensor) =>
      this.buffer(this.plan.locate(tensor)?.base ?? tensor),
    );
    const states = [...this.bufferOf.keys()].filter((key): key is State => !('node' in key));
    return {
      draft: { steps: this.steps, buffers: this.buffers },
      inputs: ports(inputs, inputBuffers),
      outputs: ports(outputs, outputBuffers),
      states,
    };
  }

  // ---- buffers ------------------------------------------------------------------------------------

  /** The buffer that holds a tensor: of a state, an input or a literal its copy, if the plan has one made. */
  private buffer(tensor: Tensor): number {
    const { node } = tensor;
    if (isSource(node) && !this.plan.roots.has(node)) return this.source(tensor);
    const known = this.bufferOf.get(tensor);
    if (known !== undefined) return known;
    const name = `%${node.id}${node.outputs.length > 1 ? `.${tensor.index}` : ''}`;
    const common = { name, count: Math.max(1, tensor.size), dtype: tensor.dtype };
    const value = this.plan.filled.get(node);
    return this.addBuffer(
      tensor,
      value === undefined
        ? { ...common, kind: this.outputs.has(tensor) ? 'output' : 'temporary' }
        : { ...common, kind: 'literal', values: new Float64Array(common.count).fill(value) },
    );
  }

  /** The buffer of a state, an input or a literal itself. */
  private source(tensor: Tensor): number {
    const { node } = tensor;
    if (node.op === stateOp) return this.stateBuffer(node.attributes as State);
    const known = this.sourceOf.get(node);
    if (known !== undefined) return known;
    const common = { count: Math.max(1, tensor.size), dtype: tensor.dtype };
    this.buffers.push(
      node.op === inputOp
        ? { ...common, kind: 'input', name: (node.attributes as { name: string }).name }
        : { ...common, kind: 'literal', name: `%${node.id}`, values: (node.attributes as Literal).values },
    );
    this.sourceOf.set(node, this.buffers.length - 1);
    return this.buffers.length - 1;
  }

  private stateBuffer(state: State): number {
    const known = this.bufferOf.get(state);
    if (known !== undefined) return known;
    return this.addBuffer(state, {
      kind: 'state',
      state,
      name: state.name,
      count: Math.max(1, state.size),
      dtype: state.dtype,
    });
  }

  private addBuffer(key: Tensor | State, draft: DraftBuffer): number {
    this.buffers.push(draft);
    this.bufferOf.set(key, this.buffers.length - 1);
    return this.buffers.length - 1;
  }

  // ---- hand-written kernels -----------------------------------------------------------------------

  private emitCall(node: Node): void {
    const place = (i: number): Located => {
      const found = this.plan.locate(inputOf(node, i));
      if (!found) throw new Error(`${node.op.name}#${node.id}: input ${i} has no buffer`);
      return found;
    };
    const live = (i: number) => this.plan.uses.isUsed(outputOf(node, i));
    const call = node.op.call?.({ node, attributes: node.attributes, view: (i) => place(i).view, live });
    if (!call) return;
    const spec = kernelSpec(call.kernel);
    const buffers = spec.bindings.map(({ name }) => {
      const binding = call.bindings[name];
      if (!binding) return -1;
      if ('state' in binding) return this.stateBuffer(binding.state);
      if ('input' in binding) return this.buffer(place(binding.input).base);
      return live(binding.output) ? this.buffer(outputOf(node, binding.output)) : -1;
    });
    this.steps.push({
      kind: 'kernel',
      kernel: call.kernel,
      label: node.op.name,
      params: call.params,
      buffers,
      shapes: `${node.inputs.map((input) => formatShape(input.shape)).join(' ')} → ${node.outputs
        .filter((_, i) => live(i))
        .map((output) => formatShape(output.shape))
        .join(' ')}`,
    });
  }

  // ---- generated kernels --------------------------------------------------------------------------

  private emitGenerated(node: Node): void {
    const { generated, inputBuffers, label } = node.op.reduction
      ? this.buildReduction(node)
      : this.buildElementwise(node);
    const buffers = [...inputBuffers, this.buffer(outputOf(node))];
    this.steps.push({ kind: 'generated', label, generated, buffers, shapes: generatedLabel(generated) });
  }

  private body(root: Node): Body {
    return new Body(
      this.plan,
      (tensor) => this.buffer(tensor),
      (tensor) => this.source(tensor),
      root,
    );
  }

  private buildElementwise(node: Node): Built {
    const { shape } = outputOf(node);
    const reductions = [...this.plan.absorbed].flatMap(([reduction, finisher]) =>
      finisher === node ? [reduction] : [],
    );
    const [first] = reductions;
    const body = this.body(node);
    if (!first) {
      const value = body.rootValue(node);
      return body.finish({
        ...{ shape, reducedAxes: 0 },
        ...{ element: body.list, reductions: [], result: [], outputs: [value] },
      });
    }
    const { chain, ...space } = reductionSpace(first, shape);
    const folds = reductions.map((reduction) => ({
      kind: (reduction.attributes as Reduction).kind,
      value: body.value(inputOf(reduction), chain),
    }));
    const element = body.list;
    const result = body.startResult(
      new Map(reductions.map((reduction, index) => [outputOf(reduction), index])),
    );
    const value = result.rootValue(node);
    return body.finish({
      ...space,
      ...{ element, reductions: folds, result: result.list, outputs: [value] },
    });
  }

  private buildReduction(node: Node): Built {
    const { chain, ...space } = reductionSpace(node, outputOf(node).shape);
    const body = this.body(node);
    const value = body.value(inputOf(node), chain);
    return body.finish({
      ...space,
      element: body.list,
      reductions: [{ kind: (node.attributes as Reduction).kind, value }],
      result: [{ kind: 'reduced', index: 0 }],
      outputs: [0],
    });
  }
}

const ports = (
  tensors: ReadonlyMap<string, Tensor>,
  buffers: ReadonlyMap<string, number>,
): Map<string, ProgramPort> =>
  new Map(
    [...tensors].map(([name, { node, shape, dtype }]) => {
      const { initial } = (node.op === inputOp ? node.attributes : {}) as Partial<Input>;
      const port = { buffer: buffers.get(name) as number, shape, dtype };
      return [name, initial === undefined ? port : { ...port, initial }];
    }),
  );

const isSource = ({ op }: Node): boolean => op === stateOp || op === inputOp || op === literalOp;
