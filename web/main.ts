import type { BackendChoice } from '../src/open/open.ts';
import { h, select } from './shell/dom.ts';
import type { DeviceFacts } from './shell/protocol.ts';
import type { Shell, Tab } from './shell/tab.ts';

const backends = [
  { value: 'auto', title: 'automatic' },
  { value: 'webgpu', title: 'WebGPU' },
  { value: 'wasm', title: 'WebAssembly' },
  { value: 'cpu', title: 'plain JavaScript' },
];

/** A part of the page, loaded when it is first opened. */
interface Part {
  readonly name: string;
  readonly title: string;
  load(shell: Shell): Promise<Tab>;
}

const parts: readonly Part[] = [
  {
    name: 'see',
    title: 'See',
    load: async (shell) => new (await import('./see/tab.ts')).SeeTab(shell),
  },
  {
    name: 'measure',
    title: 'Measure',
    load: async (shell) => new (await import('./measure/tab.ts')).MeasureTab(shell),
  },
  {
    name: 'learn',
    title: 'Learn',
    load: async (shell) => new (await import('./learn/tab.ts')).LearnTab(shell),
  },
  {
    name: 'report',
    title: 'Report',
    load: async (shell) => new (await import('./report/tab.ts')).ReportTab(shell),
  },
];

/** The address holds everything: `#see?family=gaussian&backend=wasm`. */
function readAddress(): { readonly tab: string; readonly settings: URLSearchParams } {
  const [tab, query = ''] = location.hash.slice(1).split('?');
  return { tab, settings: new URLSearchParams(query) };
}

class Page implements Shell {
  private readonly buttons = new Map<Part, HTMLButtonElement>();
  private readonly panels = new Map<Part, HTMLElement>();
  private readonly loaded = new Map<Part, Tab>();
  private readonly device = h('p', { class: 'device', role: 'status' });
  private current: Part | undefined;
  /** Counts what is opened. */
  private turn = 0;
  private readonly remembered = new Map<string, Readonly<Record<string, string>>>();
  private readonly choice = select(
    'Runs on',
    backends,
    readAddress().settings.get('backend') ?? 'auto',
    () => {
      const { current } = this;
      const tab = current && this.loaded.get(current);
      tab?.hide();
      this.sayPlatform();
      if (current) tab?.show(new URLSearchParams(this.remembered.get(current.name)));
      this.writeAddress();
    },
  );

  constructor(root: HTMLElement) {
    const list = h('div', { role: 'tablist', 'aria-label': 'Parts of this page', class: 'tabs' });
    const main = h('main', { id: 'main' });
    for (const part of parts) {
      const button = h(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${part.name}`,
          'aria-controls': `panel-${part.name}`,
          onclick: () => this.open(part),
        },
        part.title,
      );
      const panel = h('section', {
        role: 'tabpanel',
        id: `panel-${part.name}`,
        'aria-labelledby': `tab-${part.name}`,
      });
      panel.hidden = true;
      this.buttons.set(part, button);
      this.panels.set(part, panel);
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
    this.open(parts.find(({ name }) => name === tab) ?? parts[0], settings);
    addEventListener('hashchange', () => {
      const next = readAddress();
      const found = parts.find(({ name }) => name === next.tab);
      if (found && found !== this.current) this.open(found, next.settings);
    });
  }

  get backend(): BackendChoice {
    return this.choice.value as BackendChoice;
  }

  deviceOpened({ backend, description, reason }: DeviceFacts): void {
    const missing = backend !== 'webgpu' && this.backend === 'auto';
    this.device.textContent = `${description}${missing ? ` — ${reason.replace(/\.?$/, '.')}${backend === 'wasm' ? ' Everything runs in WebAssembly, on the processor.' : ''}` : ''}`;
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

  private open(part: Part, settings = new URLSearchParams(this.remembered.get(part.name))): void {
    const { current } = this;
    if (current === part) return;
    if (current) this.loaded.get(current)?.hide();
    for (const each of parts) {
      const chosen = each === part;
      const button = this.buttons.get(each);
      button?.setAttribute('aria-selected', String(chosen));
      button?.setAttribute('tabindex', chosen ? '0' : '-1');
      const panel = this.panels.get(each);
      if (panel) panel.hidden = !chosen;
    }
    this.current = part;
    const { backend: _, ...own } = Object.fromEntries(settings);
    this.remember(own);
    void this.show(part, settings, ++this.turn);
  }

  /** Loads a part where it is not yet there, and shows it if no other has been opened meanwhile. */
  private async show(part: Part, settings: URLSearchParams, turn: number): Promise<void> {
    const panel = this.panels.get(part);
    const tab = this.loaded.get(part) ?? (await part.load(this).catch((error: Error) => error));
    if (turn !== this.turn) return;
    if (tab instanceof Error) {
      panel?.replaceChildren(
        `This part of the page could not be loaded: ${tab.message}. Load the page again.`,
      );
      return;
    }
    if (!this.loaded.has(part)) panel?.replaceChildren(tab.element);
    this.loaded.set(part, tab);
    tab.show(settings);
  }

  private onKey(event: KeyboardEvent): void {
    const at = this.current ? parts.indexOf(this.current) : 0;
    const last = parts.length - 1;
    const next = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.open(parts[next]);
    this.buttons.get(parts[next])?.focus();
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
