// Throughput: parts that add up, rates that agree with them, for every environment that needs no engine and one that does.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { environments, makeEnvironment } from '../../src/envs/registry.ts';
import { UsageError } from '../../src/errors.ts';
import {
  measureThroughput,
  medianRow,
  type ThroughputRow,
  throughputParts,
} from '../../src/measure/throughput.ts';

const device = new Device(createCpuBackend());
test.after(() => device.dispose());
const settings = { hidden: [4], batch: 2, steps: 40, seed: 0 };

for (const { name } of environments.filter(({ name, prepare }) => !prepare || name === 'hopper'))
  test(`${name}: shares are of one whole, and rates follow from them`, async () => {
    const start = performance.now();
    const row = await measureThroughput(device, name, settings);
    const seconds = (performance.now() - start) / 1000;
    assert.is(row.environment, name);
    const sum = throughputParts.reduce((total, part) => total + row.shares[part], 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
    // The timed steps cannot have taken longer than all there was.
    assert.ok(settings.steps / row.stepsPerSecond <= seconds);
    for (const part of throughputParts) {
      assert.ok(row.shares[part] > 0, part);
      const product = row.rates[part] * row.shares[part];
      assert.ok(Math.abs(product / row.stepsPerSecond - 1) < 1e-12, part);
    }
  });

test('of several rounds each part has its median time, and shares follow from those', () => {
  const row = (physics: number, update: number): ThroughputRow => ({
    environment: 'e',
    estimator: 'x',
    stepsPerSecond: 0,
    rates: { physics: 1 / physics, policy: 1, replay: 1, update: 1 / update },
    shares: { physics: 0, policy: 0, replay: 0, update: 0 },
  });
  const { stepsPerSecond, rates, shares } = medianRow([row(2, 9), row(7, 6), row(4, 3)]);
  assert.is(rates.physics, 1 / 4);
  assert.is(rates.update, 1 / 6);
  assert.ok(Math.abs(stepsPerSecond - 1 / 12) < 1e-12 && Math.abs(shares.update - 0.5) < 1e-12);
});

/** A row by a clock that goes on by 1 ms whenever it is read, and by so many at each step of the environment. */
function timed(name: string, physics: number): Promise<ThroughputRow> {
  let time = 0;
  const make = (each: string) => {
    const environment = makeEnvironment(each);
    const step = environment.step.bind(environment);
    environment.step = (action) => {
      time += physics;
      return step(action);
    };
    return environment;
  };
  return measureThroughput(device, name, settings, { make, now: () => ++time });
}

test('a slower environment has the larger share of physics', async () => {
  for (const name of ['bimodal-bandit', 'pendulum'])
    for (const physics of [0, 1, 46]) {
      const { shares, rates, stepsPerSecond } = await timed(name, physics);
      // Of a step in 4 + physics ms, all but the physics takes a reading of the clock.
      const whole = 4 + physics;
      const near = (found: number, wanted: number) => assert.ok(Math.abs(found / wanted - 1) < 1e-12);
      for (const part of throughputParts) {
        const own = part === 'physics' ? 1 + physics : 1;
        near(shares[part], own / whole);
        near(rates[part], 1000 / own);
      }
      near(stepsPerSecond, 1000 / whole);
    }
});

test('an environment that is unknown is refused', async () => {
  await measureThroughput(device, 'chess', settings).then(
    () => assert.unreachable(),
    (error: unknown) => assert.instance(error, UsageError),
  );
});

test.run();
