import { at } from '../../math/items.ts';
import { sameShape } from '../../math/shape.ts';
import { isPlain, type View } from '../../math/view.ts';
import type { Draft } from '../draft.ts';
import { MAX_BINDINGS } from '../generate.ts';
import type { Expression, GeneratedStep, Step } from '../program.ts';

/**
 * Merges neighbouring generated kernels over the same iteration space into one with several outputs, where the
 * second reads the first's results at most element by element. Fewer kernels, and what both load is loaded once.
 */
export function mergeNeighbours({ steps, buffers }: Draft): Draft {
  const result: Step[] = [];
  for (const step of steps) {
    const previous = result.at(-1);
    const merged =
      previous?.kind === 'generated' && step.kind === 'generated' ? merge(previous, step) : undefined;
    if (merged) result[result.length - 1] = merged;
    else result.push(step);
  }
  return { steps: result, buffers };
}

/** Whether a kernel has a result phase, into which its outputs then index. */
const folds = (step: GeneratedStep): boolean => step.generated.reductions.length > 0;

function merge(a: GeneratedStep, b: GeneratedStep): GeneratedStep | undefined {
  const sameSpace =
    folds(a) === folds(b) &&
    a.generated.reducedAxes === b.generated.reducedAxes &&
    sameShape(a.generated.shape, b.generated.shape);
  // An elementwise kernel over the results of a reduction continues its result phase.
  const continues = folds(a) && !folds(b) && sameShape(keptShape(a), b.generated.shape);
  if (!sameSpace && !continues) return undefined;
  if (new Set([...a.buffers, ...b.buffers]).size > MAX_BINDINGS) return undefined;
  const aOutputs = a.buffers.slice(a.generated.inputs.length);
  const bOutputs = b.buffers.slice(b.generated.inputs.length);

  const inputs = [...a.generated.inputs];
  const inputBuffers = a.buffers.slice(0, inputs.length);
  const inputOf = (view: View, buffer: number): number => {
    const key = JSON.stringify(view);
    const same = inputs.findIndex((other, i) => inputBuffers[i] === buffer && JSON.stringify(other) === key);
    if (same >= 0) return same;
    inputBuffers.push(buffer);
    return inputs.push(view) - 1;
  };
  const sources: Source[] = [];
  for (const [i, view] of b.generated.inputs.entries()) {
    const buffer = at(b.buffers, i, 'buffer of input');
    const output = aOutputs.indexOf(buffer);
    const inOrder = isPlain(view) && (continues || !folds(a));
    if (output >= 0 && !inOrder) return undefined;
    sources.push(
      output < 0 ? { input: inputOf(view, buffer) } : { value: at(a.generated.outputs, output, 'output') },
    );
  }

  const element = [...a.generated.element];
  const result = [...a.generated.result];
  const elementAt = append(b.generated.element, continues ? result : element, sources, 0);
  const resultAt = append(b.generated.result, result, sources, a.generated.reductions.length);
  const outputAt = folds(b) ? resultAt : elementAt;
  return {
    kind: 'generated',
    label: `${a.label} + ${b.label}`,
    shapes: a.shapes,
    buffers: [...inputBuffers, ...aOutputs, ...bOutputs],
    generated: {
      shape: a.generated.shape,
      reducedAxes: a.generated.reducedAxes,
      inputs,
      element,
      reductions: [
        ...a.generated.reductions,
        ...b.generated.reductions.map((fold) => ({ ...fold, value: at(elementAt, fold.value, 'value') })),
      ],
      result,
      outputs: [
        ...a.generated.outputs,
        ...b.generated.outputs.map((output) => at(outputAt, output, 'value')),
      ],
    },
  };
}

/** Where a merged kernel finds what its second part loads: an input of its own, or a value of the first part. */
type Source = { readonly input: number } | { readonly value: number };

/**
 * Appends expressions of the second part; those that are there already stay once.
 *
 * @param firstReduction number of the second part's first reduction
 * @returns where each is now
 */
function append(
  list: readonly Expression[],
  onto: Expression[],
  sources: readonly Source[],
  firstReduction: number,
): number[] {
  const moved: number[] = [];
  const add = (expression: Expression): number => {
    const key = JSON.stringify(expression);
    const same =
      expression.kind === 'literal' ? -1 : onto.findIndex((other) => JSON.stringify(other) === key);
    return same >= 0 ? same : onto.push(expression) - 1;
  };
  const place = (expression: Expression): number => {
    switch (expression.kind) {
      case 'load': {
        const source = at(sources, expression.input, 'input');
        return 'value' in source ? source.value : add({ kind: 'load', input: source.input });
      }
      case 'reduced':
        return add({ kind: 'reduced', index: expression.index + firstReduction });
      case 'operation':
        return add({ ...expression, arguments: expression.arguments.map((i) => at(moved, i, 'value')) });
      case 'literal':
        return add(expression);
      default:
        return expression satisfies never;
    }
  };
  for (const expression of list) moved.push(place(expression));
  return moved;
}

const keptShape = ({ generated }: GeneratedStep): readonly number[] =>
  generated.shape.slice(0, generated.shape.length - generated.reducedAxes);

/** Outputs of merged kernels that no later step reads any more need not be stored. */
export function dropUnread({ steps, buffers }: Draft): Draft {
  const read = new Set(
    steps.flatMap((step) =>
      step.kind === 'generated' ? step.buffers.slice(0, step.generated.inputs.length) : step.buffers,
    ),
  );
  return {
    steps: steps.map((step) => withoutUnread(step, (b) => buffers[b]?.kind !== 'temporary' || read.has(b))),
    buffers,
  };
}

function withoutUnread(step: Step, isKept: (buffer: number) => boolean): Step {
  if (step.kind !== 'generated' || step.generated.outputs.length < 2) return step;
  const { inputs, outputs } = step.generated;
  const written = step.buffers.slice(inputs.length);
  const keep = written.map(isKept);
  return {
    ...step,
    buffers: [...step.buffers.slice(0, inputs.length), ...written.filter((_, i) => keep[i])],
    generated: { ...step.generated, outputs: outputs.filter((_, i) => keep[i]) },
  };
}
