import type { Operand, Tensor } from '../tape/index.ts';
import * as tape from '../tape/index.ts';
import type { GoldenCase } from './format.ts';
import type { Place } from './place.ts';
import { named, type Recipe } from './recipe.ts';
import type { Setting } from './setting.ts';

type Operation = (setting: Setting) => Tensor;
interface Entry {
  readonly apply: Operation;
  readonly transcendental: boolean;
}

const plain = (apply: Operation): Entry => ({ apply, transcendental: false });
const curved = (apply: Operation): Entry => ({ apply, transcendental: true });
const unary =
  (f: (x: Operand) => Tensor): Operation =>
  (c) =>
    f(c.input('x'));
/** Both operands are `x` where the case has one input: the same node twice. */
const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Operation =>
  (c) =>
    c.has('x') ? f(c.input('x'), c.input('x')) : f(c.input('a'), c.input('b'));

const axesOf = (place: Place): tape.Axes => {
  if (place.value === null) return null;
  return Array.isArray(place.value) ? numbers(place) : place.number();
};
const numbers = (place: Place): number[] => place.list().map((entry) => entry.number());
const list = (c: Setting, name: string): number[] => numbers(c.param(name));
const reduction =
  (f: (x: Tensor, axis: tape.Axes, keepDims: boolean) => Tensor): Operation =>
  (c) =>
    f(c.input('x'), axesOf(c.param('axis')), c.param('keepdim').flag());
const along =
  (f: (x: Tensor, axis: number) => Tensor): Operation =>
  (c) =>
    f(c.input('x'), c.number('axis'));
/** The bound of a clamp; null stands for none. */
const bound = (place: Place, none: number): number => (place.value === null ? none : place.number());

const { stopGradient, mul, sin, exp } = tape;

/** The operations by the name that `params.op` gives them. */
const operations = new Map<string, Entry>(
  Object.entries({
    exp: curved(unary(tape.exp)),
    expm1: curved(unary(tape.expm1)),
    log: curved(unary(tape.log)),
    log1p: curved(unary(tape.log1p)),
    tanh: curved(unary(tape.tanh)),
    sigmoid: curved(unary(tape.sigmoid)),
    logsigmoid: curved(unary(tape.logSigmoid)),
    softplus: curved(unary(tape.softplus)),
    relu: plain(unary(tape.relu)),
    elu: curved(unary(tape.elu)),
    silu: curved(unary(tape.silu)),
    gelu_tanh: curved(unary(tape.geluTanh)),
    gelu_erf: curved(unary(tape.geluErf)),
    sqrt: plain(unary(tape.sqrt)),
    square: plain(unary(tape.square)),
    reciprocal: plain(unary(tape.reciprocal)),
    neg: plain(unary(tape.neg)),
    abs: plain(unary(tape.abs)),
    sin: curved(unary(tape.sin)),
    cos: curved(unary(tape.cos)),
    erf: curved(unary(tape.erf)),
    lgamma: curved(unary(tape.logGamma)),
    digamma: curved(unary(tape.digamma)),

    add: plain(binary(tape.add)),
    sub: plain(binary(tape.sub)),
    mul: plain(binary(tape.mul)),
    div: plain(binary(tape.div)),
    min: plain(binary(tape.minimum)),
    // `max` is also a reduction: told apart by its parameters.
    max: plain((c) => (c.golden.params.has('axis') ? reduction(tape.max)(c) : binary(tape.maximum)(c))),
    pow: curved(binary(tape.pow)),
    pow_const: curved((c) => tape.pow(c.input('x'), c.number('exponent'))),
    matmul: plain((c) =>
      tape.matmul(c.input('A'), c.input('B'), {
        transA: c.param('transA').flag(),
        transB: c.param('transB').flag(),
      }),
    ),

    sum: plain(reduction(tape.sum)),
    mean: plain(reduction(tape.mean)),
    logsumexp: curved(reduction(tape.logSumExp)),
    softmax: curved(along(tape.softmax)),
    log_softmax: curved(along(tape.logSoftmax)),
    argmax: plain(along(tape.argMax)),

    reshape: plain((c) => tape.reshape(c.input('x'), list(c, 'shape'))),
    transpose: plain((c) => tape.transpose(c.input('x'), list(c, 'perm'))),
    transpose_reshape: plain((c) =>
      tape.reshape(tape.transpose(c.input('x'), list(c, 'perm')), list(c, 'shape')),
    ),
    slice: plain((c) => tape.slice(c.input('x'), list(c, 'begin'), list(c, 'end'), list(c, 'step'))),
    slice_sum: plain((c) =>
      tape.add(
        tape.slice(c.input('x'), list(c, 'begin0'), list(c, 'end0')),
        tape.slice(c.input('x'), list(c, 'begin1'), list(c, 'end1')),
      ),
    ),
    concat: plain((c) => {
      const given = ['a', 'b', 'c'].filter((name) => c.has(name)).map((name) => c.input(name));
      return tape.concat(given.length === 1 ? [given[0], given[0]] : given, c.number('axis'));
    }),
    stack: plain((c) => tape.stack([c.input('a'), c.input('b')], c.number('axis'))),
    gather: plain((c) => tape.gather(c.input('x'), c.input('idx'), c.number('axis'))),
    index_select: plain((c) => tape.indexSelect(c.input('x'), c.input('idx'), c.number('axis'))),
    gather_squeeze: plain((c) => {
      const picked = tape.gather(c.input('x'), c.input('idx'), c.number('axis'));
      return tape.reshape(picked, [picked.size]);
    }),
    broadcast_to: plain((c) => tape.broadcastTo(c.input('x'), list(c, 'shape'))),
    clamp: plain((c) =>
      tape.clamp(
        c.input('x'),
        bound(c.param('min'), Number.NEGATIVE_INFINITY),
        bound(c.param('max'), Number.POSITIVE_INFINITY),
      ),
    ),
    where: plain((c) => tape.where(c.input('cond'), c.input('a'), c.input('b'))),
    stop_gradient: curved((c) => {
      const x = c.input('x');
      return c.golden.name.endsWith('_all')
        ? stopGradient(exp(x))
        : tape.add(mul(x, stopGradient(mul(x, x))), sin(x));
    }),
  }),
);

const entryOf = ({ params }: GoldenCase): Entry | undefined => {
  const op = params.get('op')?.value;
  return typeof op === 'string' ? operations.get(op) : undefined;
};

/** y and its vector-Jacobian product with `g`, or the gradient of y itself where there is no `g`. */
export function emitProduct(setting: Setting, y: Tensor): void {
  setting.emit('y', y);
  setting.emitGradients('', y, setting.has('g') ? setting.input('g') : undefined);
}

export const operationRecipe: Recipe = {
  computes: (golden) =>
    named('unary/', 'binary/', 'matmul/', 'reduce/', 'shape/')(golden) && entryOf(golden) !== undefined,
  transcendental: (golden) => entryOf(golden)?.transcendental === true,
  record: (setting) => {
    const y = (entryOf(setting.golden) as Entry).apply(setting);
    // Indices have no gradient, and such cases want none.
    const differentiable = [...setting.golden.expect.keys()].some((key) => key.startsWith('grad.'));
    if (differentiable) emitProduct(setting, y);
    else setting.emit('y', y);
  },
};
