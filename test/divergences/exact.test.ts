// The divergences called exact are: against their definitions by another rule, where the fixed grid they replaced erred.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { exactly, integrate } from '../../src/divergences/exact.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import { type QualityTarget, qualityTarget } from '../../src/quality/problem.ts';
import { requireSound } from '../../src/rl/numerics.ts';
import {
  add,
  exp,
  grad,
  literal,
  mul,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { evaluate, exactDevice } from '../helpers/devices.ts';
import { type Case, ExactPrograms, errorOf, expected } from './exact-cases.ts';

const test = suite('exact divergences');

const parabola: QualityTarget = {
  ...qualityTarget('unimodal'),
  height: [-Math.LN2, -Math.LN2],
  curvature: [2, 2],
  centre: [0.5, 0.5],
};

test('reverse KL is right for narrow and wide policies, wherever their means fall', async () => {
  const programs = new ExactPrograms(exactDevice());
  for (const temperature of [1e-3, 0.5, 100]) {
    for (const logStd of [-6, -3, 0, 3]) {
      for (const mean of [-12, 0.2, 0.23]) {
        const problem: Case = {
          family: 'tanh-gaussian',
          head: [mean, logStd],
          target: parabola,
          temperature,
        };
        const found = await programs.compute('reverse-kl/exact', problem);
        const off = errorOf(found, expected(problem, ['reverse-kl/exact'])['reverse-kl/exact']);
        assert.ok(off < 1e-5, `mean ${mean}, log-std ${logStd}, temperature ${temperature}: off by ${off}`);
      }
    }
  }
});

test("total variation's kinks are integrated as such", async () => {
  const programs = new ExactPrograms(exactDevice());
  for (const name of ['bimodal', 'boundary']) {
    for (const head of [
      [0.3, -1],
      [0.6, -3],
      [-2, 1],
    ]) {
      const problem: Case = {
        ...{ family: 'tanh-gaussian', head, target: qualityTarget(name), temperature: 0.5 },
      };
      const found = await programs.compute('total-variation/exact', problem);
      const right = expected(problem, ['total-variation/exact'])['total-variation/exact'];
      assert.ok(errorOf(found, right) < 1e-3, `${name}, ${head}: off by ${errorOf(found, right)}`);
    }
  }
});

test('a mixture is resolved where one narrow component gives way to another', async () => {
  const programs = new ExactPrograms(exactDevice());
  const problem: Case = {
    family: 'tanh-gaussian-mixture',
    head: [-1.82, 0.44, 1.57, 1.42, 10.52, -0.74, 2, -10.44, -5.4, -2.4, -5.39, -3.59],
    target: qualityTarget('bimodal'),
    temperature: 0.225,
  };
  const names = ['reverse-kl/exact', 'forward-kl/exact', 'hellinger/exact'];
  const right = expected(problem, names);
  for (const name of names) {
    const off = errorOf(await programs.compute(name, problem), right[name]);
    assert.ok(off < 5e-6, `${name}: off by ${off}`);
  }
});

test('of a mixture the crossings with the target are looked at closely', async () => {
  const programs = new ExactPrograms(exactDevice());
  const problem: Case = {
    family: 'tanh-gaussian-mixture',
    head: [1.31, -0.98, -0.77, 1.36, 7.75, 2.67, -2.14, 7.3, -5.81, -6, -5.62, -6],
    target: qualityTarget('bimodal'),
    temperature: 0.898,
  };
  const names = ['jensen-shannon/exact', 'total-variation/exact'];
  const right = expected(problem, names);
  for (const name of names) {
    const off = errorOf(await programs.compute(name, problem), right[name]);
    assert.ok(off < (name.startsWith('total') ? 1e-3 : 5e-5), `${name}: off by ${off}`);
  }
});

test('in two coordinates Hellinger follows a narrow policy to the corner of the box', async () => {
  const programs = new ExactPrograms(exactDevice());
  const problem: Case = {
    family: 'tanh-gaussian',
    head: [0.5, 0.6, -4, -3],
    target: qualityTarget('bimodal-2d'),
    temperature: 0.1,
  };
  const found = await programs.compute('hellinger/exact', problem);
  const off = errorOf(found, expected(problem, ['hellinger/exact'])['hellinger/exact']);
  assert.ok(off < 1e-4, `off by ${off}`);
});

test('narrow peaks of the target are found between the nodes of the first look', async () => {
  const programs = new ExactPrograms(exactDevice());
  const names = ['forward-kl/exact', 'reverse-kl/exact', 'total-variation/exact'];
  // The other is lower by 400 nats, 0.5, 0.005 and 180: yet at the nodes of the first look the last is far the higher.
  for (const [curvature, temperature, height, beside, centre] of [
    [300, 1e-3, -0.4, 2, 0.137],
    [3000, 1, -0.5, 2, -0.83],
    [1e4, 100, -0.5, 2, 0.61],
    [29280, 3.3e-3, -0.6, 75, 0.713],
  ]) {
    const target: QualityTarget = {
      ...qualityTarget('unimodal'),
      height: [0, height],
      curvature: [curvature, beside],
      centre: [centre, -0.2],
    };
    const head = [Math.atanh(centre) + 0.3, -1.2];
    const problem: Case = { family: 'tanh-gaussian', head, target, temperature };
    const right = expected(problem, names);
    for (const name of names) {
      const found = await programs.compute(name, problem);
      const off = errorOf(found, right[name]);
      assert.ok(off < (name.startsWith('total') ? 1e-3 : 1e-4), `${name}, ${curvature}: off by ${off}`);
    }
  }
});

test('what lies beyond the bounds of its divergence is infinite', async () => {
  const found = await evaluate(() => {
    const policy = distributionFamily('tanh-gaussian').make(literal([0, 0], [1, 2]), 1);
    const target = boltzmann(critic, { temperature: 0.5 });
    const lossOf = (value: number, most?: number) =>
      exactly(policy, target, (nodes) => add(value, mul(0, integrate(nodes, exp(nodes.logPolicy)))), {
        ...(most === undefined ? {} : { most }),
      }).loss;
    return {
      above: lossOf(1.001, 1),
      rounded: lossOf(1.00001, 1),
      unbounded: lossOf(1.001),
      negative: lossOf(-0.01),
    };
  });
  assert.is(found.above[0], Number.POSITIVE_INFINITY);
  assert.is(found.rounded[0], 1.00001);
  assert.is(found.unbounded[0], 1.001);
  assert.is(found.negative[0], Number.POSITIVE_INFINITY);
});

/** The parabola as a critic. */
const critic = (a: Tensor) => reshape(sum(mul(-1, square(sub(a, 0.5))), -1), [1, ...a.shape.slice(0, 2)]);

test('what the nodes do not resolve is infinite, in the diagnostic and the loss', async () => {
  // A critic with a thousand narrow steps: neither rule sees it as the other does.
  const { error, value, smooth } = await evaluate(() => {
    const policy = distributionFamily('tanh-gaussian').make(literal([0, 0], [1, 2]), 1);
    const noisy = (a: Tensor) => mul(40, square(sub(reshape(mod(a), [1, ...a.shape.slice(0, 2)]), 0.5)));
    const resultWith = (q: (a: Tensor) => Tensor) =>
      chooseEstimator('forward-kl/exact').loss({
        policy,
        target: boltzmann(q, { temperature: 0.05 }),
        samples: 1,
      });
    const unresolved = resultWith(noisy);
    return {
      error: unresolved.diagnostics.quadratureError,
      value: unresolved.loss,
      smooth: resultWith(critic).diagnostics.quadratureError,
    };
  });
  assert.is(error[0], Number.POSITIVE_INFINITY);
  // Whoever looks at no diagnostic sees it too.
  assert.is(value[0], Number.POSITIVE_INFINITY);
  assert.ok(smooth[0] < 1e-6, `${smooth[0]}`);
});

test('one wrong state does not hide under the others', async () => {
  // Q has narrow steps for the last of the states only.
  const { error, alone } = await evaluate(() => {
    const states = 64;
    const last = literal(
      Array.from({ length: states }, (_, i) => Number(i === states - 1)),
      [1, 1, states],
    );
    const errorWith = (steps: Tensor | number) => {
      const policy = distributionFamily('tanh-gaussian').make(
        literal(new Array(2 * states).fill(-0.5), [states, 2]),
        1,
      );
      const q = (a: Tensor) => {
        const shape = [1, ...a.shape.slice(0, 2)];
        return add(mul(-1, square(reshape(sub(a, 0.5), shape))), mul(steps, reshape(square(mod(a)), shape)));
      };
      return chooseEstimator('forward-kl/exact').loss({
        policy,
        target: boltzmann(q, { temperature: 0.05 }),
        samples: 1,
      }).diagnostics.quadratureError;
    };
    return { error: errorWith(mul(40, last)), alone: errorWith(0) };
  });
  assert.is(error[0], Number.POSITIVE_INFINITY);
  assert.ok(alone[0] < 1e-3, `${alone[0]}`);
});

test('Jensen–Shannon keeps its digits where the densities are thousands of nats apart', async () => {
  // In float32: log 2 where there is no overlap.
  const programs = new ExactPrograms(new Device(createCpuBackend()));
  const problem: Case = {
    ...{ family: 'tanh-gaussian', head: [-3, -6], target: qualityTarget('boundary'), temperature: 1e-3 },
  };
  const { value } = await programs.compute('jensen-shannon/exact', problem);
  assert.ok(Math.abs(value - Math.LN2) < 3e-5, `${value}`);
});

test('a run ends by the name of the integral that it cannot take', async () => {
  const device = exactDevice();
  const update = await device.compile(({ input }) => {
    const policy = distributionFamily('tanh-gaussian').make(input('head', [1, 2]), 1);
    const noisy = (a: Tensor) => mul(40, square(sub(reshape(mod(a), [1, ...a.shape.slice(0, 2)]), 0.5)));
    const target = boltzmann(noisy, { temperature: 0.05 });
    const { loss, diagnostics } = chooseEstimator('forward-kl/exact').loss({ policy, target, samples: 1 });
    return { loss, ...diagnostics, draw: sum(policy.sample(1).actions) };
  });
  update.write({ head: [0, 0] });
  update.run();
  const error = await requireSound(update, 7).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  assert.match(error?.message ?? '', /cannot take by step 7: in update 1, the output 'quadratureError'/);
  await device.dispose();
});

/** A saw of 4,000 teeth, as a hash of the action. */
const mod = (a: Tensor): Tensor => {
  const x = mul(4000, a);
  return sub(x, roundTo(x));
};
/** Nearest whole number, by adding and taking off 1.5·2^52. */
const roundTo = (x: Tensor): Tensor => sub(addBig(x), 6755399441055744);
const addBig = (x: Tensor): Tensor => sub(x, -6755399441055744);

test("total variation's pathwise gradient has the exact mean", async () => {
  // With a thousand samples the self-normalised ratio is then as good as exact.
  const [samples, replications, head] = [1024, 32, [0.1, -0.6]];
  const { gradient } = await evaluate(
    ({ input }) => {
      const given = input('head', [replications, 2]);
      const policy = new Gaussian(given, 1, true);
      const target = boltzmann(critic, { temperature: 0.5 });
      const { loss } = chooseEstimator('total-variation/pathwise').loss({ policy, target, samples });
      return { gradient: grad(loss, [given])[0] };
    },
    { head: Array.from({ length: 2 * replications }, (_, i) => head[i % 2]) },
    { seed: 3 },
  );
  const problem: Case = { family: 'tanh-gaussian', head, target: parabola, temperature: 0.5 };
  const right = expected(problem, ['total-variation/exact'])['total-variation/exact'].gradient;
  for (const j of [0, 1]) {
    const values = Array.from({ length: replications }, (_, i) => replications * gradient[2 * i + j]);
    const mean = values.reduce((a, b) => a + b) / replications;
    const spread = Math.sqrt(values.reduce((a, x) => a + (x - mean) ** 2, 0)) / replications;
    const what = `part ${j}: ${mean} ± ${spread}, exactly ${right[j]}`;
    assert.ok(Math.abs(mean - right[j]) < 4 * spread + 1e-3, what);
  }
});

test.run();
