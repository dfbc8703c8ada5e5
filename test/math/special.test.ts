import { readFileSync } from 'node:fs';
import { all, create } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  digamma,
  erf,
  erfc,
  logGamma,
  logSigmoid,
  logSumExp,
  sigmoid,
  softplus,
  trigamma,
} from '../../src/math/special.ts';

const oracle = create(all, { number: 'BigNumber', precision: 50 });
const big = oracle.bignumber;
const PI = big('3.14159265358979323846264338327950288419716939937510582');

function close(actual: number, expected: number, relative: number, label: string): void {
  const error = Math.abs(actual - expected);
  assert.ok(
    error <= relative * Math.abs(expected),
    `${label}: ${actual} against ${expected}, error ${error}`,
  );
}

/** `count` points from `low` to `high`, ends included. */
const grid = (low: number, high: number, count: number) =>
  Array.from({ length: count }, (_, i) => low + ((high - low) * i) / (count - 1));

test('sigmoid, softplus and logSigmoid agree with 50-digit arithmetic', () => {
  for (const x of [...grid(-60, 60, 241), -700, -300, 300, 700, -1e-9, 1e-9]) {
    const e = big(x).exp();
    close(sigmoid(x), e.div(e.plus(1)).toNumber(), 1e-15, `sigmoid(${x})`);
    // Further down the oracle's 50 digits are not enough for 1 + e^x.
    if (x < -60) continue;
    const softplusOfX = e.plus(1).ln().toNumber();
    close(softplus(x), softplusOfX, 1e-15, `softplus(${x})`);
    close(logSigmoid(-x), -softplusOfX, 1e-15, `logSigmoid(${-x})`);
  }
  assert.is(softplus(-700), Math.exp(-700));
});

test('the logistic family has the right limits and passes NaN on', () => {
  const infinity = Number.POSITIVE_INFINITY;
  assert.equal([sigmoid(infinity), sigmoid(-infinity)], [1, 0]);
  assert.equal([softplus(infinity), softplus(-infinity)], [infinity, 0]);
  assert.equal([logSigmoid(infinity), logSigmoid(-infinity)], [-0, -infinity]);
  for (const f of [sigmoid, softplus, logSigmoid, erf, erfc, logGamma, digamma, trigamma]) {
    assert.ok(Number.isNaN(f(Number.NaN)), f.name);
  }
});

test('logSumExp neither overflows nor underflows', () => {
  close(logSumExp([1000, 1000]), 1000 + Math.LN2, 1e-15, 'large');
  close(logSumExp([-1000, -1001]), -1000 + Math.log1p(Math.exp(-1)), 1e-15, 'small');
  close(
    logSumExp(new Float32Array([0.5, -1.5, 2])),
    Math.log(Math.exp(0.5) + Math.exp(-1.5) + Math.exp(2)),
    1e-15,
    '3',
  );
  assert.is(logSumExp([]), Number.NEGATIVE_INFINITY);
  assert.is(logSumExp([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]), Number.NEGATIVE_INFINITY);
  assert.is(logSumExp([3, Number.POSITIVE_INFINITY]), Number.POSITIVE_INFINITY);
  assert.is(logSumExp([Number.NEGATIVE_INFINITY, 3]), 3);
  assert.ok(Number.isNaN(logSumExp([1, Number.NaN])));
});

/** erf by its all-positive series (DLMF 7.6.2) in 50 digits. */
function erfOracle(x: number) {
  const square = big(x).pow(2);
  let term = big(x);
  let sum = term;
  for (let n = 1; n < 500; n++) {
    term = term
      .times(square)
      .times(2)
      .div(2 * n + 1);
    sum = sum.plus(term);
  }
  return sum.times(2).div(PI.sqrt()).times(square.neg().exp());
}

test('erf and erfc agree with 50-digit arithmetic on both sides of every branch', () => {
  // Steps of ⅛, since the oracle reads a number by its decimal digits.
  const branch = [0.75 - 1e-15, 0.75, 0.75 + 1e-15, 3.75];
  for (const x of [...grid(-6, 6, 97), ...branch, 1e-9, -1e-300].filter((v) => v !== 0)) {
    const expected = erfOracle(x);
    close(erf(x), expected.toNumber(), 1e-15, `erf(${x})`);
    close(erfc(x), big(1).minus(expected).toNumber(), 1e-15, `erfc(${x})`);
  }
  assert.equal([erf(0), erf(-0), erf(40), erf(-40), erfc(0), erfc(-40), erfc(40)], [0, -0, 1, -1, 1, 2, 0]);
});

test('erfc keeps its relative accuracy far into the tail', () => {
  // Computed with 50 digits.
  close(erfc(10), 2.088487583762545e-45, 1e-15, 'erfc(10)');
  close(erfc(20), 5.395865611607901e-176, 1e-15, 'erfc(20)');
  close(erfc(26), 5.663192408856143e-296, 1e-15, 'erfc(26)');
});

test('gamma family: known constants', () => {
  const euler = 0.5772156649015329;
  assert.equal([logGamma(1), logGamma(2)], [0, 0]);
  close(logGamma(0.5), Math.log(Math.PI) / 2, 1e-15, 'log Γ(½)');
  close(logGamma(171), 706.5730622457874, 1e-15, 'log 170!');
  close(logGamma(1e-300), 300 * Math.LN10, 1e-15, 'log Γ(1e-300)');
  close(logGamma(1e100), 1e100 * (100 * Math.LN10 - 1), 1e-15, 'log Γ(1e100)');
  close(digamma(1), -euler, 1e-15, 'ψ(1)');
  close(digamma(0.5), -euler - 2 * Math.LN2, 1e-15, 'ψ(½)');
  close(digamma(0.25), -euler - Math.PI / 2 - 3 * Math.LN2, 1e-15, 'ψ(¼)');
  close(trigamma(1), Math.PI ** 2 / 6, 1e-15, 'ψ′(1)');
  close(trigamma(0.5), Math.PI ** 2 / 2, 1e-15, 'ψ′(½)');
  close(trigamma(0.25), Math.PI ** 2 + 8 * 0.915965594177219, 1e-15, 'ψ′(¼)');
});

test('gamma family: relative accuracy beside the zeros', () => {
  // First-order expansions, whose next term is below the tolerance.
  for (const h of [1e-9, -1e-9, 3e-12]) {
    const atOne = 1 + h - 1;
    close(logGamma(1 + h), atOne * (-0.5772156649015329 + (Math.PI ** 2 / 12) * atOne), 1e-15, `1 + ${h}`);
    const atTwo = 2 + h - 2;
    close(logGamma(2 + h), atTwo * (0.42278433509846713 + 0.3224670334241132 * atTwo), 1e-15, `2 + ${h}`);
  }
  // The float64 nearest to digamma's zero lies 9.549995429965697e-17 below it.
  close(digamma(1.4616321449683622), -9.241265521729427e-17, 1e-14, 'ψ at its zero');
});

test('gamma family: recurrences hold across every branch', () => {
  for (const x of [...grid(0.013, 14, 400), 0.5, 1.5, 2.5, 9, 10, 1.211632, 1.711632]) {
    const tolerance = 4e-15;
    const scale = (...terms: number[]) => tolerance * Math.max(...terms.map(Math.abs));
    assert.ok(
      Math.abs(logGamma(x + 1) - logGamma(x) - Math.log(x)) <= scale(logGamma(x), Math.log(x), 1),
      `log Γ(${x})`,
    );
    assert.ok(Math.abs(digamma(x + 1) - digamma(x) - 1 / x) <= scale(digamma(x), 1 / x, 1), `ψ(${x})`);
    assert.ok(Math.abs(trigamma(x) - trigamma(x + 1) - 1 / x ** 2) <= scale(trigamma(x)), `ψ′(${x})`);
  }
});

test('gamma family: duplication formula (DLMF 5.5.5)', () => {
  for (const x of grid(0.05, 40, 300)) {
    const expected = logGamma(x) + logGamma(x + 0.5) + (2 * x - 1) * Math.LN2 - Math.log(Math.PI) / 2;
    assert.ok(
      Math.abs(logGamma(2 * x) - expected) <= 1e-15 * (8 + 4 * Math.abs(expected)),
      `log Γ(${2 * x})`,
    );
  }
});

test('gamma family: the domain is x > 0', () => {
  for (const f of [logGamma, digamma, trigamma]) {
    assert.ok(Number.isNaN(f(0)), `${f.name}(0)`);
    assert.ok(Number.isNaN(f(-1.5)), `${f.name}(-1.5)`);
  }
  const infinity = Number.POSITIVE_INFINITY;
  assert.equal([logGamma(infinity), digamma(infinity), trigamma(infinity)], [infinity, infinity, 0]);
});

interface GoldenArray {
  data: number[];
}
interface GoldenCase {
  inputs: { x: GoldenArray; g: GoldenArray };
  params: { op: string };
  expect: { y: GoldenArray; 'grad.x': GoldenArray };
  tolerance: Record<'y' | 'grad.x', { f64: { rtol: number; atol: number } }>;
}

const normalDensity = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const normalCdf = (x: number) => erfc(-x / Math.SQRT2) / 2;

const goldenOps: Record<string, { value: (x: number) => number; derivative: (x: number) => number }> = {
  sigmoid: { value: sigmoid, derivative: (x) => sigmoid(x) * sigmoid(-x) },
  logsigmoid: { value: logSigmoid, derivative: (x) => sigmoid(-x) },
  softplus: { value: softplus, derivative: sigmoid },
  silu: { value: (x) => x * sigmoid(x), derivative: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  erf: { value: erf, derivative: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) },
  gelu_erf: { value: (x) => x * normalCdf(x), derivative: (x) => normalCdf(x) + x * normalDensity(x) },
  lgamma: { value: logGamma, derivative: digamma },
  digamma: { value: digamma, derivative: trigamma },
};

test('values and derivatives agree with the golden vectors at their float64 tolerance', () => {
  const { cases } = JSON.parse(readFileSync('test/golden/ops_unary.json', 'utf8')) as { cases: GoldenCase[] };
  const seen = new Set<string>();
  for (const { inputs, params, expect, tolerance } of cases) {
    const op = goldenOps[params.op];
    if (op === undefined) continue;
    seen.add(params.op);
    inputs.x.data.forEach((x, i) => {
      const compare = (key: 'y' | 'grad.x', actual: number) => {
        const expected = expect[key].data[i];
        const { rtol, atol } = tolerance[key].f64;
        const error = Math.abs(actual - expected);
        assert.ok(error <= atol + rtol * Math.abs(expected), `${params.op} ${key} at ${x}: error ${error}`);
      };
      compare('y', op.value(x));
      compare('grad.x', inputs.g.data[i] * op.derivative(x));
    });
  }
  assert.equal([...seen].sort(), Object.keys(goldenOps).sort());
});

test.run();
