import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { costSettings } from '../../src/measure/cost.ts';
import { fitLine, sizeAt, slopes } from '../../src/measure/knee.ts';
import { measureScaling, scalingAxis, scalingDefaults, wholeUpdateName } from '../../src/measure/scaling.ts';
import { summariseScaling } from '../../src/measure/scaling-summary.ts';
import { scalingChart } from '../../src/report/scaling-charts.ts';

const near = (value: number | null | undefined, expected: number, tolerance: number, what = '') =>
  assert.ok(
    typeof value === 'number' && Math.abs(value - expected) <= tolerance * Math.abs(expected),
    `${what} ${value}, expected ${expected}`,
  );

const knee = suite('knee');
const works = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

knee('exact times give overhead, rate and knee exactly, with intervals that hold nothing else', () => {
  const line = fitLine(works.map((work) => ({ work, ms: 0.25 + 5e-8 * work })));
  near(line?.overheadMs, 0.25, 1e-9);
  near(line?.msPerWork, 5e-8, 1e-9);
  near(line?.knee, 5e6, 1e-9);
  near(line?.kneeInterval.low, 5e6, 1e-6);
  near(line?.kneeInterval.high, 5e6, 1e-6);
  assert.ok((line?.worstMisfit ?? 1) < 1e-9);
});

knee('of noisy times, the interval holds the true knee about as often as it says', () => {
  const random = new PhiloxStream(7);
  let held = 0;
  const repeats = 120;
  for (let i = 0; i < repeats; i++) {
    const points = works.map((work) => ({
      work,
      ms: (0.25 + 5e-8 * work) * Math.exp(0.1 * random.nextNormal()),
    }));
    const line = fitLine(points, i);
    const { low, high } = line?.kneeInterval ?? {};
    if ((low ?? 0) <= 5e6 && (high ?? Number.POSITIVE_INFINITY) >= 5e6) held++;
  }
  // 95% in the limit of many points; six are few.
  assert.ok(held >= 0.8 * repeats && held < repeats, `${held} of ${repeats}`);
});

knee('relative errors count: a large size does not drown the overhead', () => {
  const points = works.map((work) => ({ work, ms: (0.25 + 5e-8 * work) * (work === 1e9 ? 1.05 : 1) }));
  near(fitLine(points)?.overheadMs, 0.25, 0.02);
});

knee('time in proportion to work has its knee at 0, constant time has none', () => {
  const linear = fitLine(works.map((work) => ({ work, ms: 1e-6 * work })));
  near(linear?.msPerWork, 1e-6, 1e-9);
  assert.ok((linear?.knee ?? 1) < 1);
  const constant = fitLine(works.map((work, i) => ({ work, ms: 3 - 0.1 * i })));
  assert.is(constant?.knee, null);
  assert.is(constant?.msPerWork, 0);
  assert.is(constant?.kneeInterval.high, null);
});

knee('two amounts of work are too few for a line', () => {
  assert.is(fitLine([]), undefined);
  assert.is(fitLine([1, 2, 2].map((work) => ({ work, ms: work }))), undefined);
});

knee('slopes go from 0 to 1 through one half at the knee', () => {
  const around = [1, 10, 1e6 / 1.001, 1e6 * 1.001, 1e12, 1e13];
  const found = slopes(around.map((work) => ({ work, ms: 1 + 1e-6 * work })));
  near(1 + found[0], 1, 1e-4);
  near(found[2], 0.5, 1e-3);
  near(found[4], 1, 1e-5);
});

knee('the size at which so much work is done lies log-linearly between those measured', () => {
  const sizes = [16, 64, 256].map((size) => ({ size, work: size ** 2 }));
  near(sizeAt(sizes, 32 ** 2), 32, 1e-12);
  near(sizeAt(sizes, 16 ** 2), 16, 1e-12);
  near(sizeAt(sizes, 256 ** 2), 256, 1e-12);
  assert.is(sizeAt(sizes, 100), null);
  assert.is(sizeAt(sizes, 1e6), null);
});
knee.run();

const scaling = suite('scaling');
const quick = { batch: 2, hidden: [8], rounds: 2, minimumMs: 0, estimators: ['reverse-kl/pathwise'] };

async function withDevice<T>(use: (device: Device) => Promise<T>): Promise<T> {
  const device = new Device(createCpuBackend());
  try {
    return await use(device);
  } finally {
    await device.dispose();
  }
}

scaling('reports hold the settings of a cost table, and nothing of the walk along the axis', async () => {
  const options = { ...quick, longestMs: 1e6, wholeUpdate: false, onProgress: () => undefined };
  await withDevice(async (device) => {
    const { reports } = await measureScaling(device, 'batch', [2], options);
    const expected = { ...costSettings({ ...quick, batch: 2 }), ...device.backend.preferences };
    assert.equal(reports[0].settings, expected);
  });
});

/** What the axis sets, read back from the programs that were measured. */
const settings = {
  samples: ({ samples }: { samples: number | null }) => samples,
  batch: ({ batch }: { batch: number }) => batch,
  width: ({ hidden }: { hidden: readonly number[] }) => hidden[0],
  depth: ({ hidden }: { hidden: readonly number[] }) => hidden.length,
  actions: ({ actions }: { actions: number }) => actions,
} as const;
/** Far enough apart for a law. */
const ends = {
  samples: [1, 30, 60],
  batch: [1, 30, 60],
  width: [1, 30, 60],
  depth: [1, 8, 16],
  actions: [1, 300, 600],
} as const;
for (const axis of ['samples', 'batch', 'width', 'depth', 'actions'] as const) {
  scaling(`${axis}: every size is measured once, in order, with its work and its law`, async () => {
    const options = { ...quick, wholeUpdate: true, longestMs: 1e6 };
    const [first, middle, last] = ends[axis];
    const sizes = [last, first, middle, middle];
    const report = await withDevice((device) => measureScaling(device, axis, sizes, options));
    assert.equal(report.values, [first, middle, last]);
    assert.equal(report.ends, []);
    const set = report.reports.map((each) => settings[axis](each.settings));
    assert.equal(set, [first, middle, last]);
    const flops = report.reports.map(({ rows }) => rows[0].flops);
    assert.ok(flops[0] < flops[1] && flops[1] < flops[2], flops.join(' '));
    assert.is(report.wholeUpdates.length, 3);
    assert.equal(
      report.laws.map(({ estimator }) => estimator),
      ['reverse-kl/pathwise', wholeUpdateName],
    );
    for (const { sizes: fitted, slopes: local, kneeWhere } of report.laws) {
      assert.equal([fitted, local.length], [[first, middle, last], 2]);
      assert.ok(['below', 'inside', 'above'].includes(kneeWhere));
    }
    assert.equal(JSON.parse(JSON.stringify(report)), report, 'plain JSON');
  });
}

scaling('an axis ends where an update is expected to take too long, and says so', async () => {
  const report = await withDevice((device) =>
    measureScaling(device, 'batch', [1, 2, 1 << 30], { ...quick, longestMs: 1000, wholeUpdate: true }),
  );
  assert.equal(report.values, [1, 2]);
  const [end] = report.ends;
  assert.is(end.estimator, 'reverse-kl/pathwise');
  assert.is(end.size, 1 << 30);
  assert.match(end.reason, /expected to take .* ms, more than 1000/);
});

scaling('an estimator that needs more samples than the first size joins at the next', async () => {
  const options = { ...quick, estimators: ['reverse-kl/pathwise', 'reverse-kl/score:loo'] };
  const report = await withDevice((device) => measureScaling(device, 'samples', [1, 8, 32, 64], options));
  assert.equal(
    report.reports.map(({ rows }) => rows.length),
    [1, 2, 2, 2],
  );
  assert.equal(
    report.laws.map(({ estimator, sizes }) => `${estimator} ${sizes}`),
    ['reverse-kl/pathwise 1,8,32,64', 'reverse-kl/score:loo 8,32,64'],
  );
});

scaling('where work hardly grows, no law is made up', async () => {
  const report = await withDevice((device) => measureScaling(device, 'batch', [4, 5, 6, 7], quick));
  assert.equal(report.laws, []);
});

scaling('sizes that are none are refused, unknown axes named', async () => {
  for (const values of [[], [0], [1.5], [-4]]) {
    const problem = await withDevice((device) =>
      measureScaling(device, 'batch', values, quick).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    assert.ok(problem instanceof UsageError, String(values));
  }
  assert.throws(() => scalingAxis('height'), /samples.*batch.*width.*depth.*actions/);
});

scaling('the sizes tried reach those that the project promises to measure', () => {
  assert.equal([scalingDefaults.batch[0], scalingDefaults.batch.at(-1)], [1, 65_536]);
  assert.equal([scalingDefaults.width[0], scalingDefaults.width.at(-1)], [16, 2048]);
  assert.equal([scalingDefaults.samples[0], scalingDefaults.samples.at(-1)], [1, 1024]);
});

scaling('the summary keeps every point, and the picture draws each with its backend', async () => {
  const options = { ...quick, wholeUpdate: true, longestMs: 1e6 };
  const report = await withDevice((device) => measureScaling(device, 'batch', [1, 2, 4], options));
  const summary = summariseScaling('2020-01-01T00:00:00.000Z', 'batch', [
    { report: report.reports[0], scaling: report },
  ]);
  const [series] = summary.series;
  assert.equal(
    series.points.map(({ estimator, size }) => `${estimator} ${size}`),
    [1, 2, 4].flatMap((size) => [`reverse-kl/pathwise ${size}`, `${wholeUpdateName} ${size}`]),
  );
  assert.is(series.points[2].flops, report.reports[1].rows[0].flops);
  const svg = scalingChart(summary);
  assert.match(svg, /^<svg [^>]*viewBox="0 0 \d+ \d+"/);
  const dots = svg.match(/<circle/g)?.length;
  assert.is(dots, 6);
  for (const text of ['cpu', 'reverse-kl/pathwise', wholeUpdateName]) assert.ok(svg.includes(text), text);
  assert.not.match(svg, /NaN|undefined|Infinity/);
});
scaling.run();
