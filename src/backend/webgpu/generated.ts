import { type Grid, WORKGROUP } from '../../kernels/index.ts';
import { at } from '../../math/items.ts';
import { sizeOf } from '../../math/shape.ts';
import { isPadded, type View } from '../../math/view.ts';
import { collapse } from '../../program/collapse.ts';
import { type Expression, type GeneratedKernel, generatedOutputs } from '../../program/program.ts';
import type { ElementwiseName, ReductionKind } from '../../tape/index.ts';
import { mathText } from './texts.ts';

/** A generated kernel: bindings are the inputs, then the outputs. */
export interface GeneratedShader {
  readonly wgsl: string;
  /** Invocations, or one workgroup for each output. */
  readonly grid: Grid;
  /** Passes through loops that an invocation makes at most. */
  readonly passes: number;
}

/** Reductions of many elements into at most so many outputs get a workgroup for each output. */
const FEW_OUTPUTS = 4096;
/** Terms that are folded before their result joins those of others. */
const BLOCK = 128;

const call =
  (name: string) =>
  (...args: string[]): string =>
    `${name}(${args.join(', ')})`;
const infix = (operator: string) => (a: string, b: string) => `${a} ${operator} ${b}`;
const truth = (operator: string) => (a: string, b: string) => `truth(${a} ${operator} ${b}, ${a}, ${b})`;

/** Each elementwise operation on named values. Where WGSL has no good one it is in shaders/include/math.wgsl. */
const operations: Record<ElementwiseName, (a: string, b: string, c: string) => string> = {
  neg: (a) => `-${a}`,
  abs: (a) => `abs(${a})`,
  sign: (a) => `safe_sign(${a})`,
  exp: (a) => `safe_exp(${a})`,
  expm1: (a) => `expm1(${a})`,
  log: (a) => `safe_log(${a})`,
  log1p: (a) => `log1p(${a})`,
  sqrt: (a) => `safe_sqrt(${a})`,
  square: (a) => `${a} * ${a}`,
  reciprocal: (a) => `1.0 / ${a}`,
  sin: (a) => `safe_sin(${a})`,
  cos: (a) => `safe_cos(${a})`,
  tanh: (a) => `safe_tanh(${a})`,
  sigmoid: (a) => `sigmoid(${a})`,
  logSigmoid: (a) => `log_sigmoid(${a})`,
  softplus: (a) => `softplus(${a})`,
  relu: (a) => `relu(${a})`,
  elu: (a) => `elu(${a})`,
  erf: (a) => `erf(${a})`,
  logGamma: (a) => `log_gamma(${a})`,
  digamma: (a) => `digamma(${a})`,
  trigamma: (a) => `trigamma(${a})`,
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  pow: (a, b) => `safe_pow(${a}, ${b})`,
  minimum: (a, b) => `safe_min(${a}, ${b})`,
  maximum: (a, b) => `safe_max(${a}, ${b})`,
  greater: truth('>'),
  greaterEqual: truth('>='),
  equal: truth('=='),
  where: (c, a, b) => `select(${b}, ${a}, is_not_zero(${c}))`,
  clamp: call('safe_clamp'),
};

/** A fold: what it starts from, how an element enters, how two partial results join, and its result. */
interface Fold {
  readonly type: 'f32' | 'vec2f';
  readonly initial: string;
  /** @param r the element's number along the reduced axes */
  readonly element: (value: string, r: string) => string;
  readonly join: (a: string, b: string) => string;
  readonly finish: (state: string) => string;
}

const same = (value: string): string => value;

const folds: Record<ReductionKind, Fold> = {
  sum: { type: 'f32', initial: '0.0', element: same, join: infix('+'), finish: same },
  max: { type: 'f32', initial: '-infinity()', element: same, join: call('safe_max'), finish: same },
  min: { type: 'f32', initial: 'infinity()', element: same, join: call('safe_min'), finish: same },
  logSumExp: {
    type: 'vec2f',
    initial: 'vec2f(-infinity(), 0.0)',
    element: (value) => `vec2f(${value}, 1.0)`,
    join: call('add_exponentials'),
    finish: (state) => `${state}.x + safe_log(${state}.y)`,
  },
  argMax: {
    type: 'vec2f',
    // No element has this index, so the first one wins even if it is −∞.
    initial: 'vec2f(-infinity(), 3e38)',
    element: (value, r) => `vec2f(${value}, f32(${r}))`,
    join: call('larger_of'),
    finish: (state) => `${state}.y`,
  },
};

/** A number as an f32 expression; WGSL has no literal for what is not finite, and none for −0. */
export function literal(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return 'nan()';
  if (!Number.isFinite(rounded)) return rounded > 0 ? 'infinity()' : '-infinity()';
  if (Object.is(rounded, -0)) return 'negative_zero()';
  const text = String(rounded);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** `i0`, `i1`, …: the variables that hold the position along each axis. */
const axisName = (axis: number): string => `i${axis}`;

/** An axis of the iteration space and its extent. */
type Axis = readonly [axis: number, extent: number];

/** Declares the axis variables of `axes` from one row-major number. */
function unravel(number: string, axes: readonly Axis[], indent: string): string {
  let stride = 1;
  const lines = [...axes].reverse().map(([axis, extent], i) => {
    const divided = stride === 1 ? number : `${number} / ${stride}u`;
    stride *= extent;
    // The outermost needs no remainder, since the number is in range.
    const index = i === axes.length - 1 ? divided : `${divided} % ${extent}u`;
    return `${indent}let ${axisName(axis)} = ${index};\n`;
  });
  return lines.reverse().join('');
}

/** The expression that loads a view's element at the axis variables; zero outside a padded axis. */
function load(name: string, view: View): string {
  const index: string[] = [];
  const inside: string[] = [];
  view.axes.forEach((axis, i) => {
    const at = axisName(i);
    if (!isPadded(axis)) {
      if (axis.stride !== 0 && axis.size !== 1)
        index.push(axis.stride === 1 ? at : `${at} * ${axis.stride}u`);
      return;
    }
    // Positions past the window wrap around 2^32 when below it, so one comparison tests both ends.
    const from =
      axis.begin === 0 ? at : axis.begin > 0 ? `(${at} - ${axis.begin}u)` : `(${at} + ${-axis.begin}u)`;
    const entry = axis.step === 1 ? from : `${from} / ${axis.step}u`;
    inside.push(`${from} < ${axis.count * axis.step}u`);
    if (axis.step !== 1) inside.push(`${from} % ${axis.step}u == 0u`);
    if (axis.stride !== 0) index.push(axis.stride === 1 ? entry : `${entry} * ${axis.stride}u`);
  });
  if (view.offset !== 0 || index.length === 0) index.push(`${view.offset}u`);
  const value = `${name}[${index.join(' + ')}]`;
  return inside.length ? `select(0.0, ${value}, ${inside.join(' && ')})` : value;
}

/** The views a kernel loads through, each with the binding it reads. */
interface Loads {
  readonly views: readonly View[];
  readonly bindings: readonly number[];
}

function evaluate(
  expressions: readonly Expression[],
  { views, bindings }: Loads,
  prefix: string,
  indent: string,
): string {
  const value = (expression: Expression): string => {
    switch (expression.kind) {
      case 'load':
        return load(`x${at(bindings, expression.input, 'binding')}`, at(views, expression.input, 'view'));
      case 'literal':
        return literal(expression.value);
      case 'reduced':
        return `reduced${expression.index}`;
      case 'operation': {
        const [a = '', b = '', c = ''] = expression.arguments.map((i) => `${prefix}${i}`);
        return operations[expression.op](a, b, c);
      }
      default:
        return expression satisfies never;
    }
  };
  return expressions.map((expression, i) => `${indent}let ${prefix}${i} = ${value(expression)};\n`).join('');
}

const arguments_ = `  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
`;
const main = `@compute @workgroup_size(${WORKGROUP})\nfn main(\n${arguments_}) {\n`;
const itemNumber = `  let item = (group.y * groups.x + group.x) * ${WORKGROUP}u + local;\n`;

/**
 * The WGSL of a generated kernel. Shapes and strides are literals; the axes are collapsed first.
 *
 * @param sources for each input the number of the buffer it views, counted from 0 in order of first use: a buffer
 *   with several views is bound once
 * @param longReduction elements from which on a workgroup shares a reduction
 */
export function generateKernel(
  original: GeneratedKernel,
  sources: readonly number[] = original.inputs.map((_, i) => i),
  longReduction = 256,
): GeneratedShader {
  const generated = collapse(original);
  const outputs = generatedOutputs(generated);
  const loads = { views: generated.inputs, bindings: sources };
  const count = generated.reducedAxes === 0 ? 0 : sizeOf(reducedShape(generated));
  const shared = outputs <= FEW_OUTPUTS && count >= longReduction;
  const body =
    count === 0 ? elementwise(generated, loads) : reduction(generated, loads, { outputs, count, shared });
  const bindings = [
    ...[...new Set(sources)].map((i) => `var<storage, read> x${i}`),
    ...generated.outputs.map((_, i) => `var<storage, read_write> y${i}`),
  ].map((text, i) => `@group(0) @binding(${i}) ${text}: array<f32>;\n`);
  return {
    wgsl: `${bindings.join('')}${mathText}\n${body}`,
    grid: shared ? { workgroups: outputs } : { items: outputs },
    passes: passesOf(generated, count === 0 ? 1 : Math.ceil(count / (shared ? WORKGROUP : 1))),
  };
}

/** Passes of the loops in `shaders/include/math.wgsl` for one number, at most. */
const mathLoops: Partial<Record<ElementwiseName, number>> = { logGamma: 10, digamma: 10, trigamma: 10 };

/** Passes of one invocation: its elements, the blocks of them, and the loops of the mathematics in each. */
function passesOf({ element, result }: GeneratedKernel, elements: number): number {
  const loops = (list: readonly Expression[]) =>
    list.reduce((total, each) => total + (each.kind === 'operation' ? (mathLoops[each.op] ?? 0) : 0), 0);
  return elements * (1 + loops(element)) + 2 * Math.ceil(elements / BLOCK) + 16 + loops(result);
}

const reducedShape = (generated: GeneratedKernel): readonly number[] =>
  generated.shape.slice(generated.shape.length - generated.reducedAxes);

/** How a reduction is cut: into so many outputs of so many elements, each by a workgroup where it is shared. */
interface Cut {
  readonly outputs: number;
  readonly count: number;
  readonly shared: boolean;
}

function elementwise(generated: GeneratedKernel, loads: Loads): string {
  const axes = [...generated.shape.entries()];
  const writes = generated.outputs.map((value, i) => `  y${i}[item] = e${value};\n`);
  return `${main}${itemNumber}  if (item >= ${sizeOf(generated.shape)}u) {
    return;
  }
${unravel('item', axes, '  ')}${evaluate(generated.element, loads, 'e', '  ')}${writes.join('')}}
`;
}

/**
 * Loops that fold the elements `from`, `from + step`, … below `count` into `state0`, …. Many are folded in blocks of BLOCK,
 * and these again, so that no sum has many terms: in float32 its error grows with them.
 *
 * @param body declares the element at `r`
 */
function foldLoops(
  folds: readonly Fold[],
  { from, count, step }: { from: string; count: number; step: number },
  body: (indent: string) => string,
  elements: readonly string[],
): string {
  const join = (state: string, values: readonly string[], indent: string) =>
    folds
      .map((fold, i) => `${indent}${state}${i} = ${fold.join(`${state}${i}`, at(values, i, 'value'))};\n`)
      .join('');
  const nest = (state: string, begin: string, end: string, span: number, depth: number): string => {
    const indent = '  '.repeat(depth);
    const inner = `${indent}  `;
    const loop = (name: string) =>
      `${indent}for (var ${name} = ${begin}; ${name} < ${end}; ${name} += ${span}u) {\n`;
    if (span === step) return `${loop('r')}${body(inner)}${join(state, elements, inner)}${indent}}\n`;
    const [block, first] = [`block${depth}_`, `first${depth}`];
    const start = folds.map((fold, i) => `${inner}var ${block}${i} = ${fold.initial};\n`).join('');
    const parts = nest(block, first, `min(${end}, ${first} + ${span}u)`, span / BLOCK, depth + 1);
    const states = folds.map((_, i) => `${block}${i}`);
    return `${loop(first)}${start}${parts}${join(state, states, inner)}${indent}}\n`;
  };
  let span = step;
  while (span * BLOCK < count) span *= BLOCK;
  return nest('state', from, `${count}u`, span, 1);
}

function reduction(generated: GeneratedKernel, loads: Loads, { outputs, count, shared }: Cut): string {
  const axes = [...generated.shape.entries()];
  const kept = axes.slice(0, axes.length - generated.reducedAxes);
  const reduced = axes.slice(kept.length);
  const kinds = generated.reductions.map(({ kind }) => folds[kind]);

  const start = kinds.map((fold, i) => `  var state${i} = ${fold.initial};\n`).join('');
  const loop = foldLoops(
    kinds,
    { from: shared ? 'local' : '0u', count, step: shared ? WORKGROUP : 1 },
    (indent) => unravel('r', reduced, indent) + evaluate(generated.element, loads, 'e', indent),
    generated.reductions.map(({ kind, value }) => folds[kind].element(`e${value}`, 'r')),
  );
  const finish = kinds.map((fold, i) => `  let reduced${i} = ${fold.finish(`state${i}`)};\n`).join('');
  const writes = generated.outputs.map((value, i) => `  y${i}[item] = f${value};\n`).join('');
  const tail = `${finish}${evaluate(generated.result, loads, 'f', '  ')}${writes}}\n`;
  const position = unravel('item', kept, '  ');
  if (!shared) {
    return `${main}${itemNumber}  if (item >= ${outputs}u) {
    return;
  }
${position}${start}${loop}${tail}`;
  }

  const memory = kinds
    .map((fold, i) => `var<workgroup> parts${i}: array<${fold.type}, ${WORKGROUP}>;\n`)
    .join('');
  const store = kinds.map((_, i) => `  parts${i}[local] = state${i};\n`).join('');
  const join = kinds
    .map(
      (fold, i) => `      parts${i}[local] = ${fold.join(`parts${i}[local]`, `parts${i}[local + half]`)};\n`,
    )
    .join('');
  const fetch = kinds.map((_, i) => `  state${i} = parts${i}[0];\n`).join('');
  return `${memory}
${main}  let item = group.z * groups.x + group.x;
  if (item >= ${outputs}u) {
    return;
  }
${position}${start}${loop}${store}  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
${join}    }
  }
  if (local != 0u) {
    return;
  }
${fetch}${tail}`;
}
