// Interpreter of generated kernels. Points of the iteration space are taken BLOCK at a time: each load is
// gathered into an array, then each operation is one tight loop over whole arrays, so the cost of deciding
// what to do is paid once a block and not once an element.

import { sizeOf } from '../../math/shape.ts';
import type { View, ViewAxis } from '../../math/view.ts';
import { isPadded } from '../../math/view.ts';
import type { Expression, GeneratedKernel } from '../../program/program.ts';
import { type ElementwiseName, elementwiseOps, type ReductionKind } from '../../tape/index.ts';
import type { Values } from '../backend.ts';

/** Points evaluated at a time: the arrays of a usual kernel then fit the first two cache levels. */
const BLOCK = 512;

// ---- loads ----------------------------------------------------------------------------------------

const WHOLE: ViewAxis = { size: 1, stride: 0, begin: 0, step: 1, count: 1 };

/** Fewest axes that reach the same elements in the same order: what lies as one axis becomes one. */
function mergeAxes(axes: readonly ViewAxis[]): ViewAxis[] {
  const merged: ViewAxis[] = [];
  for (const axis of axes) {
    if (axis.size === 1 && !isPadded(axis)) continue;
    const last = merged.at(-1);
    if (last && !isPadded(last) && !isPadded(axis) && last.stride === axis.stride * axis.size) {
      const size = last.size * axis.size;
      merged[merged.length - 1] = { ...axis, size, count: size };
    } else merged.push(axis);
  }
  return merged;
}

/** target[from … to) = source at `at`, `at + stride`, …; a function of its own so that its loops stay hot. */
function copyRun(
  target: Float64Array,
  from: number,
  to: number,
  source: Values,
  at: number,
  stride: number,
): void {
  if (stride === 0) target.fill(source[at], from, to);
  else if (stride === 1) {
    const shift = at - from;
    for (let i = from; i < to; i++) target[i] = source[i + shift];
  } else {
    for (let i = from; i < to; i++) {
      target[i] = source[at];
      at += stride;
    }
  }
}

/** Gathers `count` points of a view, from point `start` (row-major) on, into `target`. */
type Load = (target: Float64Array, start: number, count: number) => void;

function loadOf(source: Values, view: View): Load {
  const axes = mergeAxes(view.axes);
  const inner = axes.pop() ?? WHOLE;
  const innerPadded = isPadded(inner);
  const { offset } = view;

  /** Address of the first element of row `row` over the outer axes, or −1 where the row is padding. */
  const rowAddress = (row: number): number => {
    let address = offset;
    for (let i = axes.length - 1; i >= 0; i--) {
      const axis = axes[i];
      const at = (row % axis.size) - axis.begin;
      row = Math.floor(row / axis.size);
      if (at < 0 || at % axis.step !== 0 || at >= axis.count * axis.step) return -1;
      address += (at / axis.step) * axis.stride;
    }
    return address;
  };

  return (target, start, count) => {
    let within = start % inner.size;
    let row = (start - within) / inner.size;
    for (let done = 0; done < count; row++) {
      const run = Math.min(inner.size - within, count - done);
      const address = rowAddress(row);
      if (address < 0) target.fill(0, done, done + run);
      else if (innerPadded) {
        for (let i = 0; i < run; i++) {
          const at = within + i - inner.begin;
          const inside = at >= 0 && at % inner.step === 0 && at < inner.count * inner.step;
          target[done + i] = inside ? source[address + (at / inner.step) * inner.stride] : 0;
        }
      } else {
        copyRun(target, done, done + run, source, address + within * inner.stride, inner.stride);
      }
      done += run;
      within = 0;
    }
  };
}

// ---- operations -----------------------------------------------------------------------------------

/** y = operation(a, b, c) over `n` points. */
type Loop = (y: Float64Array, a: Float64Array, b: Float64Array, c: Float64Array, n: number) => void;

/** Cheap or frequent operations with a loop of their own; the others call their scalar function. */
const loops: Partial<Record<ElementwiseName, Loop>> = {
  neg: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = -a[i];
  },
  exp: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.exp(a[i]);
  },
  log: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.log(a[i]);
  },
  sqrt: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.sqrt(a[i]);
  },
  square: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] * a[i];
  },
  reciprocal: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = 1 / a[i];
  },
  tanh: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.tanh(a[i]);
  },
  relu: (y, a, _b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] <= 0 ? 0 : a[i];
  },
  add: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] + b[i];
  },
  sub: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] - b[i];
  },
  mul: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] * b[i];
  },
  div: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] / b[i];
  },
  minimum: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.min(a[i], b[i]);
  },
  maximum: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.max(a[i], b[i]);
  },
  greater: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] > b[i] ? 1 : 0;
  },
  greaterEqual: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] >= b[i] ? 1 : 0;
  },
  equal: (y, a, b, _c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] === b[i] ? 1 : 0;
  },
  where: (y, a, b, c, n) => {
    for (let i = 0; i < n; i++) y[i] = a[i] !== 0 ? b[i] : c[i];
  },
};

function loopOf(name: ElementwiseName): Loop {
  const { scalar } = elementwiseOps[name];
  if (!scalar) throw new Error(`${name} has no scalar function`);
  return (
    loops[name] ??
    ((y, a, b, c, n) => {
      for (let i = 0; i < n; i++) y[i] = scalar(a[i], b[i], c[i]);
    })
  );
}

/** Arrays [BLOCK] that hold the values of an expression list, and the call that fills them for a block. */
interface Evaluator {
  readonly values: readonly Float64Array[];
  evaluate(start: number, count: number): void;
}

/** @param reduced what expressions of kind `reduced` read, over all kept points */
function evaluatorOf(
  expressions: readonly Expression[],
  views: readonly View[],
  sources: readonly Values[],
  reduced: readonly Float64Array[],
): Evaluator {
  const values = expressions.map(() => new Float64Array(BLOCK));
  const steps: ((start: number, count: number) => void)[] = [];
  expressions.forEach((expression, i) => {
    const y = values[i];
    switch (expression.kind) {
      case 'literal':
        y.fill(expression.value);
        break;
      case 'load': {
        const load = loadOf(sources[expression.input], views[expression.input]);
        steps.push((start, count) => load(y, start, count));
        break;
      }
      case 'reduced': {
        const from = reduced[expression.index];
        steps.push((start, count) => {
          for (let k = 0; k < count; k++) y[k] = from[start + k];
        });
        break;
      }
      case 'operation': {
        const loop = loopOf(expression.op);
        // Operands an operation does not have are read but not used; any array stands for them.
        const [a, b = a, c = a] = expression.arguments.map((argument) => values[argument]);
        steps.push((_start, count) => loop(y, a, b, c, count));
        break;
      }
      default:
        expression satisfies never;
    }
  });
  return {
    values,
    evaluate: (start, count) => {
      for (let i = 0; i < steps.length; i++) steps[i](start, count);
    },
  };
}

// ---- reductions -----------------------------------------------------------------------------------

/**
 * Folds `count` values into `totals`: value `i` belongs to segment `⌊(start + i)/length⌋`. Blocks arrive in
 * order, so what a segment needs besides its total (one segment is open at a time) is kept in the closure.
 */
type Fold = (values: Float64Array, start: number, count: number) => void;

function foldOf(kind: ReductionKind, totals: Float64Array, length: number): Fold {
  switch (kind) {
    case 'sum':
      return segments(length, totals, 0, (total, values, from, to) => {
        for (let i = from; i < to; i++) total += values[i];
        return total;
      });
    case 'max':
      return segments(length, totals, Number.NEGATIVE_INFINITY, (total, values, from, to) => {
        for (let i = from; i < to; i++) total = Math.max(total, values[i]);
        return total;
      });
    case 'min':
      return segments(length, totals, Number.POSITIVE_INFINITY, (total, values, from, to) => {
        for (let i = from; i < to; i++) total = Math.min(total, values[i]);
        return total;
      });
    case 'logSumExp': {
      // The running total is `largest + log(sum)`; the sum is of exponentials relative to the largest so far.
      let largest = Number.NEGATIVE_INFINITY;
      let sum = 0;
      return segments(length, totals, Number.NEGATIVE_INFINITY, (_total, values, from, to, within) => {
        if (within === 0) {
          largest = Number.NEGATIVE_INFINITY;
          sum = 0;
        }
        for (let i = from; i < to; i++) {
          const x = values[i];
          if (x < largest) sum += Math.exp(x - largest);
          else if (x === largest) sum += 1;
          else {
            sum = sum * Math.exp(largest - x) + 1;
            largest = x;
          }
        }
        return largest + Math.log(sum);
      });
    }
    case 'argMax': {
      let largest = Number.NEGATIVE_INFINITY;
      return segments(length, totals, 0, (total, values, from, to, within) => {
        if (within === 0) largest = Number.NEGATIVE_INFINITY;
        for (let i = from; i < to; i++) {
          if (values[i] > largest) {
            largest = values[i];
            total = within + i - from;
          }
        }
        return total;
      });
    }
    default:
      return kind satisfies never;
  }
}

/** Splits a block into runs of one segment each; `fold` adds a run that begins `within` the segment. */
function segments(
  length: number,
  totals: Float64Array,
  initial: number,
  fold: (total: number, values: Float64Array, from: number, to: number, within: number) => number,
): Fold {
  totals.fill(initial);
  return (values, start, count) => {
    let within = start % length;
    let segment = (start - within) / length;
    for (let done = 0; done < count; segment++) {
      const end = Math.min(done + length - within, count);
      totals[segment] = fold(within === 0 ? initial : totals[segment], values, done, end, within);
      done = end;
      within = 0;
    }
  };
}

// ---- the kernel -----------------------------------------------------------------------------------

/**
 * Binds a generated kernel to its arrays.
 *
 * @param arrays inputs, then outputs
 * @returns a closure that runs it once and allocates nothing
 */
export function interpretGenerated(generated: GeneratedKernel, arrays: readonly Values[]): () => void {
  const sources = arrays.slice(0, generated.inputs.length);
  const targets = arrays.slice(generated.inputs.length);
  const rank = generated.shape.length - generated.reducedAxes;
  const kept = sizeOf(generated.shape.slice(0, rank));
  const length = sizeOf(generated.shape.slice(rank));
  const reduced = generated.reductions.map(() => new Float64Array(kept));
  const folds = generated.reductions.map(({ kind, value }, i) => ({
    value,
    fold: foldOf(kind, reduced[i], length),
  }));
  const element = evaluatorOf(generated.element, generated.inputs, sources, []);
  const last = generated.reducedAxes
    ? evaluatorOf(generated.result, generated.inputs, sources, reduced)
    : element;

  return () => {
    if (generated.reducedAxes) {
      const points = kept * length;
      for (let start = 0; start < points; start += BLOCK) {
        const count = Math.min(BLOCK, points - start);
        element.evaluate(start, count);
        for (let i = 0; i < folds.length; i++) folds[i].fold(element.values[folds[i].value], start, count);
      }
    }
    for (let start = 0; start < kept; start += BLOCK) {
      const count = Math.min(BLOCK, kept - start);
      last.evaluate(start, count);
      for (let i = 0; i < targets.length; i++) {
        const target = targets[i];
        const values = last.values[generated.outputs[i]];
        for (let k = 0; k < count; k++) target[start + k] = values[k];
      }
    }
  };
}
