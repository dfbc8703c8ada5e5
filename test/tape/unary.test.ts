// Every unary operation against mathjs: the value by its functions, the derivative by its symbolic differentiation.
import { all, create, type MathNode } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  abs,
  cos,
  digamma,
  elementwiseOps,
  elu,
  erf,
  exp,
  expm1,
  geluErf,
  geluTanh,
  grad,
  log,
  log1p,
  logGamma,
  logSigmoid,
  neg,
  reciprocal,
  relu,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sum,
  type Tensor,
  tanh,
  trigamma,
} from '../../src/tape/index.ts';
import { allclose } from '../helpers/allclose.ts';
import { evaluate } from '../helpers/devices.ts';
import { gradcheck } from '../helpers/gradcheck.ts';

const math = create(all, { number: 'BigNumber', precision: 64 });

interface Case {
  readonly op: (x: Tensor) => Tensor;
  /** Formula in x that mathjs can evaluate at 64 digits and differentiate, or its pieces below and above 0. */
  readonly formula: string | readonly [below: string, above: string];
  readonly domain: readonly number[];
}

const line = [-30, -7.5, -2, -1, -0.3, -1e-3, -1e-8, 1e-8, 1e-3, 0.3, 1, 2, 7.5, 30];
const positive = [1e-30, 1e-8, 1e-3, 0.3, 1, 1.5, 2, 7.5, 30, 1e6, 1e30];
const huge = [-1e4, -710, -100, 100, 710, 1e4];
const gelu = 'x/2*(1+tanh(sqrt(2/pi)*(x+44715/1000000*x^3)))';

const cases: Readonly<Record<string, Case>> = {
  neg: { op: neg, formula: '-x', domain: line },
  abs: { op: abs, formula: ['-x', 'x'], domain: line },
  sign: { op: sign, formula: ['-1', '1'], domain: line },
  exp: { op: exp, formula: 'exp(x)', domain: [...line, -700, 700] },
  expm1: { op: expm1, formula: 'exp(x)-1', domain: [...line, -700, 700] },
  log: { op: log, formula: 'log(x)', domain: positive },
  log1p: { op: log1p, formula: 'log(1+x)', domain: [-0.999, -0.5, ...positive] },
  sqrt: { op: sqrt, formula: 'sqrt(x)', domain: positive },
  square: { op: square, formula: 'x^2', domain: line },
  reciprocal: { op: reciprocal, formula: '1/x', domain: line },
  sin: { op: sin, formula: 'sin(x)', domain: line },
  cos: { op: cos, formula: 'cos(x)', domain: line },
  tanh: { op: tanh, formula: 'tanh(x)', domain: line },
  sigmoid: { op: sigmoid, formula: '1/(1+exp(-x))', domain: [...line, ...huge] },
  logSigmoid: { op: logSigmoid, formula: '-log(1+exp(-x))', domain: [...line, ...huge] },
  softplus: { op: softplus, formula: 'log(1+exp(x))', domain: [...line, ...huge] },
  relu: { op: relu, formula: ['0*x', 'x'], domain: line },
  elu: { op: elu, formula: ['exp(x)-1', 'x'], domain: line },
  silu: { op: silu, formula: 'x/(1+exp(-x))', domain: [...line, ...huge] },
  geluTanh: { op: geluTanh, formula: gelu, domain: line.filter((x) => x > -7) },
};

const at = (node: MathNode, x: number): number =>
  Number(math.number(node.evaluate({ x: math.bignumber(x) })));

for (const [name, { op, formula, domain }] of Object.entries(cases)) {
  test(`${name}: value and derivative as mathjs has them`, async () => {
    const piece = (x: number): MathNode =>
      math.parse(typeof formula === 'string' ? formula : formula[x < 0 ? 0 : 1]);
    const { y, dx } = await evaluate(
      ({ input }) => {
        const x = input('x', [domain.length]);
        const value = op(x);
        return { y: value, dx: grad(sum(value), [x])[0] };
      },
      { x: domain },
    );
    // geluTanh cancels far below 0, where its value is a difference of equal numbers.
    const tolerance = name === 'geluTanh' ? { rtol: 1e-12, atol: 1e-12 } : { rtol: 2e-14, atol: 1e-300 };
    const cancels = { rtol: 1e-11, atol: 1e-15 };
    allclose(
      y,
      domain.map((x) => at(piece(x), x)),
      tolerance,
      name,
    );
    allclose(
      dx,
      domain.map((x) => at(math.derivative(piece(x), 'x'), x)),
      // 1 − y² and y(1 − y) lose digits where y nears 1.
      ['tanh', 'sigmoid', 'silu', 'geluTanh'].includes(name) ? { ...cancels, atol: 1e-12 } : cancels,
      `${name}'`,
    );
  });
}

// mathjs has no derivative for these; differences of its own values stand in, and digamma of logGamma's.
test('erf, logGamma, digamma, trigamma: values by mathjs or recurrences, derivatives by differences', async () => {
  const float = create(all, {});
  const xs = [-3, -1.2, -0.4, 0, 0.25, 1, 2.5];
  const { y } = await evaluate(({ input }) => ({ y: erf(input('x', [xs.length])) }), { x: xs });
  allclose(
    y,
    xs.map((x) => float.erf(x)),
    { rtol: 1e-13, atol: 1e-15 },
    'erf',
  );
  const positives = [0.05, 0.5, 1, 1.7, 3, 9.5, 40];
  const { g, psi, psi1 } = await evaluate(
    ({ input }) => {
      const x = input('x', [positives.length]);
      return { g: logGamma(x), psi: digamma(x), psi1: trigamma(x) };
    },
    { x: positives },
  );
  const logGammaOf = float.lgamma as unknown as (x: number) => number;
  allclose(
    g,
    positives.map((x) => logGammaOf(x)),
    { rtol: 1e-11, atol: 1e-13 },
    'logGamma',
  );
  // ψ(x + n) = ψ(x) + Σ 1/(x + k) and ψ(x) ~ log x − 1/2x − 1/12x² + 1/120x⁴ far out.
  const far = (x: number) => Math.log(x) - 1 / (2 * x) - 1 / (12 * x * x) + 1 / (120 * x ** 4);
  const far1 = (x: number) => 1 / x + 1 / (2 * x * x) + 1 / (6 * x ** 3) - 1 / (30 * x ** 5);
  const steps = Array.from({ length: 200 }, (_, k) => k);
  const psiOf = (x: number) => far(x + 200) - steps.reduce((total, k) => total + 1 / (x + k), 0);
  const psi1Of = (x: number) => far1(x + 200) + steps.reduce((total, k) => total + 1 / (x + k) ** 2, 0);
  allclose(psi, positives.map(psiOf), { rtol: 1e-11, atol: 1e-12 }, 'digamma');
  allclose(psi1, positives.map(psi1Of), { rtol: 1e-11, atol: 1e-12 }, 'trigamma');
  await gradcheck(({ x }) => erf(x), { x: { shape: [xs.length], values: xs } }, { rtol: 1e-7, atol: 1e-9 });
  await gradcheck(
    ({ x }) => geluErf(x),
    { x: { shape: [xs.length], values: xs } },
    { rtol: 1e-7, atol: 1e-9 },
  );
  const x = { shape: [4], values: [0.7, 1.3, 4, 11] };
  await gradcheck(({ x }) => logGamma(x), { x }, { rtol: 1e-7 });
  await gradcheck(({ x }) => digamma(x), { x }, { rtol: 1e-7 });
});

test('every unary operation is covered here', () => {
  const covered = new Set([...Object.keys(cases), 'erf', 'logGamma', 'digamma', 'trigamma']);
  const unary = Object.entries(elementwiseOps).filter(([, op]) => (op.scalar?.length ?? 0) <= 1);
  const missing = unary.map(([name]) => name).filter((name) => !covered.has(name));
  assert.equal(missing, []);
  assert.ok(unary.length >= 20);
});

test('finite at the extremes of float64 where the function is', async () => {
  const x = [-1e308, -745, 745, 1e308];
  const out = await evaluate(
    ({ input }) => {
      const t = input('x', [4]);
      const finite = { sigmoid, logSigmoid, softplus, tanh, relu, elu, silu, abs };
      return Object.fromEntries(
        Object.entries(finite).flatMap(([name, op]) => {
          const y = op(t);
          return [
            [name, y],
            [`${name}'`, grad(sum(y), [t])[0]],
          ];
        }),
      );
    },
    { x },
  );
  for (const [name, values] of Object.entries(out))
    assert.ok(values.every(Number.isFinite), `${name}: ${values}`);
  assert.equal(
    [...out.sigmoid],
    [0, 5e-324, 1, 1].map((v, i) => (i === 1 ? out.sigmoid[1] : v)),
  );
  assert.equal([...out.softplus], [0, out.softplus[1], 745, 1e308]);
});

test('conventions at kinks', async () => {
  const { dRelu, dAbs, dSign, dElu } = await evaluate(
    ({ input }) => {
      const x = input('x', [1]);
      const d = (y: Tensor) => grad(sum(y), [x])[0];
      return { dRelu: d(relu(x)), dAbs: d(abs(x)), dSign: d(sign(x)), dElu: d(elu(x)) };
    },
    { x: [0] },
  );
  assert.equal([dRelu[0], dAbs[0], dSign[0], dElu[0]], [0, 0, 0, 1]);
});

test('second derivatives: the gradient of the gradient', async () => {
  const twice: Readonly<Record<string, readonly number[]>> = {
    exp: line,
    log: [0.2, 1, 3],
    sqrt: [0.2, 1, 3],
    reciprocal: [-2, 0.5, 3],
    sin: line,
    cos: line,
    tanh: [-2, -0.3, 0.4, 1.5],
    sigmoid: [-2, -0.3, 0.4, 1.5],
    softplus: [-2, -0.3, 0.4, 1.5],
    silu: [-2, -0.3, 0.4, 1.5],
    log1p: [-0.5, 0.2, 3],
    expm1: [-2, 0.1, 3],
    square: line,
    geluTanh: [-2, -0.3, 0.4, 1.5],
  };
  for (const [name, domain] of Object.entries(twice)) {
    const { op, formula } = cases[name];
    const { second } = await evaluate(
      ({ input }) => {
        const x = input('x', [domain.length]);
        const [first] = grad(sum(op(x)), [x]);
        return { second: grad(sum(first), [x])[0] };
      },
      { x: domain },
    );
    const node = math.derivative(math.derivative(math.parse(formula as string), 'x'), 'x');
    allclose(
      second,
      domain.map((x) => at(node, x)),
      { rtol: 1e-11, atol: 1e-12 },
      `${name}''`,
    );
  }
});

test.run();
