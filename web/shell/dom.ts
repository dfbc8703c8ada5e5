/** Attributes, properties with a dot before (`.value`), and listeners (`onclick`). */
export type Attributes = Readonly<Record<string, string | number | boolean | EventListener | undefined>>;
export type Child = Node | string | number | undefined;

const svgNamespace = 'http://www.w3.org/2000/svg';

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name.startsWith('.')) Object.assign(element, { [name.slice(1)]: value });
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children)
    if (child !== undefined) element.append(child instanceof Node ? child : String(child));
  return element;
}

/** An element of HTML. Children are text or nodes: nothing is ever parsed as HTML. */
export const h = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] => fill(document.createElement(tag), attributes, children);

/** An element of SVG. */
export const svg = <K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] => fill(document.createElementNS(svgNamespace, tag), attributes, children);

let ids = 0;
/** An id that no other element has. */
export const newId = (stem: string): string => `${stem}-${++ids}`;

export interface Choice {
  readonly value: string;
  readonly title: string;
}

export interface Control<T> {
  readonly element: HTMLElement;
  value: T;
}

/** A labelled list of choices. */
export function select(
  label: string,
  choices: readonly Choice[],
  value: string,
  onChange: (value: string) => void,
): Control<string> & { setChoices(choices: readonly Choice[]): void } {
  const id = newId('select');
  const control = h('select', { id, onchange: () => onChange(control.value) });
  const setChoices = (all: readonly Choice[]): void => {
    const before = control.value;
    control.replaceChildren(...all.map(({ value, title }) => h('option', { value }, title)));
    if (all.some((choice) => choice.value === before)) control.value = before;
  };
  setChoices(choices);
  control.value = value;
  return {
    element: h('div', { class: 'field' }, h('label', { for: id }, label), control),
    setChoices,
    get value() {
      return control.value;
    },
    set value(next) {
      control.value = next;
    },
  };
}

export interface SliderOptions {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** From the slider's position to the value that is shown and used. */
  readonly toValue?: (position: number) => number;
  readonly toPosition?: (value: number) => number;
  readonly format?: (value: number) => string;
}

/** A labelled slider that shows its value. */
export function slider(
  label: string,
  value: number,
  options: SliderOptions,
  onChange: (value: number) => void,
): Control<number> {
  const { min, max, step, toValue = (x) => x, toPosition = (x) => x, format = String } = options;
  const id = newId('slider');
  const shown = h('output', { for: id });
  const control = h('input', { id, type: 'range', min, max, step });
  const show = (): void => {
    shown.textContent = format(toValue(Number(control.value)));
    control.setAttribute('aria-valuetext', shown.textContent);
  };
  control.addEventListener('input', () => {
    show();
    onChange(toValue(Number(control.value)));
  });
  const set = (next: number): void => {
    control.value = String(toPosition(next));
    show();
  };
  set(value);
  return {
    element: h('div', { class: 'field slider' }, h('label', { for: id }, label), shown, control),
    get value() {
      return toValue(Number(control.value));
    },
    set value(next) {
      set(next);
    },
  };
}

/** A slider over powers of ten. */
export const logarithmic = (low: number, high: number): SliderOptions => ({
  min: Math.log10(low),
  max: Math.log10(high),
  step: 0.01,
  toValue: (position) => Number((10 ** position).toPrecision(2)),
  toPosition: Math.log10,
  format: (value) => value.toPrecision(2),
});

/** A slider over powers of two. */
export const doubling = (low: number, high: number): SliderOptions => ({
  min: Math.log2(low),
  max: Math.log2(high),
  step: 1,
  toValue: (position) => 2 ** position,
  toPosition: Math.log2,
});

/** A labelled whole number. */
export function number(
  label: string,
  value: number,
  [min, max]: readonly [number, number],
  onChange: (value: number) => void,
): Control<number> {
  const id = newId('number');
  const read = (): number => Math.min(max, Math.max(min, Math.round(Number(control.value) || min)));
  const control = h('input', { id, type: 'number', min, max, '.value': String(value), inputmode: 'numeric' });
  control.addEventListener('change', () => {
    control.value = String(read());
    onChange(read());
  });
  return {
    element: h('div', { class: 'field' }, h('label', { for: id }, label), control),
    get value() {
      return read();
    },
    set value(next) {
      control.value = String(next);
    },
  };
}

export const button = (title: string, onclick: () => void, kind = ''): HTMLButtonElement =>
  h('button', { type: 'button', class: kind, onclick }, title);

/** A table with a caption; the first column heads its rows. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
): HTMLElement {
  const element = h(
    'table',
    {},
    h('caption', {}, caption),
    h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
    h(
      'tbody',
      {},
      ...rows.map((row) =>
        h('tr', {}, ...row.map((cell, i) => (i === 0 ? h('th', { scope: 'row' }, cell) : h('td', {}, cell)))),
      ),
    ),
  );
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, element);
}

/** Lets the visitor keep a text as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
