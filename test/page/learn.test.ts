// Learn trains as `divergrad train` does, shows one episode of each evaluation, and gives its device back.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Evaluation, OpenedDevice, type Scene } from '../../src/index.ts';
import { performRun } from '../../src/study/runs/run.ts';
import { completeSettings } from '../../src/study/runs/run-settings.ts';
import { settingsTable } from '../../src/study/runs/settings.ts';
import { type FormName, formControls, type LearnSettings, offers } from '../../web/learn/form.ts';
import { type LearnEvent, learn } from '../../web/learn/job.ts';
import type { JobPort } from '../../web/shell/protocol.ts';
import { openDocument } from '../helpers/page-document.ts';

const test = suite('Learn');
const asked: LearnSettings = {
  ...{ environment: 'pendulum', estimator: 'reverse-kl/pathwise', seed: 5, steps: 30, warmup: 10 },
  ...{ evaluateEvery: 15, evaluationEpisodes: 2, learningRate: 0.002 },
};

async function learned(settings: LearnSettings): Promise<{ events: LearnEvent[]; result: unknown }> {
  const events: LearnEvent[] = [];
  const port = { emit: (event: LearnEvent) => void events.push(event), opened: () => undefined };
  const result = await learn(settings, 'cpu', port as unknown as JobPort);
  return { events, result };
}

test('it gives what the command line gives with the same settings', async () => {
  const { events, result } = await learned(asked);
  const settings = await completeSettings({ ...asked, backend: 'cpu' });
  const making = { versions: {}, command: [] };
  const { evaluations } = await performRun(settings, { making, checkpointEvery: 1e6 });
  assert.equal(result, evaluations);
  const told = events.flatMap((event) => (event.kind === 'evaluation' ? [event] : []));
  assert.equal(
    told.map(({ evaluation }): Evaluation => evaluation),
    evaluations,
  );
  // Pendulum's episodes have 200 steps, whichever of the two is shown.
  assert.equal(
    told.map(({ episode }: { episode: readonly Scene[] }) => episode.length),
    [200, 200],
  );
});

test('its device is given back, also when training throws', async () => {
  const { dispose } = OpenedDevice.prototype;
  let disposed = 0;
  OpenedDevice.prototype.dispose = function () {
    disposed++;
    return dispose.call(this);
  };
  try {
    await learned(asked);
    const refused = await learned({ ...asked, environment: 'nowhere' }).catch(
      (error: Error) => error.message,
    );
    assert.match(String(refused), /Unknown environment 'nowhere'/);
    assert.is(disposed, 2);
  } finally {
    OpenedDevice.prototype.dispose = dispose;
  }
});

test('the form offers what settings may be, by the names and words of their table', () => {
  openDocument();
  const controls = formControls(() => undefined);
  assert.equal(Object.keys(controls), Object.keys(offers));
  for (const [name, offer] of Object.entries(offers)) {
    const { help, kind } = settingsTable[name as FormName];
    const { element, value } = controls[name as FormName];
    assert.is(element.querySelector('label')?.textContent?.toLowerCase(), help.toLowerCase());
    for (const end of [offer.from, offer.to, value]) assert.is(kind.fault(end), undefined, `${name} ${end}`);
  }
});

test.run();
