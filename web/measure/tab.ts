import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { baselineEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { jsonText } from '../../src/json.ts';
import { costDefaults } from '../../src/measure/cost.ts';
import { scalingDefaults } from '../../src/measure/scaling.ts';
import type { BackendChoice } from '../../src/open/open.ts';
import { benchDocument, readFile } from '../report/read.ts';
import { type RunningJob, startJob } from '../shell/client.ts';
import { button, download, h, newId, number, select } from '../shell/dom.ts';
import { type Shell, Status, type Tab } from '../shell/tab.ts';
import type { BenchDocument, MeasureEvent, MeasureSettings } from './job.ts';
import { benchCsv, benchView, comparison } from './view.ts';

const firstChoice = [
  baselineEstimator,
  'reverse-kl/score:loo',
  'forward-kl/snis:policy',
  'mpo/decoupled',
  'svgd/amortised',
];
const backends: readonly { readonly name: BackendChoice; readonly title: string }[] = [
  { name: 'wasm', title: 'WebAssembly' },
  { name: 'webgpu', title: 'WebGPU' },
  { name: 'cpu', title: 'plain JavaScript' },
];

/** What each divergence costs on the visitor's own device. */
export class MeasureTab implements Tab {
  readonly element: HTMLElement;
  private readonly status = new Status();
  private readonly progress = h('progress', {
    max: 1,
    value: 0,
    'aria-label': 'Progress of the measurement',
  });
  private readonly results = h('div', {});
  private readonly compared = h('div', {});
  private readonly estimatorBox = h('div', {
    class: 'checks scroll-list',
    tabindex: 0,
    role: 'group',
    'aria-label': 'Estimators',
  });
  private job: RunningJob | undefined;
  private document: BenchDocument | undefined;
  private readonly distribution = select(
    'Distribution',
    distributionFamilies
      .filter(({ capabilities }) => capabilities.density)
      .map(({ name, title }) => ({ value: name, title: title || name })),
    costDefaults.distribution,
    () => this.listEstimators(this.chosen),
  );
  private readonly batch = number('Batch', costDefaults.batch, [1, 4096], () => this.remember());
  private readonly samples = number('Samples K (0: each one’s own)', 0, [0, 1024], () => this.remember());
  private readonly width = number('Width of the two hidden layers', 64, [1, 1024], () => this.remember());
  private readonly observations = number('Observations', costDefaults.observations, [1, 512], () =>
    this.remember(),
  );
  private readonly actions = number('Coordinates of an action', 1, [1, 32], () =>
    this.listEstimators(this.chosen),
  );
  private readonly seed = number('Seed', 0, [0, 1_000_000], () => this.remember());
  private readonly rounds = number('Rounds', 9, [1, 101], () => this.remember());
  private readonly milliseconds = number('Least time of a measurement, ms', 20, [1, 1000], () =>
    this.remember(),
  );
  private readonly sweep = h('input', {
    type: 'checkbox',
    id: newId('check'),
    '.checked': true,
    onchange: () => this.remember(),
  });
  private readonly run = button('Measure', () => this.start(), 'primary');
  private readonly cancel = button('Cancel', () => this.stop());
  private readonly exports: HTMLButtonElement[];
  private readonly chosenBackends = new Set<BackendChoice>(['wasm', 'webgpu']);

  constructor(private readonly shell: Shell) {
    this.cancel.disabled = true;
    const stamp = () => this.document?.date.slice(0, 10);
    this.exports = [
      button('Save JSON', () =>
        download(
          `divergrad-bench-${stamp()}.json`,
          'application/json',
          `${jsonText(this.document, 'The result', { indent: 2 })}\n`,
        ),
      ),
      button('Save CSV', () =>
        download(`divergrad-bench-${stamp()}.csv`, 'text/csv', benchCsv(this.document as BenchDocument)),
      ),
    ];
    for (const each of this.exports) each.disabled = true;
    const fileId = newId('file');
    const compareFile = h('input', { type: 'file', id: fileId, accept: '.json,application/json' });
    compareFile.addEventListener('change', () => this.compare(compareFile));
    this.listEstimators(firstChoice);
    const sweepLabel = h('label', { for: this.sweep.id }, 'Also find the batch from which WebGPU is ahead');
    const controls = h(
      'section',
      { class: 'controls', 'aria-label': 'Settings of the measurement' },
      h('div', { class: 'row' }, this.run, this.cancel),
      h(
        'fieldset',
        {},
        h('legend', {}, 'Backends'),
        ...backends.map(({ name, title }) => this.backendBox(name, title)),
      ),
      h('fieldset', {}, h('legend', {}, 'Estimators'), this.estimatorBox),
      ...[
        this.distribution,
        this.batch,
        this.samples,
        this.width,
        this.observations,
        this.actions,
        this.rounds,
        this.milliseconds,
        this.seed,
      ].map(({ element }) => element),
      h('div', { class: 'check' }, this.sweep, sweepLabel),
    );
    this.element = h(
      'div',
      {},
      h(
        'p',
        { class: 'lead' },
        'Times one policy update of each estimator on this device: network forward, sampling, twin critics, loss, backward and Adam, recorded once and replayed. Rounds are interleaved, so that ratios mean something on a busy machine.',
      ),
      h(
        'div',
        { class: 'workspace' },
        controls,
        h(
          'div',
          { class: 'results' },
          this.status.element,
          this.progress,
          h(
            'div',
            { class: 'row' },
            ...this.exports,
            button('Copy a link to these settings', () => this.copyLink()),
            h('label', { class: 'file', for: fileId }, 'Compare with a JSON from another machine'),
            compareFile,
          ),
          this.results,
          this.compared,
        ),
      ),
    );
    this.progress.hidden = true;
    this.status.say('Nothing measured yet. A first look takes about half a minute.');
  }

  show(settings: URLSearchParams): void {
    const numbers = {
      batch: this.batch,
      samples: this.samples,
      width: this.width,
      observations: this.observations,
      actions: this.actions,
      rounds: this.rounds,
      ms: this.milliseconds,
      seed: this.seed,
    };
    for (const [name, control] of Object.entries(numbers)) {
      const value = settings.get(name);
      if (value !== null && Number.isFinite(Number(value))) control.value = Number(value);
    }
    const distribution = settings.get('distribution');
    if (distributionFamilies.some(({ name }) => name === distribution))
      this.distribution.value = distribution as string;
    const named = settings.get('estimators');
    this.listEstimators(named === null ? this.chosen : named.split(','));
    const on = settings.get('on')?.split(',');
    if (on) {
      this.chosenBackends.clear();
      for (const { name } of backends) if (on.includes(name)) this.chosenBackends.add(name);
      for (const box of this.element.querySelectorAll<HTMLInputElement>('input[name=backend]'))
        box.checked = this.chosenBackends.has(box.value as BackendChoice);
    }
    const sweep = settings.get('sweep');
    if (sweep !== null) this.sweep.checked = sweep === '1';
    this.remember();
  }

  hide(): void {
    // A measurement goes on in its worker, and is here when the tab is opened again.
  }

  private backendBox(name: BackendChoice, title: string): HTMLElement {
    const id = newId('check');
    const box = h('input', {
      type: 'checkbox',
      id,
      name: 'backend',
      value: name,
      '.checked': this.chosenBackends.has(name),
    });
    box.addEventListener('change', () => {
      if (box.checked) this.chosenBackends.add(name);
      else this.chosenBackends.delete(name);
      this.remember();
    });
    return h('div', { class: 'check' }, box, h('label', { for: id }, title));
  }

  private get chosen(): string[] {
    return [...this.estimatorBox.querySelectorAll<HTMLInputElement>('input:checked')].map(
      ({ value }) => value,
    );
  }

  /** The estimators that go with the distribution. */
  private listEstimators(checked: readonly string[]): void {
    const family = distributionFamily(this.distribution.value);
    const fitting = estimatorChoices().filter(
      ({ needs }) => missingNeeds(needs, family, this.actions.value).length === 0,
    );
    this.estimatorBox.replaceChildren(
      ...fitting.map(({ name }) => {
        const id = newId('check');
        const box = h('input', {
          type: 'checkbox',
          id,
          value: name,
          '.checked': checked.includes(name),
          onchange: () => this.remember(),
        });
        return h('div', { class: 'check' }, box, h('label', { for: id }, name));
      }),
    );
    this.remember();
  }

  private remember(): void {
    this.shell.remember({
      distribution: this.distribution.value,
      batch: String(this.batch.value),
      samples: String(this.samples.value),
      width: String(this.width.value),
      observations: String(this.observations.value),
      actions: String(this.actions.value),
      rounds: String(this.rounds.value),
      ms: String(this.milliseconds.value),
      seed: String(this.seed.value),
      on: [...this.chosenBackends].join(','),
      sweep: this.sweep.checked ? '1' : '0',
      estimators: this.chosen.join(','),
    });
  }

  private start(): void {
    if (this.chosenBackends.size === 0 || this.chosen.length === 0) {
      this.status.fail({ code: 'usage', message: 'Choose at least one backend and one estimator.' });
      return;
    }
    this.job?.stop();
    const settings: MeasureSettings = {
      backends: backends.map(({ name }) => name).filter((name) => this.chosenBackends.has(name)),
      batches: this.sweep.checked ? scalingDefaults.batch : [],
      cost: {
        estimators: this.chosen,
        distribution: this.distribution.value,
        batch: this.batch.value,
        samples: this.samples.value || null,
        hidden: [this.width.value, this.width.value],
        observations: this.observations.value,
        ...(distributionFamily(this.distribution.value).capabilities.actionKind === 'discrete'
          ? { actions: Math.max(2, this.actions.value) }
          : { actions: this.actions.value }),
        rounds: this.rounds.value,
        minimumMs: this.milliseconds.value,
        seed: this.seed.value,
        versions: { browser: navigator.userAgent },
      },
    };
    this.setRunning(true);
    this.status.say('Opening the backends…');
    this.job = startJob<MeasureEvent, BenchDocument>('measure', 'auto', settings, {
      onDevice: (facts) => this.shell.deviceOpened(facts),
      onEvent: ({ done, what }) => {
        this.progress.value = done;
        this.status.say(`Measuring ${what}, ${Math.round(100 * done)} %`);
      },
      onDone: (document) => this.finished(document),
      onFailure: (failure) => {
        this.setRunning(false);
        this.status.fail(failure, () => this.start());
      },
    });
  }

  private stop(): void {
    this.job?.stop();
    this.setRunning(false);
    this.status.say('Cancelled. Nothing was kept of the measurement.');
  }

  private setRunning(running: boolean): void {
    this.run.disabled = running;
    this.cancel.disabled = !running;
    this.progress.hidden = !running;
    if (running) this.progress.value = 0;
  }

  private finished(document: BenchDocument): void {
    this.document = document;
    this.setRunning(false);
    for (const each of this.exports) each.disabled = false;
    const measured = document.reports.map(({ backend }) => backend).join(' and ') || 'nothing';
    this.status.say(`Measured ${measured} on ${new Date(document.date).toLocaleString()}.`);
    this.results.replaceChildren(benchView(document));
    this.compared.replaceChildren();
  }

  private async copyLink(): Promise<void> {
    this.remember();
    try {
      await navigator.clipboard.writeText(location.href);
      this.status.say('The link is in the clipboard; it holds these settings.');
    } catch {
      this.status.say(
        `The clipboard is closed to this page; the address bar holds the link: ${location.href}`,
      );
    }
  }

  private async compare(input: HTMLInputElement): Promise<void> {
    const [file] = input.files ?? [];
    input.value = '';
    if (!file) return;
    try {
      const opened = await readFile(file);
      const other = benchDocument(file.name, opened.kind === 'json' ? opened.value : null);
      this.compared.replaceChildren(
        this.document ? comparison(this.document, other, file.name) : benchView(other),
      );
      this.status.say(
        this.document
          ? `Compared with ${file.name}.`
          : `${file.name} is shown below; measure here to compare.`,
      );
    } catch (error) {
      this.status.fail({ code: 'data', message: (error as Error).message });
    }
  }
}
