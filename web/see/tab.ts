import { distributionFamily } from '../../src/distributions/registry.ts';
import { LineChart } from '../shell/chart.ts';
import { type RunningJob, startJob } from '../shell/client.ts';
import { button, doubling, h, logarithmic, newId, number, select, slider } from '../shell/dom.ts';
import { type Shell, Status, type Tab } from '../shell/tab.ts';
import { drawFrame } from './canvas.ts';
import { DrawingPad } from './drawing.ts';
import type { SeeChange, SeeEvent, SeeSettings } from './job.ts';
import { modesSentence, modesTaken } from './modes.ts';
import {
  divergences,
  estimatorsFor,
  type Frame,
  families,
  firstFit,
  isRenyi,
  safeOrder,
  spaceOf,
} from './settings.ts';
import { type Dimensions, DRAWN, drawnBumps, presets, type Space } from './targets.ts';

/** Points kept of each curve: older ones are thinned out. */
const HISTORY = 400;
const MOST_PANELS = 4;

interface Panel {
  estimator: string;
  frame: Frame | undefined;
  history: { step: number; loss: number; divergences: readonly number[]; share: number }[];
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly choice: ReturnType<typeof select>;
  readonly facts: Readonly<Record<'step' | 'divergence' | 'loss' | 'share', HTMLElement>>;
}

/** Densities that move: what each estimator makes of the same target. */
export class SeeTab implements Tab {
  readonly element: HTMLElement;
  private readonly status = new Status();
  private readonly pad = new DrawingPad(() => this.retarget());
  private readonly panelBox = h('div', { class: 'panels' });
  private readonly seen = h('p', { class: 'seen' });
  private readonly panels: Panel[] = [];
  private dimensions: Dimensions = firstFit.dimensions;
  private job: RunningJob | undefined;
  private paused = false;
  private visible = false;
  private limit: number | undefined;
  private readonly charts = {
    divergence: new LineChart({ title: 'Exact divergence, by quadrature', x: 'step', y: 'nats', yLog: true }),
    loss: new LineChart({ title: 'Loss of each estimator', x: 'step', y: 'loss' }),
    share: new LineChart({ title: 'Effective sample size of draws of the policy', x: 'step', y: 'share' }),
  };
  private readonly target = select('Target', [], '', () => this.retarget());
  private readonly family = select(
    'Policy family',
    families.map(({ name, title }) => ({ value: name, title: title || name })),
    firstFit.family,
    () => this.reshape(),
  );
  private readonly size = select(
    'Actions',
    [
      { value: '1', title: 'one-dimensional' },
      { value: '2', title: 'two-dimensional' },
    ],
    '1',
    (value) => {
      this.dimensions = value === '2' ? 2 : 1;
      this.reshape();
    },
  );
  private readonly shownDivergence = select(
    'Divergence shown',
    divergences.map(({ name, title }) => ({ value: name, title })),
    'reverse-kl',
    () => {
      this.remember();
      this.drawAll();
    },
  );
  private readonly temperature = slider('Temperature α', firstFit.temperature, logarithmic(0.05, 2), () =>
    this.retarget(),
  );
  private readonly samples = slider('Samples K', firstFit.samples, doubling(1, 256), () => this.restart());
  private readonly rate = slider('Learning rate', firstFit.learningRate, logarithmic(0.001, 0.3), () =>
    this.restart(),
  );
  private readonly order = slider(
    'Order a (Rényi)',
    firstFit.order,
    { min: -2, max: 3, step: 0.1, format: (value) => safeOrder(value).toFixed(2).replace('-', '−') },
    () => this.restart(),
  );
  private readonly speed = slider(
    'Steps a frame',
    firstFit.stepsPerFrame,
    doubling(1, 64),
    (stepsPerFrame) => {
      this.remember();
      this.change({ stepsPerFrame });
    },
  );
  private readonly seed = number('Seed', firstFit.seed, [0, 1_000_000], () => this.restart());
  private readonly pause = button('Pause', () => this.setPaused(!this.paused));
  private readonly add = button('Add an estimator', () => {
    this.addPanel('reverse-kl/pathwise');
    this.restart();
  });
  private restartTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly shell: Shell) {
    for (const estimator of firstFit.estimators) this.addPanel(estimator);
    const controls = h(
      'section',
      { class: 'controls', 'aria-label': 'Settings of the fit' },
      h(
        'div',
        { class: 'row' },
        this.pause,
        button('Start again', () => this.restart()),
      ),
      ...[this.size, this.target].map(({ element }) => element),
      this.pad.element,
      ...[
        this.family,
        this.temperature,
        this.samples,
        this.rate,
        this.order,
        this.speed,
        this.shownDivergence,
        this.seed,
      ].map(({ element }) => element),
    );
    this.element = h(
      'div',
      {},
      h(
        'p',
        { class: 'lead' },
        'The filled shape is the Boltzmann target p ∝ exp(Q/α), the line a policy π that follows it by one estimator’s gradient. Arrows show where that gradient moves single draws.',
      ),
      h(
        'div',
        { class: 'workspace results-first' },
        controls,
        h(
          'div',
          { class: 'results' },
          this.status.element,
          this.panelBox,
          this.seen,
          h('div', { class: 'row' }, this.add),
          h('div', { class: 'charts' }, ...Object.values(this.charts).map(({ element }) => element)),
        ),
      ),
    );
    this.reshapeChoices();
  }

  show(settings: URLSearchParams): void {
    const set = (name: string, apply: (value: string) => void): void => {
      const value = settings.get(name);
      if (value !== null) apply(value);
    };
    set('dimensions', (value) => {
      this.dimensions = value === '2' ? 2 : 1;
      this.size.value = String(this.dimensions);
    });
    set('family', (value) => {
      if (families.some(({ name }) => name === value)) this.family.value = value;
    });
    this.reshapeChoices();
    set('target', (value) => {
      this.target.value = value;
    });
    const numbers = {
      temperature: this.temperature,
      samples: this.samples,
      rate: this.rate,
      order: this.order,
      speed: this.speed,
      seed: this.seed,
    };
    for (const [name, control] of Object.entries(numbers))
      set(name, (value) => {
        if (Number.isFinite(Number(value))) control.value = Number(value);
      });
    set('divergence', (value) => {
      if (divergences.some(({ name }) => name === value)) this.shownDivergence.value = value;
    });
    set('drawn', (value) => this.pad.read(this.dimensions, value));
    set('limit', (value) => {
      this.limit = Number(value) || undefined;
    });
    set('estimators', (value) => {
      const known = estimatorsFor(distributionFamily(this.family.value), this.dimensions);
      const names = value.split(',').filter((name) => known.includes(name));
      if (names.length === 0) return;
      while (this.panels.length > 0) this.removePanel(this.panels[0]);
      for (const name of names.slice(0, MOST_PANELS)) this.addPanel(name);
    });
    this.reshapeChoices();
    this.visible = true;
    this.start();
  }

  hide(): void {
    this.visible = false;
    this.job?.stop();
    this.job = undefined;
  }

  private addPanel(estimator: string): void {
    const id = newId('panel');
    const canvas = h('canvas', { role: 'img', 'aria-label': 'Densities of target and policy' });
    const facts = { step: h('dd'), divergence: h('dd'), loss: h('dd'), share: h('dd') };
    const choice = select('Estimator', [], estimator, (value) => {
      panel.estimator = value;
      this.restart();
    });
    const remove = button('Remove', () => {
      this.removePanel(panel);
      this.restart();
    });
    const titles = { step: 'step', divergence: 'divergence', loss: 'loss', share: 'effective samples' };
    const list = h(
      'dl',
      { class: 'facts' },
      ...Object.entries(titles).map(([name, title]) =>
        h('div', {}, h('dt', {}, title), facts[name as keyof typeof facts]),
      ),
    );
    const panel: Panel = {
      estimator,
      frame: undefined,
      history: [],
      canvas,
      choice,
      facts,
      element: h(
        'article',
        { class: 'panel', id },
        h('div', { class: 'panel-head' }, choice.element, remove),
        canvas,
        list,
      ),
    };
    this.panels.push(panel);
    this.panelBox.append(panel.element);
    this.reshapeChoices();
  }

  private removePanel(panel: Panel): void {
    this.panels.splice(this.panels.indexOf(panel), 1);
    panel.element.remove();
    this.reshapeChoices();
  }

  /** Lists of choices that go with the family and the dimensions. */
  private reshapeChoices(): void {
    const family = distributionFamily(this.family.value);
    const space = spaceOf(family);
    const fitting = presets.filter(
      (each) => each.dimensions.includes(this.dimensions) && each.spaces.includes(space),
    );
    const before = this.target.value || firstFit.target;
    this.target.setChoices([
      ...fitting.map(({ name, title }) => ({ value: name, title })),
      { value: DRAWN, title: 'Drawn by hand' },
    ]);
    this.target.value = [...fitting.map(({ name }) => name), DRAWN].includes(before) ? before : 'bimodal';
    const names = estimatorsFor(family, this.dimensions);
    this.panels.forEach((panel, i) => {
      panel.choice.setChoices(names.map((value) => ({ value, title: value })));
      if (!names.includes(panel.estimator)) panel.estimator = names[0];
      panel.choice.value = panel.estimator;
      panel.element.style.setProperty('--own', `var(--series-${i})`);
      panel.element.querySelector('button')?.toggleAttribute('disabled', this.panels.length === 1);
    });
    this.order.element.hidden = !this.panels.some(({ estimator }) => isRenyi(estimator));
    this.add.disabled = this.panels.length >= MOST_PANELS;
    this.pad.element.hidden = this.target.value !== DRAWN;
    if (this.target.value === DRAWN) this.pad.setDimensions(this.dimensions);
  }

  private reshape(): void {
    this.reshapeChoices();
    this.restart();
  }

  private get targetSettings(): SeeSettings['target'] {
    const preset = presets.find(({ name }) => name === this.target.value);
    const bumps = preset ? preset.bumps(this.dimensions) : drawnBumps(this.dimensions, this.pad.weights);
    return { bumps, temperature: this.temperature.value };
  }

  /** The target moves under the policies, which go on from where they are. */
  private retarget(): void {
    this.reshapeChoices();
    this.remember();
    this.change({ target: this.targetSettings });
  }

  private change(change: SeeChange): void {
    this.job?.change(change);
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    this.pause.textContent = paused ? 'Go on' : 'Pause';
    this.change({ paused });
  }

  /** Begins anew, once the sliders rest. */
  private restart(): void {
    this.reshapeChoices();
    clearTimeout(this.restartTimer);
    this.restartTimer = setTimeout(() => this.visible && this.start(), 150);
  }

  private remember(): void {
    this.shell.remember({
      dimensions: String(this.dimensions),
      family: this.family.value,
      target: this.target.value,
      temperature: String(this.temperature.value),
      samples: String(this.samples.value),
      rate: String(this.rate.value),
      order: String(this.order.value),
      speed: String(this.speed.value),
      divergence: this.shownDivergence.value,
      seed: String(this.seed.value),
      estimators: this.panels.map(({ estimator }) => estimator).join(','),
      ...(this.target.value === DRAWN ? { drawn: this.pad.text } : {}),
      ...(this.limit === undefined ? {} : { limit: String(this.limit) }),
    });
  }

  private start(): void {
    this.job?.stop();
    this.remember();
    this.setPaused(matchMedia('(prefers-reduced-motion: reduce)').matches && this.limit === undefined);
    for (const panel of this.panels) Object.assign(panel, { frame: undefined, history: [] });
    this.status.say('Compiling the estimators…');
    const settings: SeeSettings = {
      fits: this.panels.map(({ estimator }) => ({
        estimator,
        dimensions: this.dimensions,
        family: this.family.value,
        order: safeOrder(this.order.value),
        samples: this.samples.value,
        learningRate: this.rate.value,
        seed: this.seed.value,
      })),
      target: this.targetSettings,
      stepsPerFrame: this.speed.value,
      paused: this.paused,
      ...(this.limit === undefined ? {} : { limit: this.limit }),
    };
    this.job = startJob<SeeEvent, void>('see', this.shell.backend, settings, {
      onDevice: (facts) => this.shell.deviceOpened(facts),
      onEvent: (frames) => this.onFrames(frames),
      onFailure: (failure) => this.status.fail(failure, () => this.start()),
    });
  }

  private onFrames(frames: SeeEvent): Promise<void> {
    frames.forEach((frame, i) => {
      const panel = this.panels[i];
      if (!panel) return;
      panel.frame = frame;
      const { step, loss, divergences: all, effectiveSampleShare: share } = frame;
      panel.history.push({ step, loss, divergences: all, share });
      if (panel.history.length > HISTORY) panel.history = panel.history.filter((_, at) => at % 2 === 0);
    });
    if (this.limit !== undefined && frames[0].step >= this.limit && !this.paused) this.setPaused(true);
    this.status.say(
      this.paused ? 'Paused.' : `${this.panels.length} policies side by side, step ${frames[0].step}.`,
    );
    return new Promise((resolve) =>
      requestAnimationFrame(() => {
        this.drawAll();
        resolve();
      }),
    );
  }

  /** Of the target with two modes, what each policy makes of them. */
  private whatIsSeen(space: Space): string {
    if (this.dimensions !== 1 || this.target.value !== firstFit.target) return '';
    const fits = this.panels.flatMap(({ estimator, frame }) =>
      frame ? [{ name: estimator, modes: modesTaken(frame, space) }] : [],
    );
    return fits.length > 0 ? modesSentence(fits) : '';
  }

  private drawAll(): void {
    const space = spaceOf(distributionFamily(this.family.value));
    const shown = divergences.findIndex(({ name }) => name === this.shownDivergence.value);
    this.panels.forEach(({ canvas, frame, facts, estimator }, series) => {
      if (!frame) return;
      drawFrame(canvas, frame, { dimensions: this.dimensions, space, series });
      facts.step.textContent = String(frame.step);
      facts.divergence.textContent = told(frame.divergences[shown], 4);
      facts.loss.textContent = frame.loss.toFixed(4);
      facts.share.textContent = `${(100 * frame.effectiveSampleShare).toFixed(1)} %`;
      const text = `${estimator} after ${frame.step} steps: ${divergences[shown].title} ${told(frame.divergences[shown], 3)}`;
      canvas.setAttribute('aria-label', text);
    });
    this.seen.textContent = this.whatIsSeen(space);
    const series = (value: (entry: Panel['history'][number]) => number) =>
      this.panels.map(({ estimator, history }, color) => ({
        name: estimator,
        color,
        points: history
          .map((entry) => [entry.step, value(entry)] as const)
          .filter(([, height]) => !Number.isNaN(height)),
      }));
    this.charts.divergence.draw(series((entry) => Math.max(1e-6, entry.divergences[shown])));
    this.charts.loss.draw(series(({ loss }) => loss));
    this.charts.share.draw(series(({ share }) => share));
  }
}

/** A divergence as text; one that no rule of the picture resolves is NaN. */
const told = (divergence: number, digits: number): string =>
  Number.isNaN(divergence)
    ? 'not resolved: the policy is too narrow, or too near an end'
    : divergence.toFixed(digits);
