// Random recordings with the values they should have, by plain loops over arrays.
import * as fc from 'fast-check';
import { broadcastShapes, sizeOf, stridesOf } from '../../src/math/shape.ts';
import {
  abs,
  add,
  argMax,
  assign,
  broadcastTo,
  concat,
  exp,
  gather,
  greater,
  literal,
  logSumExp,
  matmul,
  max,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  read,
  reshape,
  State,
  sigmoid,
  slice,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../../src/tape/index.ts';

export interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** Index of an element of `shape` in a tensor of shape `from` that broadcasts to it. */
function broadcastIndex(index: readonly number[], from: readonly number[]): number {
  const strides = stridesOf(from);
  const pad = index.length - from.length;
  return from.reduce((at, extent, axis) => at + (extent === 1 ? 0 : index[axis + pad] * strides[axis]), 0);
}

function unravel(flat: number, shape: readonly number[]): number[] {
  const strides = stridesOf(shape);
  return shape.map((extent, axis) => Math.floor(flat / strides[axis]) % extent);
}

const build = (shape: readonly number[], at: (index: number[]) => number): Plain => ({
  shape,
  data: Array.from({ length: sizeOf(shape) }, (_, flat) => at(unravel(flat, shape))),
});

const map = (f: (...values: number[]) => number, ...xs: Plain[]): Plain => {
  const shape = xs.map((x) => x.shape).reduce((a, b) => broadcastShapes(a, b) as number[]);
  return build(shape, (index) => f(...xs.map((x) => x.data[broadcastIndex(index, x.shape)])));
};

/** Folds one axis, which is kept with extent 1. */
const fold = (f: (values: number[]) => number, x: Plain, axis: number): Plain =>
  build(
    x.shape.map((extent, i) => (i === axis ? 1 : extent)),
    (index) =>
      f(
        Array.from(
          { length: x.shape[axis] },
          (_, k) =>
            x.data[
              broadcastIndex(
                index.map((at, i) => (i === axis ? k : at)),
                x.shape,
              )
            ],
        ),
      ),
  );

const total = (values: number[]): number => values.reduce((a, b) => a + b, 0);

/** One instruction: which operation, and numbers from which it takes its operands and attributes. */
export type Instruction = readonly [operation: number, a: number, b: number, c: number];

export const instructions = (maxLength: number): fc.Arbitrary<Instruction[]> =>
  fc.array(fc.tuple(fc.nat(27), fc.nat(1000), fc.nat(1000), fc.nat(1000)), {
    minLength: 1,
    maxLength,
    size: 'max',
  });

export const inputShapes = { x: [2, 3, 4], row: [4], column: [3, 1], matrix: [1, 3, 4] } as const;
export const stateShape = [3, 4];

/** A value twice: as recorded, and how to compute it. */
interface Value {
  readonly tensor: Tensor;
  readonly plain: Plain;
}

/**
 * Records a random program and, beside it, computes it.
 *
 * @param inputs by name, of {@link inputShapes}
 * @param states each with its current plain value, which is updated
 * @returns the outputs recorded, with their values
 */
export function recordRandom(
  list: readonly Instruction[],
  input: (name: string, shape: readonly number[]) => Tensor,
  inputs: Readonly<Record<keyof typeof inputShapes, readonly number[]>>,
  states: Map<State, Plain>,
): { outputs: Record<string, Tensor>; expected: Record<string, Plain> } {
  const values: Value[] = (Object.keys(inputShapes) as (keyof typeof inputShapes)[]).map((name) => ({
    tensor: input(name, inputShapes[name]),
    plain: { shape: inputShapes[name], data: inputs[name] },
  }));
  const pick = (n: number): Value => values[values.length - 1 - (n % values.length)];
  const put = (tensor: Tensor, plain: Plain) => {
    if (plain.data.length <= 200) values.push({ tensor, plain });
  };
  const unary = (op: (x: Tensor) => Tensor, f: (x: number) => number, { tensor, plain }: Value) =>
    put(op(tensor), map(f, plain));
  const binary = (
    op: (a: Tensor, b: Tensor) => Tensor,
    f: (a: number, b: number) => number,
    a: Value,
    b: Value,
  ) => {
    if (broadcastShapes(a.plain.shape, b.plain.shape)) put(op(a.tensor, b.tensor), map(f, a.plain, b.plain));
  };
  const reduce = (
    op: (x: Tensor, axis: number, keep: boolean) => Tensor,
    f: (values: number[]) => number,
    x: Value,
    b: number,
    keep: boolean,
  ) => {
    if (x.plain.shape.length === 0) return;
    const axis = b % x.plain.shape.length;
    const folded = fold(f, x.plain, axis);
    put(
      op(x.tensor, axis, keep),
      keep ? folded : { ...folded, shape: folded.shape.filter((_, i) => i !== axis) },
    );
  };
  for (const [operation, a, b, c] of list) {
    const x = pick(a);
    const { shape } = x.plain;
    const axis = shape.length > 0 ? b % shape.length : -1;
    switch (operation) {
      case 0:
        unary(tanh, Math.tanh, x);
        break;
      case 1:
        unary(neg, (v) => -v, x);
        break;
      case 2:
        unary(abs, Math.abs, x);
        break;
      case 3:
        unary(
          (t) => square(tanh(t)),
          (v) => Math.tanh(v) ** 2,
          x,
        );
        break;
      case 4:
        unary(sigmoid, (v) => 1 / (1 + Math.exp(-v)), x);
        break;
      case 5:
        unary(
          (t) => exp(neg(abs(t))),
          (v) => Math.exp(-Math.abs(v)),
          x,
        );
        break;
      case 6:
      case 7:
        binary(add, (p, q) => p + q, x, pick(b));
        break;
      case 8:
        binary(sub, (p, q) => p - q, x, pick(b));
        break;
      case 9:
        binary(
          (p, q) => mul(tanh(p), q),
          (p, q) => Math.tanh(p) * q,
          x,
          pick(b),
        );
        break;
      case 10:
        binary(minimum, Math.min, x, pick(b));
        break;
      case 11:
        binary(maximum, Math.max, x, pick(b));
        break;
      case 12:
        binary(
          (p, q) => where(greater(p, 0.1), p, q),
          (p, q) => (p > 0.1 ? p : q),
          x,
          pick(b),
        );
        break;
      case 13:
        reduce(sum, total, x, b, c % 2 === 0);
        break;
      case 14:
        reduce(mean, (v) => total(v) / v.length, x, b, c % 2 === 0);
        break;
      case 15:
        reduce(max, (v) => Math.max(...v), x, b, c % 2 === 0);
        break;
      case 16:
        reduce(logSumExp, (v) => Math.log(total(v.map(Math.exp))), x, b, c % 2 === 0);
        break;
      case 17:
        reduce(argMax, (v) => v.indexOf(Math.max(...v)), x, b, c % 2 === 0);
        break;
      case 18: {
        const shapes = [[sizeOf(shape)], [...shape, 1], [1, ...shape], shape.filter((n) => n !== 1)];
        if (shape.length > 1) shapes.push([shape[0] * shape[1], ...shape.slice(2)]);
        const to = shapes[b % shapes.length];
        if (to.length <= 4) put(reshape(x.tensor, to), { shape: to, data: x.plain.data });
        break;
      }
      case 19: {
        if (shape.length < 2) break;
        const order = shape.map((_, i) => (i + 1 + (b % (shape.length - 1))) % shape.length);
        const to = order.map((i) => shape[i]);
        put(
          transpose(x.tensor, order),
          build(to, (index) => {
            const source = shape.map((_, i) => index[order.indexOf(i)]);
            return x.plain.data[broadcastIndex(source, shape)];
          }),
        );
        break;
      }
      case 20: {
        const to = broadcastShapes(shape, pick(b).plain.shape);
        if (to)
          put(
            broadcastTo(x.tensor, to),
            map(
              (v) => v,
              x.plain,
              build(to, () => 0),
            ),
          );
        break;
      }
      case 21: {
        if (axis < 0 || shape[axis] < 2) break;
        const from = c % (shape[axis] - 1);
        const step = 1 + (c % 2);
        const begin = shape.map((_, i) => (i === axis ? from : 0));
        const steps = shape.map((_, i) => (i === axis ? step : 1));
        const to = shape.map((n, i) => (i === axis ? Math.ceil((n - from) / step) : n));
        put(
          slice(x.tensor, begin, shape, steps),
          build(
            to,
            (index) =>
              x.plain.data[
                broadcastIndex(
                  index.map((at, i) => begin[i] + at * steps[i]),
                  shape,
                )
              ],
          ),
        );
        break;
      }
      case 22: {
        if (axis < 0) break;
        const to = shape.map((n, i) => (i === axis ? 2 * n : n));
        const doubled = build(to, (index) => {
          const second = index[axis] >= shape[axis];
          const source = index.map((at, i) => (i === axis && second ? at - shape[axis] : at));
          return (second ? -1 : 1) * x.plain.data[broadcastIndex(source, shape)];
        });
        put(concat([x.tensor, neg(x.tensor)], axis), doubled);
        break;
      }
      case 23: {
        if (shape.length < 2) break;
        const product = matmul(neg(x.tensor), neg(transpose(x.tensor)));
        const [rows, inner] = shape.slice(-2);
        const lead = shape.slice(0, -2);
        put(
          tanh(product),
          build([...lead, rows, rows], (index) => {
            const [i, j] = index.slice(-2);
            const at = (r: number, k: number) =>
              x.plain.data[broadcastIndex([...index.slice(0, -2), r, k], shape)];
            return Math.tanh(total(Array.from({ length: inner }, (_, k) => at(i, k) * at(j, k))));
          }),
        );
        break;
      }
      case 24: {
        if (axis < 0) break;
        const picks = Array.from({ length: 2 }, (_, i) => (c + i) % shape[axis]);
        const to = shape.map((n, i) => (i === axis ? picks.length : n));
        const index = build(to, (at) => picks[at[axis]]);
        put(
          // As for assign: a hand-written kernel refuses a stale state, so it reads the result of an operation.
          neg(gather(neg(x.tensor), literal(index.data, to), axis)),
          build(
            to,
            (at) =>
              x.plain.data[
                broadcastIndex(
                  at.map((k, i) => (i === axis ? picks[k] : k)),
                  shape,
                )
              ],
          ),
        );
        break;
      }
      case 25:
        put(stopGradient(x.tensor), x.plain);
        break;
      case 26: {
        const [state, plain] = [...states][b % states.size];
        put(read(state), plain);
        break;
      }
      case 27: {
        const [state] = [...states][b % states.size];
        if (sizeOf(shape) !== state.size || shape.at(-1) !== state.shape.at(-1)) break;
        // The kernel that assigns reads a buffer, so a stale read of a state goes through an operation.
        assign(state, neg(reshape(x.tensor, state.shape)));
        states.set(state, { shape: state.shape, data: x.plain.data.map((v) => -v) });
        break;
      }
      default:
        throw new Error(`no operation ${operation}`);
    }
  }
  const chosen = values.filter((_, i) => i >= values.length - 2 || i % 5 === 2);
  const named = (of: (value: Value) => Plain | Tensor) =>
    Object.fromEntries(chosen.map((value, i) => [`o${i}`, of(value)]));
  const outputs = named((value) => value.tensor) as Record<string, Tensor>;
  const expected = named((value) => value.plain) as Record<string, Plain>;
  for (const [i, state] of [...states.keys()].entries()) {
    outputs[`state${i}`] = read(state);
    expected[`state${i}`] = states.get(state) as Plain;
  }
  return { outputs, expected };
}

export const freshStates = (): Map<State, Plain> =>
  new Map(
    ['s', 't'].map((name, n) => {
      const data = Array.from({ length: 12 }, (_, i) => Math.fround(Math.sin(3 * i + n)));
      return [new State(name, stateShape, Float32Array.from(data)), { shape: stateShape, data }] as const;
    }),
  );
