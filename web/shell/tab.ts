import type { BackendChoice } from '../../src/open/open.ts';
import { h } from './dom.ts';
import type { DeviceFacts, Failure } from './protocol.ts';

/** One of the four parts of the page. */
export interface Tab {
  readonly element: HTMLElement;
  /** It is seen from now on. @param settings what the link holds for it */
  show(settings: URLSearchParams): void;
  /** It is seen no longer. */
  hide(): void;
}

/** What the page lends its tabs. */
export interface Shell {
  readonly backend: BackendChoice;
  /** Says on which device the work runs. */
  deviceOpened(facts: DeviceFacts): void;
  /** Puts a tab's settings into the page's address. */
  remember(settings: Readonly<Record<string, string>>): void;
}

/** A line that says how a job stands, or what went wrong and what to do. */
export class Status {
  readonly element = h('p', { class: 'status', role: 'status' });

  say(text: string): void {
    this.element.className = 'status';
    this.element.setAttribute('role', 'status');
    this.element.textContent = text;
  }

  /** @param retry offered beside the message */
  fail({ code, message }: Failure, retry?: () => void): void {
    this.element.className = 'status failed';
    this.element.setAttribute('role', 'alert');
    const advice =
      code === 'backend'
        ? ' Choose WebAssembly under “Runs on”, or try again: the page has kept your settings.'
        : '';
    this.element.replaceChildren(
      `${message}${advice} `,
      ...(retry ? [h('button', { type: 'button', onclick: retry }, 'Try again')] : []),
    );
  }
}
