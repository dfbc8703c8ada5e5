import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { baselineEstimator, chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { UsageError } from '../../src/errors.ts';
import {
  type CostOptions,
  compilePolicyUpdate,
  costChoices,
  costSettings,
  measureCost,
  usualEstimators,
} from '../../src/measure/cost.ts';
import { measureWholeUpdate } from '../../src/measure/update-cost.ts';

const small: CostOptions = { batch: 4, hidden: [8], rounds: 3, minimumMs: 0 };

/** What a promise is rejected with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function withDevice<T>(use: (device: Device) => Promise<T>): Promise<T> {
  const device = new Device(createCpuBackend());
  try {
    return await use(device);
  } finally {
    await device.dispose();
  }
}

const rows = suite('rows');

rows('hold one estimator each, the baseline first with ratio 1', async () => {
  const names = ['forward-kl/snis:policy', 'reverse-kl/score:loo'];
  const report = await withDevice((device) => measureCost(device, { ...small, estimators: names }));
  assert.is(report.baseline, baselineEstimator);
  assert.equal(
    report.rows.map(({ estimator }) => estimator),
    [baselineEstimator, ...names],
  );
  const [base, ...others] = report.rows;
  assert.is(base.ratio, 1);
  assert.equal([base.ratioInterval.low, base.ratioInterval.high], [1, 1]);
  for (const { ratio, ratioInterval } of others) {
    assert.ok(ratio > 0 && ratioInterval.low <= ratio && ratio <= ratioInterval.high);
  }
});

rows('count what the program and the backend count', async () => {
  await withDevice(async (device) => {
    const settings = costSettings(small);
    const report = await measureCost(device, { ...small, estimators: [baselineEstimator] });
    const [row] = report.rows;
    const update = await compilePolicyUpdate(device, chooseEstimator(baselineEstimator), settings);
    const { program } = update;
    const { dispatches } = device.backend.counters;
    update.run(3);
    await device.backend.synchronize();
    assert.is(3 * row.kernelsPerUpdate, device.backend.counters.dispatches - dispatches);
    assert.is(row.flops, program.flops);
    assert.is(row.bytes, program.bytes);
    assert.is(row.arenaBytes, program.arenaBytes);
    assert.is(
      row.shares.reduce((total, { flops }) => total + flops, 0),
      program.flops,
    );
    assert.is(
      row.shares.reduce((total, { count }) => total + count, 0),
      program.kernels,
    );
    assert.is(row.submitsPerRun, 1);
    assert.equal([row.readbacks, row.buffersCreated, row.pipelinesCreated], [0, 0, 0]);
    assert.ok(row.stateBytes > 0 && row.msPerUpdate > 0);
    assert.is(row.samples, 1);
  });
});

rows('are plain JSON with the settings and versions that they came from', async () => {
  const report = await withDevice((device) =>
    measureCost(device, { ...small, estimators: [baselineEstimator], seed: 7, versions: { node: '20.0.0' } }),
  );
  assert.equal(JSON.parse(JSON.stringify(report)), report);
  assert.is(report.backend, 'cpu');
  assert.is(report.precision, 'f32');
  assert.is(report.versions.node, '20.0.0');
  assert.ok(report.versions.divergrad);
  assert.is(report.settings.seed, 7);
  assert.is(report.settings.batch, 4);
});

rows('take the number of samples that was asked for', async () => {
  const report = await withDevice((device) => measureCost(device, { ...small, samples: 3 }));
  assert.ok(report.rows.length >= 3);
  for (const { samples } of report.rows) assert.is(samples, 3);
});

rows('stop after the longest duration with a few rounds at least', async () => {
  const report = await withDevice((device) =>
    measureCost(device, { ...small, rounds: 50, maximumMs: 0, estimators: [baselineEstimator] }),
  );
  for (const { rounds, msInterval } of report.rows) {
    assert.is(rounds, 5);
    assert.is(msInterval.coverage, 0.9375);
  }
});

rows('leave no buffer behind', async () => {
  const backend = createCpuBackend();
  let held = 0;
  const { allocate, free } = backend;
  backend.allocate = (...args) => {
    held++;
    return allocate.apply(backend, args);
  };
  backend.free = (buffer) => {
    held--;
    free.call(backend, buffer);
  };
  const device = new Device(backend);
  await measureCost(device, { ...small, estimators: ['reverse-kl/score:value'] });
  assert.is(held, 0);
});

rows.run();

const fixed = suite('the measured update');

for (const choice of estimatorChoices()) {
  const family = distributionFamilies.find((each) => missingNeeds(choice.needs, each).length === 0);
  if (!family) continue;
  fixed(`${choice.name} leaves its networks as they are`, async () => {
    await withDevice(async (device) => {
      const update = await compilePolicyUpdate(
        device,
        choice,
        costSettings({ ...small, distribution: family.name }),
      );
      const parameters = update.program.states.filter(({ name }) => name.endsWith('.parameters'));
      assert.ok(parameters.length >= 2);
      const values = () =>
        Promise.all(parameters.map(async (state) => [state.name, ...(await device.read(state))]));
      const before = await values();
      update.run();
      assert.ok(Number.isFinite(await update.readScalar('loss')));
      assert.equal(await values(), before);
    });
  });
}

fixed('trains the learned baseline that an estimator needs', async () => {
  await withDevice(async (device) => {
    const update = await compilePolicyUpdate(
      device,
      chooseEstimator('reverse-kl/score:value'),
      costSettings(small),
    );
    const names = update.program.states.map(({ name }) => name);
    for (const name of ['value.parameters', 'value.parameters.moments'])
      assert.ok(names.includes(name), names.join());
  });
});

fixed.run();

const choices = suite('choices');

choices('are the usual ones that go with the distribution, unless all are asked for', () => {
  for (const family of distributionFamilies) {
    const fitting = estimatorChoices().filter(({ needs }) => missingNeeds(needs, family).length === 0);
    const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).sort();
    const { choices: chosen, baseline } = costChoices(family, 1);
    const usual = usualEstimators.map((name) => chooseEstimator(name).name);
    assert.equal(names(chosen), names(fitting.filter(({ name }) => usual.includes(name))));
    assert.ok(chosen.length > 0);
    assert.is(chosen[0].name, baseline);
    assert.equal(names(costChoices(family, 1, 'all').choices), names(fitting));
  }
});

choices('leave out those that need more samples than are given', () => {
  for (const samples of [1, 2, 3]) {
    const { choices: chosen } = costChoices(distributionFamily('tanh-gaussian'), 1, undefined, samples);
    const most = Math.max(...chosen.map(({ minimumSamples }) => minimumSamples));
    assert.is(most, samples);
  }
});

choices('name another baseline where the usual one does not fit', () => {
  const { baseline } = costChoices(distributionFamily('categorical'), 2, ['forward-kl/snis:policy']);
  assert.is(baseline, 'forward-kl/snis:policy');
});

choices('that cannot work are refused by name', async () => {
  const refused: [CostOptions, RegExp][] = [
    [
      { distribution: 'categorical', estimators: ['reverse-kl/pathwise'] },
      /reverse-kl\/pathwise.*categorical/,
    ],
    [{ distribution: 'gaussian', estimators: ['forward-kl/snis:uniform'] }, /box/],
    [{ estimators: ['reverse-kl/path'] }, /Unknown estimator.*reverse-kl\/pathwise/],
    [{ distribution: 'gausian' }, /Unknown distribution.*gaussian/],
    [{ batch: 0 }, /batch/],
    [{ samples: 1.5 }, /samples/],
    [{ samples: 1, estimators: ['reverse-kl/score:loo'] }, /at least 2/],
  ];
  await withDevice(async (device) => {
    for (const [options, message] of refused) {
      const error = await rejection(measureCost(device, { ...small, ...options }));
      assert.instance(error, UsageError);
      assert.match((error as UsageError).message, message);
    }
  });
});

choices.run();

const whole = suite('a whole update');

for (const [distribution, estimator] of [
  ['tanh-gaussian', 'reverse-kl/pathwise'],
  ['categorical', 'reverse-kl/score:loo'],
]) {
  whole(`of ${distribution} is measured in every way in which the backend computes networks`, async () => {
    const costs = await withDevice((device) =>
      measureWholeUpdate(device, estimator, costSettings({ ...small, distribution })),
    );
    assert.equal(
      costs.map(({ mlp, preferred }) => [mlp, preferred]),
      [
        ['fused', true],
        ['tiled', false],
      ],
    );
    const [fused, tiled] = costs.map(({ kernelsPerUpdate }) => kernelsPerUpdate);
    assert.ok(fused < tiled, `${fused}, ${tiled}`);
    for (const cost of costs)
      assert.equal([cost.readbacks, cost.buffersCreated, cost.submitsPerRun], [0, 0, 1]);
  });
}

whole('of SAC takes at most 24 kernels when networks are fused', async () => {
  const [fused] = await withDevice((device) =>
    measureWholeUpdate(device, 'reverse-kl/pathwise', costSettings({ rounds: 1, minimumMs: 0 })),
  );
  assert.ok(fused.kernelsPerUpdate <= 24, `${fused.kernelsPerUpdate} kernels`);
});

whole.run();
