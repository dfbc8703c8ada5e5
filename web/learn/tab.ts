import { distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import type { Scene } from '../../src/envs/scene.ts';
import { jsonText } from '../../src/json.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { version } from '../../src/version.ts';
import { LineChart } from '../shell/chart.ts';
import { type RunningJob, startJob } from '../shell/client.ts';
import { button, download, h, newId, select } from '../shell/dom.ts';
import type { DeviceFacts } from '../shell/protocol.ts';
import { type Shell, Status, type Tab } from '../shell/tab.ts';
import { formControls, formValues, type LearnSettings } from './form.ts';
import type { LearnEvent } from './job.ts';
import { drawScene } from './scene.ts';

const MOST_RUNS = 4;
/** Time between two frames of a played episode: the step of Pendulum-v1; CartPole's 20 ms would be a blur. */
const FRAME_MS = 50;

const tasks = [
  { name: 'pendulum', title: 'Pendulum swing-up', distribution: 'tanh-gaussian' },
  { name: 'cartpole', title: 'Cart-pole balancing', distribution: 'categorical' },
] as const;

interface Run {
  /** What it was started with; the form may say something else by now. */
  readonly settings: LearnSettings;
  /** What it runs on, once that is open. */
  device: DeviceFacts | undefined;
  /** Environment steps done, as far as is known here. */
  step: number;
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly line: HTMLElement;
  readonly progress: HTMLProgressElement;
  job: RunningJob | undefined;
  evaluations: Evaluation[];
  /** The latest episode that was evaluated, and where it is being played. */
  episode: readonly Scene[];
  frame: number;
  scene: Scene | undefined;
  state: 'training' | 'done' | 'stopped' | 'failed';
}

/** Training, seen while it happens: one worker for each estimator. */
export class LearnTab implements Tab {
  readonly element: HTMLElement;
  private readonly status = new Status();
  private readonly runs: Run[] = [];
  private readonly runBox = h('div', { class: 'panels' });
  private readonly estimatorBox = h('div', {
    class: 'checks scroll-list',
    tabindex: 0,
    role: 'group',
    'aria-label': 'Estimators',
  });
  private readonly curve = new LineChart({
    title: 'Learning curves: mean return of the evaluation episodes',
    x: 'environment steps',
    y: 'return',
    empty: 'The first evaluation is still to come',
  });
  private readonly losses = new LineChart({
    title: 'Entropy of the policy',
    x: 'environment steps',
    y: 'nats',
    empty: 'The first evaluation is still to come',
  });
  private readonly task = select(
    'Environment',
    tasks.map(({ name, title }) => ({ value: name, title })),
    'pendulum',
    () => this.listEstimators(this.chosen),
  );
  private readonly form = formControls(() => this.remember());
  private readonly start = button('Train', () => this.train(), 'primary');
  private readonly cancel = button('Stop', () => this.stop());
  private readonly save = button('Save JSON', () => this.export());
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly shell: Shell) {
    this.cancel.disabled = true;
    this.save.disabled = true;
    this.listEstimators(['reverse-kl/pathwise', 'forward-kl/snis:policy']);
    const controls = h(
      'section',
      { class: 'controls', 'aria-label': 'Settings of the training' },
      h('div', { class: 'row' }, this.start, this.cancel, this.save),
      this.task.element,
      h('fieldset', {}, h('legend', {}, `Estimators, at most ${MOST_RUNS}`), this.estimatorBox),
      ...Object.values(this.form).map(({ element }) => element),
    );
    this.element = h(
      'div',
      {},
      h(
        'p',
        { class: 'lead' },
        'Soft actor-critic with the policy’s loss exchanged: critics, replay and temperature are the same for every estimator, and so is the seed. Each run has a worker of its own.',
      ),
      h(
        'div',
        { class: 'workspace' },
        controls,
        h(
          'div',
          { class: 'results' },
          this.status.element,
          this.runBox,
          h('div', { class: 'charts' }, this.curve.element, this.losses.element),
        ),
      ),
    );
    this.status.say('Choose estimators and press Train.');
  }

  show(settings: URLSearchParams): void {
    const task = settings.get('environment');
    if (tasks.some(({ name }) => name === task)) this.task.value = task as string;
    const named = settings.get('estimators');
    this.listEstimators(named === null ? this.chosen : named.split(','));
    for (const [name, control] of Object.entries(this.form)) {
      const value = settings.get(name);
      if (value !== null && Number.isFinite(Number(value))) control.value = Number(value);
    }
    this.remember();
    clearInterval(this.timer);
    this.timer = setInterval(() => this.play(), FRAME_MS);
  }

  hide(): void {
    clearInterval(this.timer);
  }

  private get chosen(): string[] {
    return [...this.estimatorBox.querySelectorAll<HTMLInputElement>('input:checked')].map(
      ({ value }) => value,
    );
  }

  private listEstimators(checked: readonly string[]): void {
    const { distribution } = tasks.find(({ name }) => name === this.task.value) ?? tasks[0];
    const family = distributionFamily(distribution);
    const fitting = estimatorChoices().filter(({ needs, estimator }) => {
      // Quadratures for every state of a batch would take minutes.
      const affordable = estimator.quality !== 'exact' || family.capabilities.discrete;
      return affordable && missingNeeds(needs, family).length === 0;
    });
    // A penalty alone trains nothing.
    const names = fitting.map(({ name }) => name).filter((name) => !name.startsWith('kl-penalty/'));
    const kept = checked.filter((name) => names.includes(name));
    const wanted =
      kept.length > 0
        ? kept
        : ['reverse-kl/score:loo', 'forward-kl/snis:policy'].filter((name) => names.includes(name));
    this.estimatorBox.replaceChildren(
      ...names.map((name) => {
        const id = newId('check');
        const box = h('input', { type: 'checkbox', id, value: name, '.checked': wanted.includes(name) });
        box.addEventListener('change', () => this.limitChoices());
        return h('div', { class: 'check' }, box, h('label', { for: id }, name));
      }),
    );
    this.limitChoices();
  }

  private limitChoices(): void {
    const full = this.chosen.length >= MOST_RUNS;
    for (const box of this.estimatorBox.querySelectorAll<HTMLInputElement>('input'))
      box.disabled = full && !box.checked;
    this.start.disabled = this.chosen.length === 0 || this.training;
    this.remember();
  }

  private remember(): void {
    this.shell.remember({
      environment: this.task.value,
      estimators: this.chosen.join(','),
      ...formValues(this.form, String),
    });
  }

  private get training(): boolean {
    return this.runs.some(({ state }) => state === 'training');
  }

  private settingsFor(estimator: string): LearnSettings {
    return { environment: this.task.value, estimator, ...formValues(this.form, Number) };
  }

  /** @param list what to train; by default what the form says */
  private train(
    list: readonly LearnSettings[] = this.chosen.map((estimator) => this.settingsFor(estimator)),
  ): void {
    this.remember();
    for (const { job } of this.runs) job?.stop();
    this.runs.length = 0;
    this.runs.push(...list.map((settings, i) => this.addRun(settings, i, list)));
    this.runBox.replaceChildren(...this.runs.map(({ element }) => element));
    this.drawCurves();
    this.update();
  }

  private addRun(settings: LearnSettings, series: number, all: readonly LearnSettings[]): Run {
    const { environment, estimator } = settings;
    const canvas = h('canvas', { role: 'img', 'aria-label': `${environment} under ${estimator}` });
    const line = h('p', { class: 'run-line' }, 'Compiling…');
    const progress = h('progress', { max: 1, value: 0, 'aria-label': `Progress of ${estimator}` });
    const element = h(
      'article',
      { class: 'panel' },
      h('h3', {}, chooseEstimator(estimator).name),
      canvas,
      progress,
      line,
    );
    element.style.setProperty('--own', `var(--series-${series})`);
    const run: Run = {
      settings,
      device: undefined,
      step: 0,
      element,
      canvas,
      line,
      progress,
      job: undefined,
      evaluations: [],
      episode: [],
      frame: 0,
      scene: undefined,
      state: 'training',
    };
    run.job = startJob<LearnEvent, readonly Evaluation[]>('learn', this.shell.backend, settings, {
      onDevice: (facts) => {
        run.device = facts;
        this.shell.deviceOpened(facts);
      },
      onEvent: (event) => this.onEvent(run, event),
      onDone: () => this.end(run, 'done', `Done: return ${run.evaluations.at(-1)?.meanReturn.toFixed(1)}`),
      onFailure: (failure) => {
        this.end(run, 'failed', failure.message);
        this.status.fail(failure, () => this.train(all));
      },
    });
    return run;
  }

  private onEvent(run: Run, event: LearnEvent): void {
    const { steps } = run.settings;
    run.step = event.kind === 'step' ? event.step : event.evaluation.step;
    if (event.kind === 'step') {
      run.progress.value = event.step / steps;
      run.scene = event.scene;
      const last = run.evaluations.at(-1);
      run.line.textContent = `Step ${event.step} of ${steps}${last ? `, return ${last.meanReturn.toFixed(1)}` : ''}`;
      return;
    }
    run.evaluations.push(event.evaluation);
    run.episode = event.episode;
    run.frame = 0;
    run.progress.value = event.evaluation.step / steps;
    this.drawCurves();
  }

  private end(run: Run, state: Run['state'], text: string): void {
    run.state = state;
    run.job = undefined;
    if (state === 'done') {
      run.progress.value = 1;
      run.step = run.settings.steps;
    }
    run.line.textContent = text;
    this.update();
  }

  private stop(): void {
    for (const run of this.runs)
      if (run.state === 'training') {
        run.job?.stop();
        this.end(run, 'stopped', `Stopped at step ${run.step}`);
      }
  }

  private update(): void {
    this.start.disabled = this.training || this.chosen.length === 0;
    this.cancel.disabled = !this.training;
    this.save.disabled = this.runs.every(({ evaluations }) => evaluations.length === 0);
    const count = (state: Run['state']) => this.runs.filter((run) => run.state === state).length;
    if (count('failed') > 0) return;
    if (this.training) this.status.say(`Training ${count('training')} of ${this.runs.length} policies.`);
    else this.status.say(count('stopped') > 0 ? 'Stopped.' : `Trained ${this.runs.length} policies.`);
  }

  /** Shows the next frame of each run: its latest evaluated episode, before there is one its training. */
  private play(): void {
    for (const run of this.runs) {
      const scene = run.episode.length > 0 ? run.episode[run.frame % run.episode.length] : run.scene;
      if (!this.still.matches) run.frame += 1;
      if (scene) drawScene(run.canvas, scene);
    }
  }

  private drawCurves(): void {
    this.curve.draw(
      this.runs.map(({ settings, evaluations }, color) => ({
        name: settings.estimator,
        color,
        dots: true,
        points: evaluations.map(({ step, meanReturn }) => [step, meanReturn] as const),
        band: evaluations.map(({ returns }) => [Math.min(...returns), Math.max(...returns)] as const),
      })),
    );
    this.losses.draw(
      this.runs.map(({ settings, evaluations }, color) => ({
        name: settings.estimator,
        color,
        points: evaluations.map(({ step, metrics }) => [step, metrics.entropy ?? Number.NaN] as const),
      })),
    );
    this.save.disabled = this.runs.every(({ evaluations }) => evaluations.length === 0);
  }

  private export(): void {
    const runs = this.runs.map(({ settings, device, state, step, evaluations }) => ({
      settings,
      device: device ?? null,
      state,
      step,
      evaluations,
    }));
    const versions = { divergrad: version, browser: navigator.userAgent };
    const document = { kind: 'divergrad-page-training', date: new Date().toISOString(), versions, runs };
    download(
      'divergrad-training.json',
      'application/json',
      `${jsonText(document, 'The training', { indent: 2 })}\n`,
    );
  }
}
