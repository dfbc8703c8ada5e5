import { h, newId } from '../shell/dom.ts';
import { type Shell, Status, type Tab } from '../shell/tab.ts';
import { readFile } from './read.ts';
import { documentView } from './view.ts';

/** Opens what the command line wrote: a report, or results as JSON. */
export class ReportTab implements Tab {
  readonly element: HTMLElement;
  private readonly status = new Status();
  private readonly shown = h('div', { class: 'document' });

  constructor(_shell: Shell) {
    const id = newId('file');
    const input = h('input', {
      type: 'file',
      id,
      accept: '.json,.jsonl,.html,.htm,application/json,text/html',
    });
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      input.value = '';
      if (file) void this.open(file);
    });
    const drop = h(
      'div',
      { class: 'drop' },
      h('label', { class: 'file', for: id }, 'Open a report or results'),
      input,
      h(
        'p',
        {},
        'Or drop a file here: a report as HTML, or JSON of divergrad bench, quality, train, study or verify. It stays on this device.',
      ),
    );
    drop.addEventListener('dragover', (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('over');
      const [file] = event.dataTransfer?.files ?? [];
      if (file) void this.open(file);
    });
    this.element = h('div', {}, drop, this.status.element, this.shown);
    this.status.say('Nothing opened yet.');
  }

  show(): void {}
  hide(): void {}

  private async open(file: File): Promise<void> {
    try {
      const opened = await readFile(file);
      this.shown.replaceChildren(
        // Scripts stay off in a sandbox without permissions, and the page's own policy holds in it too.
        opened.kind === 'html'
          ? h('iframe', { sandbox: '', srcdoc: opened.text, title: `Report ${file.name}`, class: 'report' })
          : documentView(file.name, opened.value),
      );
      this.status.say(`${file.name}, ${(file.size / 1000).toFixed(1)} kB`);
    } catch (error) {
      this.shown.replaceChildren();
      this.status.fail({ code: 'data', message: (error as Error).message });
    }
  }
}
