// Every setting of the page: out of a link, into the link again, and to the worker, with other values than the first ones.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LearnTab } from '../../web/learn/tab.ts';
import { MeasureTab } from '../../web/measure/tab.ts';
import { safeOrder } from '../../web/see/settings.ts';
import { SeeTab } from '../../web/see/tab.ts';
import { drawnBumps, firstDrawing } from '../../web/see/targets.ts';
import { logarithmic, number, slider } from '../../web/shell/dom.ts';
import type { Shell, Tab } from '../../web/shell/tab.ts';
import { openDocument, SilentWorker } from '../helpers/page-document.ts';

const test = suite('settings of the page');

type Settings = Readonly<Record<string, string>>;
/** A tab with what it last put into the link. */
function opened(make: (shell: Shell) => Tab): { readonly tab: Tab; readonly link: () => Settings } {
  openDocument();
  let link: Settings = {};
  const tab = make({
    backend: 'wasm',
    deviceOpened: () => undefined,
    remember: (settings) => {
      link = settings;
    },
  });
  shown.push(tab);
  return { tab, link: () => link };
}
// Also after a failure: a tab that is shown has a clock.
const shown: Tab[] = [];
test.after.each(() => {
  for (const tab of shown.splice(0)) tab.hide();
});

test('a drawing and the last step are in the link, and come out of it', () => {
  const { tab, link } = opened((shell) => new SeeTab(shell));
  const drawn = Array.from({ length: 32 }, (_, i) => (8 * i).toString(16).padStart(2, '0')).join('');
  const told = () => (SilentWorker.latest() as { target: { bumps: { height: number[] } } }).target;
  for (const wrong of [{}, { drawn: 'ff' }, { drawn: `${drawn.slice(2)}zz` }]) {
    tab.show(new URLSearchParams({ target: 'drawn', ...wrong }));
    assert.equal(
      told().bumps,
      drawnBumps(
        1,
        firstDrawing(1).map((weight) => Math.round(255 * weight) / 255),
      ),
    );
  }
  tab.show(new URLSearchParams({ target: 'drawn', drawn, limit: '40' }));
  assert.equal([link().drawn, link().limit, link().target], [drawn, '40', 'drawn']);
  const expected = drawnBumps(
    1,
    Array.from({ length: 32 }, (_, i) => (8 * i) / 255),
  );
  assert.equal(told().bumps, expected);
});

const click = (tab: Tab, title: string) => {
  const button = [...tab.element.querySelectorAll('button')].find(({ textContent }) => textContent === title);
  if (!button) throw new Error(`no button '${title}'`);
  button.click();
};

interface Case {
  readonly make: (shell: Shell) => Tab;
  readonly link: Settings;
  /** Starts the job of the tab, where showing it does not. */
  readonly begin?: string;
  /** What the worker is to be told. */
  readonly job: unknown;
}

const cases: Readonly<Record<string, Case>> = {
  see: {
    make: (shell) => new SeeTab(shell),
    link: {
      ...{ dimensions: '2', family: 'tanh-gaussian', target: 'ring', temperature: '0.71', samples: '8' },
      ...{
        rate: '0.0041',
        order: '-1.5',
        seed: '17',
        speed: '8',
        divergence: 'hellinger',
        estimators: 'renyi/dreg,mpo/decoupled,svgd/amortised',
      },
    },
    job: {
      fits: ['renyi/dreg', 'mpo/decoupled', 'svgd/amortised'].map((estimator) => ({
        ...{ estimator, dimensions: 2, family: 'tanh-gaussian', order: -1.5 },
        ...{ samples: 8, learningRate: 0.0041, seed: 17 },
      })),
      stepsPerFrame: 8,
      paused: false,
    },
  },
  measure: {
    make: (shell) => new MeasureTab(shell),
    begin: 'Measure',
    link: {
      ...{ distribution: 'beta', batch: '33', samples: '5', width: '48', observations: '7', actions: '3' },
      ...{ rounds: '11', ms: '13', seed: '21', on: 'cpu', sweep: '0' },
      estimators: 'reverse-kl/score:none,chi2/score',
    },
    job: {
      backends: ['cpu'],
      batches: [],
      cost: {
        ...{
          estimators: ['reverse-kl/score:none', 'chi2/score'],
          distribution: 'beta',
          batch: 33,
          samples: 5,
        },
        ...{ hidden: [48, 48], observations: 7, actions: 3, rounds: 11, minimumMs: 13, seed: 21 },
        versions: { browser: 'a test' },
      },
    },
  },
  learn: {
    make: (shell) => new LearnTab(shell),
    begin: 'Train',
    link: {
      ...{ environment: 'cartpole', steps: '1234', warmup: '56', evaluateEvery: '78' },
      ...{ evaluationEpisodes: '9', learningRate: '0.0023', seed: '31' },
      estimators: 'reverse-kl/exact',
    },
    job: {
      ...{ environment: 'cartpole', estimator: 'reverse-kl/exact', seed: 31, steps: 1234, warmup: 56 },
      ...{ evaluateEvery: 78, evaluationEpisodes: 9, learningRate: 0.0023 },
    },
  },
};

for (const [name, { make, link: given, begin, job }] of Object.entries(cases)) {
  test(`${name}: what a link holds is shown, and is in the link again`, () => {
    const { tab, link } = opened(make);
    tab.show(new URLSearchParams());
    const first = link();
    assert.equal(Object.keys(first).sort(), Object.keys(given).sort());
    for (const [key, value] of Object.entries(given))
      assert.is.not(first[key], value, `${key} is the first value`);
    tab.show(new URLSearchParams(given));
    assert.equal(link(), given);
    // Opened from that link anew, as by somebody else.
    const again = opened(make);
    again.tab.show(new URLSearchParams(link()));
    assert.equal(again.link(), given);
  });

  test(`${name}: each setting of a link alone changes itself and no other`, () => {
    for (const [key, value] of Object.entries(given)) {
      const { tab, link } = opened(make);
      tab.show(new URLSearchParams());
      const before = link();
      tab.show(new URLSearchParams({ [key]: value }));
      const after = link();
      // Lists of what goes together follow what it goes with.
      const depends = ['estimators', 'target', 'family', 'dimensions'];
      for (const other of Object.keys(before))
        if (other !== key && !depends.includes(other))
          assert.is(after[other], before[other], `${key}: ${other}`);
    }
  });

  test(`${name}: the worker is told what the link holds`, () => {
    const { tab } = opened(make);
    tab.show(new URLSearchParams(given));
    if (begin) click(tab, begin);
    const { target, ...told } = SilentWorker.latest() as { target?: { temperature: number } };
    assert.equal(told, job);
    if (given.temperature) assert.is(target?.temperature, Number(given.temperature));
  });
}

test('the page keeps tab, settings and backend in its address, and starts from them', async () => {
  const query = new URLSearchParams({ ...cases.learn.link, backend: 'cpu' });
  const { addresses } = openDocument(`#learn?${query}`);
  await import('../../web/main.ts');
  const latest = () => {
    const [tab, held] = (addresses.at(-1) ?? '').slice(1).split('?');
    return { tab, settings: Object.fromEntries(new URLSearchParams(held)) };
  };
  const held = { tab: 'learn', settings: { ...cases.learn.link, backend: 'cpu' } };
  const begun = latest();
  // Away and back: the tab has kept its settings.
  const tabs = [...document.querySelectorAll<HTMLButtonElement>('[role=tab]')];
  for (const title of ['Measure', 'Learn']) tabs.find(({ textContent }) => textContent === title)?.click();
  const back = latest();
  tabs.find(({ textContent }) => textContent === 'Report')?.click();
  assert.equal([begun, back], [held, held]);
  assert.is(addresses.at(-1), '#report?backend=cpu');
});

test('a number keeps to its bounds, a logarithmic slider to its value', () => {
  openDocument();
  const control = number('n', 5, [2, 9], () => undefined);
  for (const [typed, value] of [
    [1, 2],
    [-4, 2],
    [7.6, 8],
    [12, 9],
  ]) {
    control.value = typed;
    assert.is(control.value, value);
  }
  const rate = slider('rate', 0.03, logarithmic(1e-4, 1), () => undefined);
  assert.is(rate.element.querySelector('input')?.getAttribute('min'), '-4');
  for (const value of [0.03, 0.0047, 1, 0.0001]) {
    rate.value = value;
    assert.is(rate.value, value);
    assert.ok(Math.abs(Number(rate.element.querySelector('input')?.value) - Math.log10(value)) < 1e-12);
    assert.is(Number(rate.element.querySelector('output')?.textContent), value);
  }
});

test('Rényi orders keep away from 0 and 1 on their own side', () => {
  for (const [asked, used] of [
    [0.5, 0.5],
    [0.98, 0.95],
    [1, 1.05],
    [1.01, 1.05],
    [-0.01, -0.05],
    [0.01, 0.05],
    [-2, -2],
  ])
    assert.ok(Math.abs(safeOrder(asked) - used) < 1e-12, `${asked}: ${safeOrder(asked)}`);
});

test.run();
