import { sameShape } from '../../math/shape.ts';
import { isPlain } from '../../math/view.ts';
import type { Draft } from '../draft.ts';
import { MAX_BINDINGS } from '../fuse.ts';
import type { Expression, FusedStep, Step } from '../program.ts';

/**
 * Merges neighbouring fused kernels over the same iteration space into one with several outputs, where the
 * second reads the first's results at most element by element. Fewer kernels, and what both load is loaded once.
 */
export function mergeNeighbours({ steps, buffers }: Draft): Draft {
  const result: Step[] = [];
  for (const step of steps) {
    const previous = result.at(-1);
    const merged = previous?.kind === 'fused' && step.kind === 'fused' ? merge(previous, step) : undefined;
    if (merged) result[result.length - 1] = merged;
    else result.push(step);
  }
  return { steps: result, buffers };
}

/** Whether a kernel has a result phase, into which its outputs then index. */
const folds = (step: FusedStep): boolean => step.fused.reductions.length > 0;

function merge(a: FusedStep, b: FusedStep): FusedStep | undefined {
  const sameSpace =
    folds(a) === folds(b) &&
    a.fused.reducedAxes === b.fused.reducedAxes &&
    sameShape(a.fused.shape, b.fused.shape);
  // An elementwise kernel over the results of a reduction continues its result phase.
  const continues = folds(a) && !folds(b) && sameShape(keptShape(a), b.fused.shape);
  if (!sameSpace && !continues) return undefined;
  const aOutputs = a.buffers.slice(a.fused.inputs.length);
  const bOutputs = b.buffers.slice(b.fused.inputs.length);
  if (new Set([...a.buffers, ...b.buffers]).size > MAX_BINDINGS) return undefined;
  const reads = b.fused.inputs.map((view, i) => {
    const output = aOutputs.indexOf(b.buffers[i]);
    const inOrder = isPlain(view);
    return { output, direct: output < 0 || (inOrder && (continues || !folds(a))) };
  });
  if (reads.some((read) => !read.direct)) return undefined;

  const inputs = [...a.fused.inputs];
  const inputBuffers = a.buffers.slice(0, inputs.length);
  const inputIndex = b.fused.inputs.map((view, i) => {
    if (reads[i].output >= 0) return -1;
    const same = inputs.findIndex(
      (other, j) => inputBuffers[j] === b.buffers[i] && JSON.stringify(other) === JSON.stringify(view),
    );
    if (same >= 0) return same;
    inputs.push(view);
    inputBuffers.push(b.buffers[i]);
    return inputs.length - 1;
  });
  const append = (list: readonly Expression[], onto: Expression[], reductionOffset: number): number[] => {
    const at: number[] = [];
    for (const expression of list) {
      let moved: Expression = expression;
      if (expression.kind === 'load') {
        if (reads[expression.input].output >= 0) {
          at.push(a.fused.outputs[reads[expression.input].output]);
          continue;
        }
        moved = { kind: 'load', input: inputIndex[expression.input] };
      } else if (expression.kind === 'reduced')
        moved = { kind: 'reduced', index: expression.index + reductionOffset };
      else if (expression.kind === 'operation')
        moved = { ...expression, arguments: expression.arguments.map((i) => at[i]) };
      const key = JSON.stringify(moved);
      const same = moved.kind === 'literal' ? -1 : onto.findIndex((other) => JSON.stringify(other) === key);
      if (same >= 0) at.push(same);
      else {
        onto.push(moved);
        at.push(onto.length - 1);
      }
    }
    return at;
  };
  const element = [...a.fused.element];
  const result = [...a.fused.result];
  const elementAt = append(b.fused.element, continues ? result : element, 0);
  const resultAt = append(b.fused.result, result, a.fused.reductions.length);
  const reductions = [
    ...a.fused.reductions,
    ...b.fused.reductions.map((fold) => ({ ...fold, value: elementAt[fold.value] })),
  ];
  const outputAt = folds(b) ? resultAt : elementAt;
  return {
    kind: 'fused',
    label: `${a.label} + ${b.label}`,
    shapes: a.shapes,
    buffers: [...inputBuffers, ...aOutputs, ...bOutputs],
    fused: {
      shape: a.fused.shape,
      reducedAxes: a.fused.reducedAxes,
      inputs,
      element,
      reductions,
      result,
      outputs: [...a.fused.outputs, ...b.fused.outputs.map((output) => outputAt[output])],
    },
  };
}

const keptShape = ({ fused }: FusedStep): readonly number[] =>
  fused.shape.slice(0, fused.shape.length - fused.reducedAxes);

/** Outputs of merged kernels that no later step reads any more need not be stored. */
export function dropUnread({ steps, buffers }: Draft): Draft {
  const read = new Set(
    steps.flatMap((step) =>
      step.kind === 'fused' ? step.buffers.slice(0, step.fused.inputs.length) : step.buffers,
    ),
  );
  return {
    steps: steps.map((step) => withoutUnread(step, (b) => buffers[b]?.kind !== 'temporary' || read.has(b))),
    buffers,
  };
}

function withoutUnread(step: Step, isKept: (buffer: number) => boolean): Step {
  if (step.kind !== 'fused' || step.fused.outputs.length < 2) return step;
  const { inputs, outputs } = step.fused;
  const written = step.buffers.slice(inputs.length);
  const keep = written.map(isKept);
  return {
    ...step,
    buffers: [...step.buffers.slice(0, inputs.length), ...written.filter((_, i) => keep[i])],
    fused: { ...step.fused, outputs: outputs.filter((_, i) => keep[i]) },
  };
}
