// A plot with its question, its facts and its legend, as one SVG that stands alone.

import { parseHTML } from 'linkedom';
import { xmlText } from './text.ts';

/** Readable by those who do not tell red from green. @source Petroff 2021, "Accessible color sequences" */
export const colours = [
  '#3f90da',
  '#ffa90e',
  '#bd1f01',
  '#94a4a2',
  '#832db6',
  '#a96b59',
  '#e76300',
  '#b9ac70',
  '#717581',
  '#92dadd',
];

const margin = 24;
const legendColumns = 4;

export interface Figure {
  /** What the plot answers. */
  readonly question: string;
  /** How it was measured, one line. */
  readonly facts: string;
  /** Entries of the legend, in the order of {@link colours}. */
  readonly names: readonly string[];
  /** Of the plot itself. */
  readonly width: number;
  readonly height: number;
}

/** A document for Plot's option of that name. */
export const plotDocument = (): Document =>
  parseHTML('<html><body></body></html>').document as unknown as Document;

/** @param plot what Plot made with `document` */
export function framed(
  document: Document,
  plot: Element,
  figure: Figure,
  range: readonly string[] = colours,
): string {
  const { question, facts, names } = figure;
  const legendTop = 66;
  const top = legendTop + Math.ceil(names.length / legendColumns) * 20 + 8;
  const outer = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const put = (name: string, attributes: Record<string, string | number>, text = '') => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.textContent = text;
    outer.appendChild(element);
  };
  const height = top + figure.height + margin;
  const width = figure.width + 2 * margin;
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
  };
  for (const [key, value] of Object.entries(attributes)) outer.setAttribute(key, String(value));
  outer.setAttribute('font-family', 'system-ui, sans-serif');
  put('title', {}, question);
  // A page may say what paper and ink are; alone they are white and black.
  put('rect', { width, height, style: 'fill:var(--paper,white)' });
  put('text', { x: margin, y: 30, 'font-size': 19, 'font-weight': 600, fill: 'currentColor' }, question);
  put('text', { x: margin, y: 50, 'font-size': 12, style: 'fill:var(--muted,#555)' }, facts);
  names.forEach((name, i) => {
    const left = margin + (i % legendColumns) * (figure.width / legendColumns);
    const line = legendTop + Math.floor(i / legendColumns) * 20;
    put('rect', { x: left, y: line, width: 12, height: 12, fill: range[i % range.length] });
    put('text', { x: left + 18, y: line + 11, 'font-size': 12, fill: 'currentColor' }, name);
  });
  // A group instead of a picture in a picture, and none of the style sheet that pages need.
  const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
  for (const name of ['fill', 'font-family', 'text-anchor']) {
    group.setAttribute(name, plot.getAttribute(name) ?? '');
  }
  group.setAttribute('font-size', '12');
  group.setAttribute('transform', `translate(${margin},${top})`);
  for (const child of [...plot.childNodes]) {
    if (child.nodeName.toLowerCase() !== 'style') group.appendChild(child as never);
  }
  outer.appendChild(group as never);
  return `${xmlText(outer.toString())}\n`;
}

/** 0.01 or 1,000 as they are, extremes as powers of ten. */
export function plainPower(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (Math.abs(value / 10 ** exponent - 1) > 1e-6) return '';
  return exponent >= -3 && exponent <= 3 ? String(Number(value.toPrecision(1))) : `1e${exponent}`;
}
