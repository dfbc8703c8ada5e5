import { oneHot } from '../distributions/categorical.ts';
import { layerNormalise } from '../nn/mlp.ts';
import {
  abs,
  add,
  div,
  exp,
  greater,
  logSoftmax,
  logSumExp,
  matmul,
  mean,
  mul,
  neg,
  reshape,
  sin,
  softmax,
  softplus,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tanh,
  where,
} from '../tape/index.ts';
import type { GoldenCase } from './format.ts';
import { emitProduct } from './ops.ts';
import type { Recipe } from './recipe.ts';
import type { Setting } from './setting.ts';

/** Functions made of several operations, as a user would write them, by the case's name. */
const compositions = new Map<string, (setting: Setting) => Tensor>(
  Object.entries({
    'compose/quadratic_form': (c: Setting) => {
      const x = c.input('x');
      const row = reshape(x, [1, x.size]);
      return sum(mul(row, matmul(row, c.input('A'))));
    },
    'compose/linear_tanh_sumsq': (c: Setting) =>
      sum(square(tanh(add(matmul(c.input('x'), c.input('W')), c.input('b'))))),
    'compose/layernorm': (c: Setting) => layerNormalise(c.input('x'), c.input('gamma'), c.input('beta')),
    'compose/cross_entropy': (c: Setting) => {
      const x = c.input('x');
      const [rows, classes] = x.shape;
      const picked = mul(oneHot(reshape(c.input('target'), [rows, 1]), classes), logSoftmax(x, 1));
      return neg(mean(sum(picked, 1)));
    },
    'compose/gauss_nll': (c: Setting) => {
      const z = div(sub(c.input('x'), c.input('mean')), exp(c.input('log_std')));
      return mean(add(add(mul(0.5, square(z)), c.input('log_std')), 0.5 * Math.log(2 * Math.PI)));
    },
    'compose/diamond': (c: Setting) => {
      const x = c.input('x');
      const u = add(mul(2, x), 1);
      return add(mul(sin(u), exp(neg(u))), mul(u, x));
    },
    'compose/chain50': (c: Setting) => {
      let h = c.input('x');
      for (let i = 0; i < 50; i++) h = add(sin(mul(c.input('a'), h)), mul(0.5, h));
      return h;
    },
    'compose/attention': (c: Setting) => {
      const scores = matmul(c.input('q'), c.input('k'), { transB: true });
      return matmul(softmax(mul(0.5, scores), 1), c.input('v'));
    },
    'compose/softmax_entropy': (c: Setting) => {
      const logP = logSoftmax(c.input('x'), 1);
      return neg(sum(mul(exp(logP), logP), 1));
    },
    'compose/std': (c: Setting) => {
      const x = c.input('x');
      return sqrt(add(mean(square(sub(x, mean(x, 0, true))), 0), 1e-6));
    },
    'compose/normalised_weights': (c: Setting) =>
      sum(mul(mul(stopGradient(softmax(c.input('l'), 0)), c.input('v')), c.input('l'))),
    'compose/huber': (c: Setting) => {
      const e = sub(c.input('x'), c.input('t'));
      return mean(where(greater(1, abs(e)), mul(0.5, square(e)), sub(abs(e), 0.5)));
    },
    'compose/bmm_softmax': (c: Setting) => logSumExp(matmul(c.input('a'), c.input('b')), 2),
    'compose/tanh_logdet': (c: Setting) => {
      const u = c.input('u');
      return mul(2, sub(sub(Math.LN2, u), softplus(mul(-2, u))));
    },
  }),
);

const algebraic = new Set(['compose/quadratic_form', 'compose/layernorm', 'compose/std', 'compose/huber']);

export const composeRecipe: Recipe = {
  computes: ({ name }: GoldenCase) => compositions.has(name),
  transcendental: ({ name }) => !algebraic.has(name),
  record: (setting) => {
    const compose = compositions.get(setting.golden.name);
    if (compose) emitProduct(setting, compose(setting));
  },
};
