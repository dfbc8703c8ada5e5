// The linear-quadratic task against its mathematics: dynamics by another library's matrices, the soft optimum by
// iterating the soft Bellman equation with quadrature, by finite differences and by simulation.
import { add, inv, type Matrix as MathMatrix, matrix, multiply, subtract, transpose } from 'mathjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dampedMass, LinearQuadratic, type LinearQuadraticSystem } from '../../src/envs/linear-quadratic.ts';
import { softOptimalLinearQuadratic } from '../../src/envs/linear-quadratic-optimum.ts';
import { NumericsError, UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { gaussLegendre } from '../../src/math/quadrature.ts';

/** Three states, two actions, one unstable mode, and nothing diagonal. */
const coupled: LinearQuadraticSystem = {
  dynamics: [
    [1.05, 0.2, 0],
    [-0.1, 0.9, 0.3],
    [0, 0.1, 0.8],
  ],
  control: [
    [0.5, 0],
    [0.1, 0.4],
    [0, -0.2],
  ],
  stateCost: [
    [2, 0.3, 0],
    [0.3, 1, 0.1],
    [0, 0.1, 0.5],
  ],
  actionCost: [
    [0.4, 0.1],
    [0.1, 0.6],
  ],
  noise: [0.1, 0, 0.3],
};
const near = (actual: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);

test('the environment moves and pays as the matrices say, and clips its actions', () => {
  const environment = new LinearQuadratic({ system: { ...coupled, noise: [0, 0, 0] }, maxAction: 2 });
  environment.reset(1);
  const random = new PhiloxStream(2);
  for (let t = 0; t < 20; t++) {
    const state = matrix([...environment.getState().physics]);
    const asked = [random.uniformIn(-3, 3), random.uniformIn(-3, 3)];
    const action = matrix(asked.map((x) => Math.max(-2, Math.min(2, x))));
    const { observation, reward, terminated } = environment.step(asked);
    const form = (cost: LinearQuadraticSystem['stateCost'], x: MathMatrix) =>
      Number(multiply(multiply(x, matrix(cost.map((row) => [...row]))), x));
    const expected = add(
      multiply(matrix(coupled.dynamics.map((row) => [...row])), state),
      multiply(matrix(coupled.control.map((row) => [...row])), action),
    ).toArray() as number[];
    near(reward, -form(coupled.stateCost, state) - form(coupled.actionCost, action), 1e-12, 'reward');
    expected.forEach((value, i) => {
      near(environment.getState().physics[i], value, 1e-12, `state ${i}`);
      assert.is(observation[i], Math.fround(environment.getState().physics[i]));
    });
    assert.is(terminated, false);
  }
});

test('the process noise is normal with the given deviations', () => {
  const environment = new LinearQuadratic({ system: coupled, maxEpisodeSteps: 1 });
  const draws = 20_000;
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  environment.reset(5);
  const start = { ...environment.getState(), physics: [0, 0, 0] };
  for (let k = 0; k < draws; k++) {
    environment.setState({ ...start, random: environment.getState().random });
    environment.step([0, 0]);
    environment.getState().physics.forEach((x, i) => {
      sums[i] += x;
      squares[i] += x * x;
    });
  }
  coupled.noise.forEach((deviation, i) => {
    near(sums[i] / draws, 0, (5 * deviation) / Math.sqrt(draws), `mean ${i}`);
    near(squares[i] / draws, deviation ** 2, 5 * deviation ** 2 * Math.sqrt(2 / draws), `variance ${i}`);
  });
});

test('in one dimension the soft Bellman equation, iterated by quadrature, gives value, gain and deviation', () => {
  const [a, b, q, r, noise, discount, temperature] = [1.1, 0.5, 1, 0.3, 0.2, 0.9, 0.4];
  const system = {
    dynamics: [[a]],
    control: [[b]],
    stateCost: [[q]],
    actionCost: [[r]],
    noise: [noise],
  };
  const gusts = gaussLegendre(40, -8, 8);
  const actions = gaussLegendre(160, -9, 9);
  // The value is a quadratic, so three nodes hold it exactly; nothing else of the solution is assumed.
  const nodes = [-1.5, 0.5, 1];
  const interpolate = (values: readonly number[], s: number) =>
    nodes.reduce((total, node, i) => {
      const others = nodes.filter((_, j) => j !== i);
      return total + values[i] * others.reduce((basis, other) => (basis * (s - other)) / (node - other), 1);
    }, 0);
  const actionValue = (values: readonly number[], s: number, action: number) => {
    const next = gusts.nodes.reduce(
      (total, gust, i) =>
        total +
        ((gusts.weights[i] * Math.exp(-0.5 * gust ** 2)) / Math.sqrt(2 * Math.PI)) *
          interpolate(values, a * s + b * action + noise * gust),
      0,
    );
    return -q * s * s - r * action * action + discount * next;
  };
  /** Unnormalised weights of the actions, and the logarithm of what they were divided by. */
  const boltzmann = (values: readonly number[], s: number) => {
    const logits = actions.nodes.map((action) => actionValue(values, s, action) / temperature);
    const most = Math.max(...logits);
    return { most, weights: logits.map((logit, i) => actions.weights[i] * Math.exp(logit - most)) };
  };
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  let values = [0, 0, 0];
  for (let k = 0; k < 230; k++)
    values = nodes.map((s) => {
      const { most, weights } = boltzmann(values, s);
      return temperature * (most + Math.log(total(weights)));
    });

  const { gain, covariance, valueMatrix, valueConstant } = softOptimalLinearQuadratic(system, {
    discount,
    temperature,
  });
  for (const s of [-1.5, 0, 0.7]) {
    near(interpolate(values, s), -valueMatrix[0][0] * s * s + valueConstant, 1e-8, `value at ${s}`);
    const { weights } = boltzmann(values, s);
    const mean = total(weights.map((weight, i) => weight * actions.nodes[i])) / total(weights);
    const square = total(weights.map((weight, i) => weight * actions.nodes[i] ** 2)) / total(weights);
    near(mean, -gain[0][0] * s, 1e-8, `mean at ${s}`);
    near(square - mean ** 2, covariance[0][0], 1e-8, `variance at ${s}`);
  }
});

for (const [name, system] of Object.entries({ dampedMass, coupled })) {
  const discount = 0.97;
  const temperature = 0.3;
  const { gain, covariance, valueMatrix, valueConstant } = softOptimalLinearQuadratic(system, {
    discount,
    temperature,
  });
  const toMatrix = (rows: readonly (readonly number[])[]) => matrix(rows.map((row) => [...row]));
  const [A, B, P] = [toMatrix(system.dynamics), toMatrix(system.control), toMatrix(valueMatrix)];

  test(`${name}: the value matrix solves the Riccati equation in another library's algebra`, () => {
    const M = add(toMatrix(system.actionCost), multiply(discount, multiply(multiply(transpose(B), P), B)));
    const K = multiply(discount, multiply(inv(M), multiply(multiply(transpose(B), P), A)));
    const kept = multiply(discount, multiply(multiply(transpose(A), P), A));
    const residual = subtract(
      subtract(add(toMatrix(system.stateCost), kept), multiply(multiply(transpose(K), M), K)),
      P,
    );
    const flat = (x: unknown) => (x as MathMatrix).toArray().flat(2) as number[];
    flat(residual).forEach((x) => {
      near(x, 0, 1e-11, 'residual');
    });
    flat(K).forEach((x, i) => {
      near(gain.flat()[i], x, 1e-11, 'gain');
    });
    flat(multiply(temperature / 2, inv(M))).forEach((x, i) => {
      near(covariance.flat()[i], x, 1e-12, 'covariance');
    });
  });

  test(`${name}: the action value peaks at the mean, and its curvature is the precision`, () => {
    const state = system.dynamics.map((_, i) => 0.8 - 0.7 * i);
    const mean = gain.map((row) => -row.reduce((sum, k, i) => sum + k * state[i], 0));
    const form = (x: MathMatrix, m: MathMatrix) => Number(multiply(multiply(x, m), x));
    const actionValue = (action: readonly number[]) => {
      const next = add(multiply(A, matrix(state)), multiply(B, matrix([...action])));
      const gusts = system.noise.reduce((sum, w, i) => sum + valueMatrix[i][i] * w * w, 0);
      const cost =
        form(matrix(state), toMatrix(system.stateCost)) +
        form(matrix([...action]), toMatrix(system.actionCost));
      return -cost + discount * (valueConstant - form(next, P) - gusts);
    };
    const h = 1e-3;
    const moved = (i: number, x: number, j = i, y = 0) =>
      actionValue(mean.map((value, k) => value + (k === i ? x : 0) + (k === j ? y : 0)));
    const curvature = mean.map((_, i) =>
      mean.map((_, j) =>
        i === j
          ? (moved(i, h) + moved(i, -h) - 2 * moved(i, 0)) / h ** 2
          : (moved(i, h, j, h) - moved(i, h, j, -h) - moved(i, -h, j, h) + moved(i, -h, j, -h)) / (4 * h * h),
      ),
    );
    mean.forEach((_, i) => {
      near((moved(i, h) - moved(i, -h)) / (2 * h), 0, 1e-8, `slope ${i}`);
    });
    const precision = inv(toMatrix(covariance)).toArray() as number[][];
    curvature.flat().forEach((x, i) => {
      near(-x / temperature, precision.flat()[i], 1e-5 * Math.abs(precision[0][0]), `curvature ${i}`);
    });
    // V(s) = α log ∫ exp(Q/α) da, a Gaussian integral about its peak.
    const volume = 0.5 * mean.length * Math.log(2 * Math.PI) - 0.5 * Math.log(determinant(precision));
    const value = -form(matrix(state), P) + valueConstant;
    near(moved(0, 0) + temperature * volume, value, 1e-9 * Math.abs(value), 'soft value');
  });

  test(`${name}: simulated discounted soft returns average to the value, and other gains do worse`, () => {
    const environment = new LinearQuadratic({ system, maxAction: 1e6, maxEpisodeSteps: 500 });
    const actions = gain.length;
    const deviation = covariance.map((row) => row.map(() => 0));
    // Cholesky factor of at most 2×2.
    deviation[0][0] = Math.sqrt(covariance[0][0]);
    if (actions === 2) {
      deviation[1][0] = covariance[1][0] / deviation[0][0];
      deviation[1][1] = Math.sqrt(covariance[1][1] - deviation[1][0] ** 2);
    }
    const entropy = 0.5 * actions * (1 + Math.log(2 * Math.PI)) + 0.5 * Math.log(determinant(covariance));
    const start = system.dynamics.map((_, i) => 0.5 - 0.3 * i);
    const simulate = (factor: number) => {
      const random = new PhiloxStream(3);
      environment.reset(4);
      const returns: number[] = [];
      for (let episode = 0; episode < 200; episode++) {
        environment.reset();
        environment.setState({ ...environment.getState(), physics: start });
        let sum = 0;
        for (let t = 0; t < 500; t++) {
          const { physics } = environment.getState();
          const noise = deviation.map(() => random.nextNormal());
          const action = gain.map(
            (row, i) =>
              -factor * row.reduce((x, k, j) => x + k * physics[j], 0) +
              deviation[i].reduce((x, d, j) => x + d * noise[j], 0),
          );
          sum += discount ** t * (environment.step(action).reward + temperature * entropy);
        }
        returns.push(sum);
      }
      const mean = returns.reduce((x, y) => x + y, 0) / returns.length;
      const spread = returns.reduce((x, y) => x + (y - mean) ** 2, 0) / (returns.length - 1);
      return { mean, standardError: Math.sqrt(spread / returns.length) };
    };
    const best = simulate(1);
    const form = start.reduce(
      (sum, x, i) => sum + start.reduce((part, y, j) => part + x * valueMatrix[i][j] * y, 0),
      0,
    );
    near(best.mean, valueConstant - form, 4 * best.standardError, 'soft return');
    // The same noise in all three, so that differences are not lost in it.
    for (const factor of [0.8, 1.2]) assert.ok(simulate(factor).mean < best.mean, `gain × ${factor}`);
  });
}

function determinant(x: readonly (readonly number[])[]): number {
  return x.length === 1 ? x[0][0] : x[0][0] * x[1][1] - x[0][1] * x[1][0];
}

test('what is no system, or cannot be stabilised, is refused with the reason', () => {
  const refused = (system: Partial<LinearQuadraticSystem>, message: RegExp) =>
    assert.throws(
      () => new LinearQuadratic({ system: { ...dampedMass, ...system } }),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    );
  refused({ control: [[1, 2]] }, /control must be 2×1 finite numbers; got \[\[1,2\]\]/);
  refused(
    {
      dynamics: [
        [1, Number.NaN],
        [0, 1],
      ],
    },
    /dynamics must be 2×2/,
  );
  refused({ noise: [1] }, /noise must be 2 finite numbers from 0/);
  refused({ noise: [0, -1] }, /noise must be 2/);
  refused({ actionCost: [[0]] }, /actionCost must be symmetric and positive definite/);
  refused(
    {
      stateCost: [
        [1, 0],
        [0, -1],
      ],
    },
    /stateCost must be symmetric and positive semidefinite/,
  );
  refused(
    {
      stateCost: [
        [1, 1],
        [0, 1],
      ],
    },
    /stateCost must be symmetric/,
  );
  refused({ actionCost: [] }, /at least one state and one action/);
  for (const maxAction of [0, Number.POSITIVE_INFINITY])
    assert.throws(() => new LinearQuadratic({ maxAction }), /maxAction must be a finite number above 0/);
  assert.throws(() => new LinearQuadratic({ maxEpisodeSteps: 0.5 }), /maxEpisodeSteps must be a whole/);
  const free = {
    ...dampedMass,
    stateCost: [
      [0, 0],
      [0, 0],
    ],
  };
  assert.is(new LinearQuadratic({ system: free }).name, 'linear-quadratic'); // semidefinite is allowed
  const options = { discount: 0.99, temperature: 1 };
  const adrift = {
    ...dampedMass,
    dynamics: [
      [1.2, 0],
      [0, 0.9],
    ],
  };
  assert.throws(
    () => softOptimalLinearQuadratic(adrift, options),
    (error: unknown) => error instanceof NumericsError && /does not converge/.test(error.message),
  );
  for (const discount of [0, 1, Number.NaN])
    assert.throws(() => softOptimalLinearQuadratic(dampedMass, { ...options, discount }), /between 0 and 1/);
  assert.throws(() => softOptimalLinearQuadratic(dampedMass, { ...options, temperature: 0 }), /above 0/);
});

test.run();
