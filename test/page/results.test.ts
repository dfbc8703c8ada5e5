// What the page shows of results: every column holds the number that its head names.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchDocument } from '../../web/measure/job.ts';
import { benchCsv, benchView, comparison } from '../../web/measure/view.ts';
import { readFile } from '../../web/report/read.ts';
import { documentView } from '../../web/report/view.ts';
import { tickText } from '../../web/shell/chart.ts';
import { openDocument, tableRows } from '../helpers/page-document.ts';

const test = suite('results on the page');
test.before.each(() => {
  openDocument();
});

/** A row in which no two numbers are the same. */
const row = (estimator: string, ms: number) => ({
  ...{ estimator, distribution: 'beta', samples: 16, msPerUpdate: ms, ratio: 1.37 },
  msInterval: { low: 0.9 * ms, high: 1.25 * ms, coverage: 0.95 },
  ratioInterval: { low: 1.2, high: 1.5, coverage: 0.95 },
  ...{ kernelsPerUpdate: 29, submitsPerRun: 3, updatesPerRun: 50, readbacks: 4 },
  ...{ flops: 7_310_000, bytes: 65_200, arenaBytes: 8123, liveBytes: 4321, rounds: 9 },
});

function documentOf(
  backend: string,
  ms: number,
  options: { host?: number; sweep?: number[] } = {},
): BenchDocument {
  const settings = { distribution: 'beta', batch: 32, observations: 5, actions: 2, hidden: [8, 9], seed: 6 };
  const report = {
    ...{
      backend,
      adapter: `${backend}, of "test"`,
      settings,
      precision: 'f32',
      baseline: 'reverse-kl/pathwise',
    },
    ...{ information: {}, versions: { browser: 'a test' } },
    rows: [row('reverse-kl/pathwise', ms), row('mpo/decoupled', 2 * ms)],
    wholeUpdate: [
      {
        ...row('reverse-kl/pathwise', 3 * ms),
        ...{ mlp: 'fused', preferred: true, hostMsPerUpdate: options.host ?? null },
      },
    ],
    ...(options.sweep
      ? {
          scaling: [
            {
              axis: 'batch',
              values: [8, 64, 512],
              reports: options.sweep.map((each) => ({ rows: [row('reverse-kl/pathwise', each)] })),
            },
          ],
        }
      : {}),
  };
  const document = { kind: 'divergrad-cost', date: '2026-01-01', reports: [report], absent: [] };
  return document as unknown as BenchDocument;
}

test('each column of the CSV is the field of that name', () => {
  const [head, ...lines] = benchCsv(documentOf('wasm', 0.5)).trimEnd().split('\n');
  assert.is(lines.length, 2);
  const names = head.split(',');
  // The adapter holds a comma and quotation marks.
  assert.ok(lines[0].startsWith('wasm,"wasm, of ""test""",reverse-kl/pathwise,'), lines[0]);
  const cells = lines[0].replace('"wasm, of ""test"""', 'adapter').split(',');
  const found = Object.fromEntries(names.map((name, i) => [name, cells[i]]));
  const { msInterval, ratioInterval, ...fields } = row('reverse-kl/pathwise', 0.5);
  const expected = {
    ...{ backend: 'wasm', adapter: 'adapter', ...fields },
    ...{ batch: 32, observations: 5, actions: 2, hidden: '8-9', seed: 6 },
    ...{ msLow: msInterval.low, msHigh: msInterval.high, msCoverage: msInterval.coverage },
    ...{ ratioLow: ratioInterval.low, ratioHigh: ratioInterval.high, ratioCoverage: ratioInterval.coverage },
    ...{ baseline: 'reverse-kl/pathwise', precision: 'f32', date: '2026-01-01', versions: 'browser a test' },
  };
  const texts = Object.entries(expected).map(([name, value]) => [name, String(value)]);
  assert.equal(found, Object.fromEntries(texts));
});

test('each column of the tables is the number its head names', () => {
  const view = benchView(documentOf('webgpu', 0.5, { host: 0.0625 }));
  const [costs, whole] = [...view.querySelectorAll('table')].map(tableRows);
  assert.equal(costs[1], {
    ...{ estimator: 'mpo/decoupled', K: '16', 'ms/update': '1.00', interval: '0.900 to 1.25', ratio: '1.37' },
    ...{ kernels: '29', submits: '3/50', readbacks: '4', FLOP: '7.31 M', bytes: '65.2 k', arena: '8.12 k' },
  });
  assert.equal(whole, [
    { networks: 'fused (default)', 'ms/update': '1.50', kernels: '29', FLOP: '7.31 M', 'host µs': '62.5' },
  ]);
});

test('a comparison divides there by here, and says what differs', () => {
  const [here, there] = [documentOf('wasm', 0.5), documentOf('wasm', 1.25)];
  const view = comparison(here, there, 'other.json');
  assert.equal(tableRows(view.querySelector('table') as Element)[0], {
    estimator: 'reverse-kl/pathwise on wasm',
    ...{ 'here ms': '0.500', 'there ms': '1.25', ratio: '2.50', work: 'same' },
  });
  assert.is(view.querySelector('p.note'), null);
  Object.assign(there.reports[0].settings, { batch: 64 });
  assert.match(comparison(here, there, 'x').querySelector('p.note')?.textContent ?? '', /differ in batch:/);
});

test('WebGPU is ahead from the first batch at which it takes less time', () => {
  const text = (gpu: number[], cpu: number[]) => {
    const documents = [documentOf('wasm', 1, { sweep: cpu }), documentOf('webgpu', 1, { sweep: gpu })];
    const view = benchView({ ...documents[0], reports: documents.flatMap(({ reports }) => reports) });
    return view.querySelector('p.finding')?.textContent;
  };
  assert.is(text([3, 3, 4], [1, 6, 40]), 'WebGPU is ahead of WebAssembly from a batch of 64 on.');
  assert.is(text([3, 3, 4], [1, 2, 3]), 'WebAssembly is ahead of WebGPU at every batch measured, up to 512.');
});

test('ticks say their value in the unit they name', () => {
  for (const [value, text] of [
    [0, '0'],
    [0.25, '0.25'],
    [9000, '9000'],
    [12_500, '12.5 k'],
    [-250_000, '-250 k'],
    [3.2e6, '3.2 M'],
    [0.0004, '4e-4'],
  ] as const)
    assert.is(tickText(value), text);
});

test('the quality plot shows the variance, and intervals go from low to high', () => {
  const figure = (value: number) => ({ value, low: value / 2, high: value * 3 });
  const quality = {
    kind: 'divergrad-quality',
    rows: [
      {
        ...{ estimator: 'reverse-kl/pathwise', distribution: 'gaussian', samples: 4 },
        ...{ relativeVariance: figure(0.75), relativeBias: figure(0.125) },
      },
    ],
  };
  const view = documentView('q.json', quality);
  assert.is(view.querySelector('circle title')?.textContent, 'reverse-kl/pathwise: 4, 0.7500');
  const [cells] = tableRows(view.querySelector('table') as Element);
  assert.is(cells.relativeVariance, '0.7500 [0.3750, 2.250]');
  assert.is(cells.relativeBias, '0.1250 [0.06250, 0.3750]');
});

test('JSON lines are read to the last whole one', async () => {
  const read = async (text: string) => {
    const opened = await readFile(new File([text], 'metrics.jsonl'));
    return opened.kind === 'json' ? opened.value : undefined;
  };
  assert.equal(await read('{"step":1}\n{"step":2}\n'), [{ step: 1 }, { step: 2 }]);
  assert.equal(await read('{"step":1}\n{"step":2}'), [{ step: 1 }, { step: 2 }]);
  assert.equal(await read('{"step":1}\n{"step":2}\n{"st'), [{ step: 1 }, { step: 2 }]);
  assert.equal(await read('[1, 2]'), [1, 2]);
});

test.run();
