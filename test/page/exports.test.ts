// What the page writes is what was run, whatever its form says by then.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { version } from '../../src/index.ts';
import type { LearnSettings } from '../../web/learn/form.ts';
import { LearnTab } from '../../web/learn/tab.ts';
import { MeasureTab } from '../../web/measure/tab.ts';
import type { FromWorker } from '../../web/shell/protocol.ts';
import type { Shell, Tab } from '../../web/shell/tab.ts';
import { openDocument, SilentWorker } from '../helpers/page-document.ts';

const test = suite('exports of the page');

const shell: Shell = { backend: 'wasm', deviceOpened: () => undefined, remember: () => undefined };
const click = (tab: Tab, title: string) => {
  const button = [...tab.element.querySelectorAll('button')].find(({ textContent }) => textContent === title);
  if (!button) throw new Error(`no button '${title}'`);
  button.click();
};

/** What is saved by a click: the name and the text of the file. */
async function saved(tab: Tab, title: string): Promise<{ name: string; text: string }> {
  let blob: Blob | undefined;
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (given) => {
    blob = given as Blob;
    return 'blob:none';
  };
  URL.revokeObjectURL = () => undefined;
  const links: HTMLAnchorElement[] = [];
  const create = document.createElement.bind(document);
  document.createElement = ((name: string) => {
    const element = create(name);
    if (name === 'a') links.push(element as HTMLAnchorElement);
    return element;
  }) as typeof document.createElement;
  try {
    click(tab, title);
  } finally {
    Object.assign(URL, { createObjectURL, revokeObjectURL });
    document.createElement = create;
  }
  return { name: links.at(-1)?.getAttribute('download') ?? '', text: (await blob?.text()) ?? '' };
}

const say = (worker: SilentWorker, message: FromWorker) => worker.onmessage?.({ data: message });
const evaluation = { step: 40, updates: 30, meanReturn: -7, returns: [-8, -6], metrics: { entropy: 1 } };
const facts = { backend: 'wasm', description: 'wasm: a test', reason: 'asked for', information: {} };

const ran = {
  environment: 'pendulum',
  steps: '80',
  warmup: '10',
  evaluateEvery: '40',
  evaluationEpisodes: '2',
  learningRate: '0.002',
};
const form = {
  environment: 'cartpole',
  steps: '5000',
  warmup: '99',
  evaluateEvery: '77',
  evaluationEpisodes: '5',
  learningRate: '0.009',
};

/** A run under way, and a form that was changed since. */
function learning(): { tab: LearnTab; worker: SilentWorker } {
  openDocument();
  const tab = new LearnTab(shell);
  tab.show(new URLSearchParams({ ...ran, seed: '3', estimators: 'reverse-kl/pathwise' }));
  click(tab, 'Train');
  const worker = SilentWorker.all.at(-1) as SilentWorker;
  say(worker, { kind: 'device', facts });
  say(worker, { kind: 'event', event: { kind: 'evaluation', evaluation, seconds: 1, episode: [] } });
  tab.show(new URLSearchParams({ ...form, seed: '8', estimators: 'chi2/score' }));
  tab.hide();
  return { tab, worker };
}
const asked: LearnSettings = {
  ...{ environment: 'pendulum', estimator: 'reverse-kl/pathwise', seed: 3, steps: 80, warmup: 10 },
  ...{ evaluateEvery: 40, evaluationEpisodes: 2, learningRate: 0.002 },
};

test('Learn saves the settings, the device and the progress of the run', async () => {
  const { tab, worker } = learning();
  const read = async () => JSON.parse((await saved(tab, 'Save JSON')).text);
  const under = await read();
  assert.equal(under.versions, { divergrad: version, browser: 'a test' });
  assert.equal(under.runs, [
    { settings: asked, device: facts, state: 'training', step: 40, evaluations: [evaluation] },
  ]);
  say(worker, { kind: 'done', result: [] });
  const done = await read();
  assert.equal([done.runs[0].settings, done.runs[0].state, done.runs[0].step], [asked, 'done', 80]);
});

test('Stop says the step of the run', async () => {
  const { tab, worker } = learning();
  say(worker, { kind: 'event', event: { kind: 'step', step: 60 } });
  click(tab, 'Stop');
  assert.is(tab.element.querySelector('.run-line')?.textContent, 'Stopped at step 60');
  const { runs } = JSON.parse((await saved(tab, 'Save JSON')).text);
  assert.equal([runs[0].settings, runs[0].state, runs[0].step], [asked, 'stopped', 60]);
});

test('trying again is what failed, not what the form says', () => {
  const { tab, worker } = learning();
  say(worker, { kind: 'failed', failure: { code: 'backend', message: 'The device was lost.' } });
  click(tab, 'Try again');
  assert.equal(SilentWorker.latest(), asked);
});

test('Measure saves what the worker measured, under the day it was measured', async () => {
  openDocument();
  const tab = new MeasureTab(shell);
  tab.show(new URLSearchParams({ batch: '8', seed: '5', estimators: 'reverse-kl/pathwise', on: 'wasm' }));
  click(tab, 'Measure');
  const document = { kind: 'divergrad-cost', date: '2026-01-02T03:04:05.000Z', reports: [], absent: [] };
  say(SilentWorker.all.at(-1) as SilentWorker, { kind: 'done', result: document });
  tab.show(new URLSearchParams({ batch: '99', seed: '6' }));
  const { name, text } = await saved(tab, 'Save JSON');
  assert.is(name, 'divergrad-bench-2026-01-02.json');
  assert.equal(JSON.parse(text), document);
});

test.run();
