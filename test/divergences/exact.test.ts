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
/** Each compiled once. */
const programs = new ExactPrograms(exactDevice());

const parabola: QualityTarget = {
  ...qualityTarget('unimodal'),
  height: [-Math.LN2, -Math.LN2],
  curvature: [2, 2],
  centre: [0.5, 0.5],
};

test('reverse KL is right for narrow and wide policies, wherever their means fall', async () => {
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
  for (const name of ['bimodal', 'boundary']) {
    for (const head of [
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

test('a corner of the critic is integrated rightly or refused', async () => {
  // A narrow peak over a plain: the critic bends at 0.33 ± 0.46. By adaptive quadrature:
  const right = { value: 1958.9791569274662, gradient: [32.023356934316546, -7.031324716935119] };
  const problem: Case = {
    ...{ family: 'tanh-gaussian', head: [4.055219873785973, 1.2480011733714491] },
    target: {
      ...qualityTarget('unimodal'),
      ...{ height: [0, -1e4], curvature: [94709.65598854478, 1], centre: [0.33063008889555934, 0] },
    },
    temperature: 4.853505471754888,
  };
  const found = await programs.compute('reverse-kl/exact', problem);
  const off = errorOf(found, right);
  assert.ok(off < 1e-4 || found.value === Number.POSITIVE_INFINITY, `off by ${off}, says ${found.claimed}`);
});

test('in two coordinates Hellinger follows a narrow policy to the corner of the box', async () => {
  const problem: Case = {
    family: 'tanh-gaussian',
    head: [0.5, 0.6, -4, -3],
    target: qualityTarget('bimodal-2d'),
    temperature: 0.1,
  };
  // By two product rules of Gauss's on 112,000 and more points.
  const right = { value: 0.7000665284, gradient: [-0.11725822, 0.35202235, -0.14605479, -0.13107817] };
  const off = errorOf(await programs.compute('hellinger/exact', problem), right);
  assert.ok(off < 1e-4, `off by ${off}`);
});

test('narrow peaks of the target are found between the nodes of the first look', async () => {
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
      negative: lossOf(-0.01),
    };
  });
  assert.is(found.above[0], Number.POSITIVE_INFINITY);
  assert.is(found.rounded[0], 1.00001);
  assert.is(found.negative[0], Number.POSITIVE_INFINITY);
});

/** The parabola as a critic. */
const critic = (a: Tensor) => reshape(sum(mul(-1, square(sub(a, 0.5))), -1), [1, ...a.shape.slice(0, 2)]);

test('what the nodes do not resolve in one of the states is infinite, in the diagnostic and the loss', async () => {
  const states = 16;
  const device = exactDevice();
  // Q of the last state has thousands of steps: no rule sees them as another does.
  const update = await device.compile(({ input }) => {
    const policy = distributionFamily('tanh-gaussian').make(
      literal(new Array(2 * states).fill(-0.5), [states, 2]),
      1,
    );
    const height = input('height', []);
    const last = literal(
      Array.from({ length: states }, (_, i) => Number(i === states - 1)),
      [1, 1, states],
    );
    const q = (a: Tensor) => {
      const shape = [1, ...a.shape.slice(0, 2)];
      const steps = mul(mul(height, last), reshape(square(mod(a)), shape));
      return add(mul(-1, square(reshape(sub(a, 0.5), shape))), steps);
    };
    const target = boltzmann(q, { temperature: 0.05 });
    const { loss, diagnostics } = chooseEstimator('forward-kl/exact').loss({ policy, target, samples: 1 });
    return { loss, ...diagnostics };
  });
  const of = async (height: number) => {
    update.write({ height: [height] });
    update.run();
    return [await update.readScalar('quadratureError'), await update.readScalar('loss')];
  };
  const infinite = Number.POSITIVE_INFINITY;
  assert.equal(await of(40), [infinite, infinite]);
  // Of the mean over states so few steps would be no more than the bound.
  assert.is((await of(1e-2))[0], infinite);
  const [error, value] = await of(0);
  assert.ok(error < 1e-6 && Number.isFinite(value), `${error}`);
  await device.dispose();
});

test('Jensen–Shannon keeps its digits where the densities are thousands of nats apart', async () => {
  // In float32: log 2 where there is no overlap.
  const single = new ExactPrograms(new Device(createCpuBackend()));
  const problem: Case = {
    ...{ family: 'tanh-gaussian', head: [-3, -6], target: qualityTarget('boundary'), temperature: 1e-3 },
  };
  const { value } = await single.compute('jensen-shannon/exact', problem);
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
