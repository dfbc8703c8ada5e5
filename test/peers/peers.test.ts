// What bench:peers measures and says: the work against an independent implementation, the statistics, the verdicts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { peersChart } from '../../bench/peers/chart.ts';
import type { Opening } from '../../bench/peers/contestant.ts';
import { openOwn } from '../../bench/peers/contestants/own.ts';
import {
  type Contest,
  type Entrant,
  entrantName,
  layersDifference,
  lossDifference,
  type Pair,
} from '../../bench/peers/measure.ts';
import { contestPlans } from '../../bench/peers/plan.ts';
import { markdownOf, withSection } from '../../bench/peers/publish.ts';
import { medianRatio } from '../../bench/peers/ratio.ts';
import { contestText, documentOf, type PeersDocument, targetsText } from '../../bench/peers/report.ts';
import { judge, speedTargets } from '../../bench/peers/targets.ts';
import { type Losses, neededFlops, type WorkName, workData, workSizes } from '../../bench/peers/work.ts';
import { PhiloxStream } from '../../src/math/philox.ts';

// ---------------------------------------------------------------- the work

/** Written by `npm run bench:peers -- --losses test/peers/losses.json`: PyTorch in float64. */
const torch = JSON.parse(readFileSync('test/peers/losses.json', 'utf8')) as {
  readonly seed: number;
  readonly losses: Readonly<Record<WorkName, readonly Losses[]>>;
};

async function ownLosses(opening: Omit<Opening, 'library' | 'task' | 'seed'>): Promise<Losses[]> {
  const own = await openOwn({ library: 'divergrad', task: 'update', seed: torch.seed, ...opening });
  const all: Losses[] = [];
  for (let i = 0; i < torch.losses[opening.work].length; i++) {
    if (i > 0) await own.run(1);
    all.push(await own.losses());
  }
  await own.dispose();
  return all;
}

test('five updates have the losses of PyTorch in float64, whose autograd and Adam know nothing of ours', async () => {
  const losses = await ownLosses({ backend: 'cpu', work: 'small', double: true });
  // Parameters and batch are float32 in both, all after that is float64; our temperature is the exponential of a
  // float32, which is 3e-8 off, and the policy's loss has Q divided by it.
  assert.ok(lossDifference(losses, torch.losses.small) < 1e-7);
});

for (const work of ['small', 'big'] as const) {
  test(`${work}: float32 on wasm keeps within a tenth of the tolerance that peers are given`, async () => {
    const losses = await ownLosses({ backend: 'wasm', work });
    assert.ok(lossDifference(losses, torch.losses[work]) < 1e-5);
  });
}

test('the losses move with every update, so that they check gradients, optimisers and targets', () => {
  for (const losses of Object.values(torch.losses)) {
    assert.is(losses.length, 5);
    for (let i = 1; i < losses.length; i++) {
      assert.ok(Math.abs(losses[i].criticLoss - losses[i - 1].criticLoss) > 1e-3);
      assert.ok(Math.abs(losses[i].policyLoss - losses[i - 1].policyLoss) > 1e-3);
    }
  }
});

test('the dense layers alone are the same on wasm as in float64, small and big', async () => {
  for (const work of ['small', 'big'] as const) {
    const results: Record<string, number[]>[] = [];
    for (const opening of [{ backend: 'cpu', double: true }, { backend: 'wasm' }] as const) {
      const own = await openOwn({ library: 'divergrad', task: 'layers', work, seed: 0, ...opening });
      const layers = (await own.layers?.()) ?? {};
      results.push(Object.fromEntries(Object.entries(layers).map(([name, values]) => [name, [...values]])));
      await own.dispose();
    }
    assert.equal(Object.keys(results[0]), ['nextHead', 'nextValue', 'critics', 'policy', 'chosen']);
    assert.ok(layersDifference(results[1], results[0]) < 1e-5);
  }
});

test('a batch follows from its seed, and another seed gives another', () => {
  const [first, again, other] = [3, 3, 4].map((seed) => workData(workSizes.small, seed));
  assert.equal(first, again);
  assert.not.equal(first.states, other.states);
  assert.ok(first.actions.every((action) => Math.abs(action) < 1));
  assert.ok([...first.terminated].every((flag) => flag === 0 || flag === 1));
});

test('the operations needed are those of the products, counted by hand for one row and one unit', () => {
  // Policy 1-1-1-2 (8 a pass), critics 2-1-1-1 (8 a pass, two of them).
  // Critics' step: next policy 8, targets 16, critics 16 and back 2·(8 + 4). Policy's step: policy 8 and back 8 + 6,
  // critics 16 and back 2·(4 + 2).
  const hand = 8 + 16 + 16 + 24 + (8 + 14) + (16 + 12);
  assert.is(neededFlops({ observations: 1, actions: 1, batch: 1, hidden: 1 }), hand);
});

// ---------------------------------------------------------------- statistics

test('a difference of losses is relative above 1 and absolute below, and NaN never passes', () => {
  const of = (criticLoss: number, policyLoss: number): Losses => ({ criticLoss, policyLoss });
  assert.is(lossDifference([of(11, 0.5)], [of(10, 0.25)]), 0.25);
  assert.is(lossDifference([of(15, 0.5)], [of(10, 0.5)]), 0.5);
  for (const bad of [[of(Number.NaN, 0)], []]) assert.not(lossDifference(bad, [of(1, 0)]) <= 1);
  assert.is(layersDifference({ a: [1, 2.5] }, { a: [1, 2] }), 0.25);
  assert.not(layersDifference({ a: [1] }, { a: [1, 2] }) <= 1);
  assert.not(layersDifference({ a: [1, Number.NaN] }, { a: [1, 2] }) <= 1);
});

test('the interval of a median ratio covers the true one about as often as it says', () => {
  const random = new PhiloxStream(5);
  const trials = 400;
  let covered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const ratios = Array.from({ length: 15 }, () => Math.exp(0.3 * random.nextNormal()));
    const { value, low, high } = medianRatio(ratios, trial);
    assert.ok(low <= value && value <= high);
    if (low <= 1 && 1 <= high) covered += 1;
  }
  // Percentile intervals of a median of 15 cover a little less or more than 95%.
  assert.ok(covered / trials > 0.9, `${covered} of ${trials}`);
  assert.ok(covered < trials);
});

test('the same seed gives the same interval, and equal ratios an interval without width', () => {
  assert.equal(medianRatio([1, 2, 3, 4, 5], 7), medianRatio([1, 2, 3, 4, 5], 7));
  assert.equal(medianRatio([2, 2, 2], 0), { value: 2, low: 2, high: 2 });
});

// ---------------------------------------------------------------- verdicts and report

function pair(entrant: Entrant, times: number): Pair {
  return {
    entrant,
    facts: { version: '1.0', description: 'a stand-in', threads: 1, firstUpdateMs: 10 },
    difference: 1e-6,
    updatesPerRun: 10,
    ms: [times, times],
    ownUpdatesPerRun: 100,
    ownMs: [1, 1],
    medianMs: times,
    ownMedianMs: 1,
    ratio: { value: times, low: 0.9 * times, high: 1.1 * times },
  };
}

function contest(backend: 'wasm' | 'webgpu', work: WorkName, pairs: readonly Pair[]): Contest {
  return {
    task: 'update',
    work,
    runtime: 'node',
    own: { library: 'divergrad', backend },
    facts: { version: '0.1.0', description: backend, threads: 1, firstUpdateMs: 2500 },
    difference: 1e-7,
    reference: [],
    counts: {
      updates: 100,
      kernels: 14,
      flops: 1.02 * neededFlops(workSizes[work]),
      submits: 1,
      readbacks: 0,
      hostMs: 5,
    },
    hostTimesMs: [4, 5, 9],
    pairs,
    absent: [{ entrant: { library: 'tfjs', backend: 'wasm' }, reason: 'the wasm backend does not start' }],
  };
}

const torchEntrant = (threads: number, core: string): Entrant => ({
  library: 'pytorch',
  backend: 'cpu',
  threads,
  core,
});

test('PyTorch is judged at its best, others as they are, and what did not run is not measured', () => {
  const targets = judge([
    contest('wasm', 'small', [
      pair(torchEntrant(1, 'automatic'), 9),
      pair(torchEntrant(2, 'Haswell'), 4.9),
      pair({ library: 'jax-js', backend: 'wasm' }, 15),
    ]),
  ]);
  const find = (text: RegExp) => targets.filter(({ target }) => text.test(target));
  const [pytorch] = find(/wasm, small: 5× PyTorch/);
  assert.is(pytorch.verdict, 'missed');
  assert.match(pytorch.measured, /4\.90×.*2 threads, Haswell/);
  assert.is(find(/wasm, small: 15× jax-js/)[0].verdict, 'met');
  assert.is(find(/wasm, small: 20× tfjs/)[0].verdict, 'not measured');
  assert.is(find(/webgpu, small: 4× jax-js/)[0].verdict, 'not measured');
});

test('on WebGPU submits, operations, host time and the first update are judged from what was counted', () => {
  const targets = judge([contest('webgpu', 'small', [pair({ library: 'jax-js', backend: 'webgpu' }, 3)])]);
  const verdict = (text: RegExp) => targets.find(({ target }) => text.test(target))?.verdict;
  assert.is(verdict(/small: 4× jax-js webgpu/), 'missed');
  assert.is(verdict(/1 submit and 0 readbacks/), 'met');
  assert.is(verdict(/operations/), 'met');
  assert.is(verdict(/host time/), 'met');
  const host = targets.find(({ target }) => /host time/.test(target));
  assert.is(host?.measured, '50 µs in a run of 100, median of 3 from 40 to 90');
  assert.is(verdict(/first update/), 'missed'); // 2.5 s
});

test('a contest is told with its peers, their numbers, and those that are not present by name and reason', () => {
  const text = contestText(contest('wasm', 'big', [pair(torchEntrant(1, 'Haswell'), 1.25)]));
  assert.match(text, /update, big, node: divergrad wasm/);
  assert.match(text, /pytorch, 1 thread, Haswell +1 +1\.25 +1\.00 +1\.25 \[1\.13, 1\.38\]/);
  assert.match(text, /not present: tfjs wasm: the wasm backend does not start/);
});

test('by default every peer meets this library at both works wherever it can run', () => {
  const plans = contestPlans({
    works: ['small', 'big'],
    runtimes: ['node', 'chromium', 'deno'],
    libraries: ['pytorch', 'jax-js', 'tfjs', 'gpu.js'],
    backends: ['wasm', 'webgpu'],
    tasks: ['update', 'layers'],
    torchThreads: [1, 2],
    torchCores: ['automatic', 'Haswell'],
  });
  // Every target has somebody to be measured against.
  for (const { work, backend, peer, peerBackend } of speedTargets) {
    const meets = plans.some(
      (plan) =>
        plan.task === 'update' &&
        plan.work === work &&
        plan.own.backend === backend &&
        plan.peers.some(({ library, backend: theirs }) => library === peer && theirs === peerBackend),
    );
    assert.ok(meets, `${work} ${backend} ${peer}`);
  }
  const gpujs = plans.flatMap(({ peers }) => peers).filter(({ library }) => library === 'gpu.js');
  assert.equal(new Set(gpujs.map(({ backend }) => backend)), new Set(['wasm', 'cpu', 'webgpu']));
});

test('the picture names every peer of a run and draws its ratio', () => {
  const pairs = [pair(torchEntrant(1, 'Haswell'), 2.5), pair({ library: 'jax-js', backend: 'wasm' }, 6.25)];
  const report = documentOf({
    date: '2026-01-01T00:00:00.000Z',
    command: 'npm run bench:peers',
    machine: { processor: 'a <processor> & another', processors: 2, memoryGiB: 24, system: 'Linux' },
    versions: { divergrad: '0.1.0' },
    settings: { seed: 0, rounds: 5, minimumMs: 1, maximumMs: 1 },
    contests: [contest('wasm', 'small', pairs)],
    absent: [],
  });
  const svg = peersChart(report);
  for (const text of [
    'pytorch, 1 thread, Haswell',
    'jax-js wasm',
    '>2.50<',
    '>6.25<',
    'SAC update, wasm, node',
  ])
    assert.ok(svg.includes(text), text);
  assert.ok(!svg.includes('<processor>'), 'facts are escaped');
  assert.match(svg, /^<svg[^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
});

// ---------------------------------------------------------------- the figures in the documentation

const folder = 'docs/peers';
const published = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.json')) : [];

test('the published figures say what their own measurements show, peer by peer', () => {
  assert.ok(published.length > 0, 'docs/peers has no results');
  for (const file of published) {
    const report = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as PeersDocument;
    assert.is(report.kind, 'divergrad-peers');
    assert.equal(report.targets, JSON.parse(JSON.stringify(judge(report.contests))), file);
    for (const { pairs, difference, own } of report.contests) {
      assert.ok(difference <= report.lossTolerance, entrantName(own));
      for (const { entrant, difference: theirs, ms, ownMs, ratio } of pairs) {
        const name = `${file}: ${entrantName(entrant)}`;
        assert.ok(theirs <= report.lossTolerance, name);
        assert.is(ms.length, ownMs.length, name);
        const ratios = ms.map((value, i) => value / ownMs[i]);
        assert.equal(ratio, medianRatio(ratios, report.settings.seed), name);
      }
    }
    assert.is(readFileSync(`${folder}/${file.replace(/json$/, 'svg')}`, 'utf8'), peersChart(report), file);
  }
});

test('docs/peers.md holds the tables of the published runs', () => {
  const page = readFileSync('docs/peers.md', 'utf8');
  for (const file of published) {
    const report = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as PeersDocument;
    assert.is(withSection(page, file.replace('.json', ''), markdownOf(report)), page, file);
  }
});

test('a target that no run shows is told as not measured, never left out', () => {
  const text = targetsText(judge([]));
  for (const { work, backend, atLeast } of speedTargets)
    assert.ok(text.includes(`${backend}, ${work}: ${atLeast}×`), `${backend} ${work}`);
  assert.match(text, /0 met, 0 missed, 15 not measured here/);
});

test.run();
