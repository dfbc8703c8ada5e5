import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import { median, medianInterval } from '../../src/math/statistics.ts';
import { type ComparedReport, compareCosts } from '../../src/measure/compare.ts';
import { type CostRow, costDefaults } from '../../src/measure/cost.ts';

const row = (estimator: string, times: readonly number[], base = times): CostRow => {
  const ratios = times.map((ms, round) => ms / base[round]);
  return {
    ...{ estimator, distribution: 'tanh-gaussian', samples: 1, rounds: times.length },
    ...{ msPerUpdate: median(times), msInterval: medianInterval(times) },
    ...{ ratio: median(ratios), ratioInterval: medianInterval(ratios) },
    ...{ kernelsPerUpdate: 11, updatesPerRun: 1, submitsPerRun: 1, readbacks: 0, buffersCreated: 0 },
    ...{ pipelinesCreated: 0, flops: 100, bytes: 200, arenaBytes: 300, stateBytes: 400, shares: [] },
  } as unknown as CostRow;
};
const report = (rows: readonly CostRow[], more: Partial<ComparedReport> = {}): ComparedReport => ({
  ...{ backend: 'cpu', adapter: 'cpu: a test', versions: { divergrad: '1.0.0' }, baseline: 'a' },
  settings: { ...costDefaults, mlp: 'fused' },
  rows,
  ...more,
});

test('the interval of a quotient of medians holds the truth at least as often as it says', () => {
  const random = new PhiloxStream(3, 'costInputs');
  const times = (scale: number) =>
    Array.from({ length: 15 }, () => scale * Math.exp(0.3 * random.nextNormal()));
  const tries = 3000;
  let held = 0;
  let coverage = 0;
  for (let i = 0; i < tries; i++) {
    const [compared] = compareCosts([report([row('a', times(2))])], [report([row('a', times(3))])])
      .backends[0].rows;
    const { interval } = compared.time;
    coverage = interval.coverage;
    if (interval.low <= 1.5 && 1.5 <= interval.high) held++;
  }
  // Of 15 rounds: from the 4th to the 12th, 1 − 2·P(X ≤ 3) for X binomial(15, ½).
  assert.ok(Math.abs(coverage - (1 - (2 * 576) / 2 ** 15) ** 2) < 1e-12, String(coverage));
  // Less four standard deviations of the count.
  assert.ok(
    held / tries >= coverage - 4 * Math.sqrt((coverage * (1 - coverage)) / tries),
    `${held} of ${tries}`,
  );
});

test('a machine that is slower throughout changes times, not the ratios to the baseline', () => {
  const base = [10, 11, 12, 10, 11, 12, 10, 11];
  const slow = (times: readonly number[]) => times.map((ms) => 3 * ms);
  const own = base.map((ms) => 2 * ms);
  const { backends } = compareCosts(
    [report([row('a', base), row('b', own, base)])],
    [report([row('a', slow(base)), row('b', slow(own), slow(base))])],
  );
  const [a, b] = backends[0].rows;
  assert.is(a.time.verdict, 'slower');
  assert.is(a.toBaseline, null);
  assert.is(b.time.verdict, 'slower');
  assert.is(b.time.ratio, 3);
  assert.is(b.toBaseline?.verdict, 'no change shown');
  assert.equal([b.toBaseline?.ratio, b.toBaseline?.interval.low, b.toBaseline?.interval.high], [1, 1, 1]);
  assert.is(
    compareCosts([report([row('a', slow(base))])], [report([row('a', base)])]).backends[0].rows[0].time
      .verdict,
    'faster',
  );
});

test('what differs beside the times is listed: machine, versions, settings, counts, rows and backends', () => {
  const times = [1, 2, 3, 4, 5, 6, 7];
  const other = { ...row('a', times), kernelsPerUpdate: 9, bytes: 150 };
  const { backends, onlyBefore, onlyAfter } = compareCosts(
    [report([row('a', times), row('b', times)]), report([], { backend: 'wasm' })],
    [
      report([other, row('c', times)], {
        adapter: 'cpu: another',
        versions: { divergrad: '1.1.0', node: '22' },
        settings: { ...costDefaults, hidden: [8, 8], mlp: 'tiled' },
      }),
      report([], { backend: 'webgpu' }),
    ],
  );
  assert.equal([onlyBefore, onlyAfter], [['wasm'], ['webgpu']]);
  const [{ rows, differences, onlyBefore: gone, onlyAfter: come }] = backends;
  assert.equal([gone, come], [['b'], ['c']]);
  assert.equal(rows[0].counts, { kernelsPerUpdate: [11, 9], bytes: [200, 150] });
  assert.is(rows[0].time.verdict, 'no change shown');
  assert.equal(
    differences.map(({ name, before, after }) => [name, before, after]),
    [
      ['machine', 'cpu: a test', 'cpu: another'],
      ['divergrad', '1.0.0', '1.1.0'],
      ['hidden', '64-64', '8-8'],
      ['mlp', 'fused', 'tiled'],
      ['node', 'not said', '22'],
    ],
  );
});

test('ratios to another baseline are not compared', () => {
  const times = [1, 2, 3, 4, 5, 6, 7];
  const two = [row('a', times), row('b', times)];
  const { backends } = compareCosts([report(two)], [report(two, { baseline: 'b' })]);
  assert.equal(
    backends[0].rows.map(({ toBaseline }) => toBaseline),
    [null, null],
  );
});

test.run();
