import type { BackendChoice } from '../src/index.ts';
import { LearnTab } from './learn/tab.ts';
import { MeasureTab } from './measure/tab.ts';
import { ReportTab } from './report/tab.ts';
import { SeeTab } from './see/tab.ts';
import { h, select } from './shell/dom.ts';
import type { DeviceFacts } from './shell/protocol.ts';
import type { Shell, Tab } from './shell/tab.ts';

const backends = [
  { value: 'auto', title: 'automatic' },
  { value: 'webgpu', title: 'WebGPU' },
  { value: 'wasm', title: 'WebAssembly' },
  { value: 'cpu', title: 'plain JavaScript' },
];

/** The address holds everything: `#see?family=gaussian&backend=wasm`. */
function readAddress(): { readonly tab: string; readonly settings: URLSearchParams } {
  const [tab, query = ''] = location.hash.slice(1).split('?');
  return { tab, settings: new URLSearchParams(query) };
}

class Page implements Shell {
  private readonly tabs: readonly Tab[];
  private readonly buttons = new Map<Tab, HTMLButtonElement>();
  private readonly panels = new Map<Tab, HTMLElement>();
  private readonly device = h('p', { class: 'device', role: 'status' });
  private current: Tab | undefined;
  private readonly remembered = new Map<string, Readonly<Record<string, string>>>();
  private readonly choice = select(
    'Runs on',
    backends,
    readAddress().settings.get('backend') ?? 'auto',
    () => {
      const { current } = this;
      current?.hide();
      this.sayPlatform();
      current?.show(new URLSearchParams(this.remembered.get(current.name)));
      this.writeAddress();
    },
  );

  constructor(root: HTMLElement) {
    this.tabs = [new SeeTab(this), new MeasureTab(this), new LearnTab(this), new ReportTab(this)];
    const list = h('div', { role: 'tablist', 'aria-label': 'Parts of this page', class: 'tabs' });
    const main = h('main', { id: 'main' });
    for (const tab of this.tabs) {
      const button = h(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${tab.name}`,
          'aria-controls': `panel-${tab.name}`,
          onclick: () => this.open(tab),
        },
        tab.title,
      );
      const panel = h(
        'section',
        { role: 'tabpanel', id: `panel-${tab.name}`, 'aria-labelledby': `tab-${tab.name}` },
        tab.element,
      );
      panel.hidden = true;
      this.buttons.set(tab, button);
      this.panels.set(tab, panel);
      list.append(button);
      main.append(panel);
    }
    list.addEventListener('keydown', (event) => this.onKey(event));
    root.replaceChildren(
      h(
        'nav',
        { class: 'bar', 'aria-label': 'Parts of this page, and its device' },
        list,
        this.choice.element,
      ),
      this.device,
      main,
    );
    this.sayPlatform();
    const { tab, settings } = readAddress();
    this.open(this.tabs.find(({ name }) => name === tab) ?? this.tabs[0], settings);
    addEventListener('hashchange', () => {
      const next = readAddress();
      const found = this.tabs.find(({ name }) => name === next.tab);
      if (found && found !== this.current) this.open(found, next.settings);
    });
  }

  get backend(): BackendChoice {
    return this.choice.value as BackendChoice;
  }

  deviceOpened({ backend, description, reason }: DeviceFacts): void {
    const missing = backend !== 'webgpu' && this.backend === 'auto';
    this.device.textContent = `${description}${missing ? ` — ${reason.replace(/ In Node, .*$/, ' Everything runs in WebAssembly, on the processor.')}` : ''}`;
    this.device.dataset.backend = backend;
  }

  remember(settings: Readonly<Record<string, string>>): void {
    const { current } = this;
    if (!current) return;
    this.remembered.set(current.name, settings);
    this.writeAddress();
  }

  private writeAddress(): void {
    if (!this.current) return;
    const settings = {
      ...this.remembered.get(this.current.name),
      ...(this.backend === 'auto' ? {} : { backend: this.backend }),
    };
    const query = new URLSearchParams(settings).toString();
    history.replaceState(null, '', `#${this.current.name}${query ? `?${query}` : ''}`);
  }

  private open(tab: Tab, settings = new URLSearchParams(this.remembered.get(tab.name))): void {
    if (this.current === tab) return;
    this.current?.hide();
    for (const each of this.tabs) {
      const chosen = each === tab;
      const button = this.buttons.get(each);
      button?.setAttribute('aria-selected', String(chosen));
      button?.setAttribute('tabindex', chosen ? '0' : '-1');
      const panel = this.panels.get(each);
      if (panel) panel.hidden = !chosen;
    }
    this.current = tab;
    this.writeAddress();
    tab.show(settings);
  }

  private onKey(event: KeyboardEvent): void {
    const at = this.current ? this.tabs.indexOf(this.current) : 0;
    const last = this.tabs.length - 1;
    const next = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.open(this.tabs[next]);
    this.buttons.get(this.tabs[next])?.focus();
  }

  /** What can be said before a device is opened. */
  private sayPlatform(): void {
    const gpu = 'gpu' in navigator;
    const threads = globalThis.crossOriginIsolated
      ? ''
      : ' Without cross-origin isolation WebAssembly has one thread.';
    this.device.textContent = gpu
      ? `This browser has WebGPU; a device is opened when it is needed.${threads}`
      : `This browser has no WebGPU: everything runs in WebAssembly, on the processor.${threads}`;
  }
}

new Page(document.getElementById('page') as HTMLElement);
