// A document without a browser, in which the page's own code runs: what is typed in, what the link holds, what is sent to
// a worker. What only a browser can tell, test/web asks one.
import { parseHTML } from 'linkedom';
import type { ToWorker } from '../../web/shell/protocol.ts';

/** A worker that does nothing and keeps what it is sent. */
export class SilentWorker {
  static readonly all: SilentWorker[] = [];
  readonly sent: ToWorker[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: unknown = null;
  ended = false;

  constructor() {
    SilentWorker.all.push(this);
  }

  postMessage(message: ToWorker): void {
    this.sent.push(structuredClone(message));
  }

  terminate(): void {
    this.ended = true;
  }

  /** The settings that the latest worker was started with. */
  static latest(): unknown {
    const start = SilentWorker.all.at(-1)?.sent.find(({ kind }) => kind === 'start');
    return start?.kind === 'start' ? start.settings : undefined;
  }
}

/** Puts a document and what goes with it where the page looks for them. @param hash of the address */
export function openDocument(hash = ''): { readonly addresses: string[] } {
  const window = parseHTML('<!doctype html><html><body><div id="page"></div></body></html>');
  const addresses: string[] = [];
  const { HTMLInputElement, HTMLSelectElement } = window;
  // linkedom keeps these as attributes only.
  Object.defineProperty(HTMLInputElement.prototype, 'checked', {
    configurable: true,
    get(this: HTMLElement) {
      return this.hasAttribute('checked');
    },
    set(this: HTMLElement, value: boolean) {
      this.toggleAttribute('checked', value);
    },
  });
  Object.defineProperty(HTMLSelectElement.prototype, 'value', {
    configurable: true,
    get(this: HTMLElement) {
      const chosen = this.querySelector('option[selected]') ?? this.querySelector('option');
      return chosen?.getAttribute('value') ?? '';
    },
    set(this: HTMLElement, value: string) {
      for (const option of this.querySelectorAll('option'))
        option.toggleAttribute('selected', option.getAttribute('value') === value);
    },
  });
  const globals = {
    document: window.document,
    Node: window.Node,
    Worker: SilentWorker,
    location: { hash, href: `http://page/${hash}` },
    history: { replaceState: (_state: unknown, _title: string, address: string) => addresses.push(address) },
    matchMedia: () => ({ matches: false }),
    addEventListener: () => undefined,
    requestAnimationFrame: () => 0,
    navigator: { userAgent: 'a test' },
  };
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
  return { addresses };
}

/** The cells of a table by the heads of its columns. */
export function tableRows(table: Element): Record<string, string>[] {
  const heads = [...table.querySelectorAll('thead th')].map((head) => head.textContent ?? '');
  return [...table.querySelectorAll('tbody tr')].map((row) =>
    Object.fromEntries([...row.children].map((cell, i) => [heads[i], cell.textContent ?? ''])),
  );
}
