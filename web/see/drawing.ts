import { h } from '../shell/dom.ts';
import { bumpCount, type Dimensions, drawnCentres, firstDrawing } from './targets.ts';

/** Heights are whole steps, as many as two hexadecimal digits count. */
const STEPS = 255;
const stepped = (weight: number): number => Math.round(STEPS * weight) / STEPS;

/**
 * A pad on which a target is drawn: heights along a line, or spots in the plane. With a keyboard, arrows move a
 * cursor and + and − raise and lower what is under it.
 */
export class DrawingPad {
  readonly element: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private dimensions: Dimensions = 1;
  private readonly drawings: Record<Dimensions, number[]> = {
    1: firstDrawing(1).map(stepped),
    2: firstDrawing(2).map(stepped),
  };
  private cursor = 0;

  constructor(private readonly onChange: () => void) {
    this.canvas = h('canvas', {
      class: 'pad',
      tabindex: 0,
      role: 'application',
      'aria-label':
        'Target drawn by hand. Arrow keys move the cursor, plus and minus raise and lower the density there.',
    });
    const draw = (event: PointerEvent): void => {
      if (event.buttons & 1) this.paint(event);
    };
    this.canvas.addEventListener('pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.paint(event);
    });
    this.canvas.addEventListener('pointermove', draw);
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    const clear = h(
      'button',
      {
        type: 'button',
        onclick: () => {
          this.weights.fill(0);
          this.changed();
        },
      },
      'Clear the drawing',
    );
    this.element = h(
      'div',
      { class: 'field' },
      h('p', { class: 'hint' }, 'Draw the target with pointer or keys.'),
      this.canvas,
      clear,
    );
  }

  get weights(): number[] {
    return this.drawings[this.dimensions];
  }

  /** Two hexadecimal digits a weight: the whole drawing, for the link. */
  get text(): string {
    return this.weights
      .map((weight) =>
        Math.round(STEPS * weight)
          .toString(16)
          .padStart(2, '0'),
      )
      .join('');
  }

  /** Takes a drawing from such a text; one that is not of this size is left. */
  read(dimensions: Dimensions, text: string): void {
    const count = bumpCount(dimensions);
    if (!new RegExp(`^[0-9a-f]{${2 * count}}$`).test(text)) return;
    this.drawings[dimensions] = Array.from(
      { length: count },
      (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16) / STEPS,
    );
  }

  setDimensions(dimensions: Dimensions): void {
    this.dimensions = dimensions;
    this.cursor = 0;
    this.show();
  }

  /** From 0 to 1 across and up the pad, of the grid of bumps. */
  private paint(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const y = 1 - (event.clientY - box.top) / box.height;
    const count = drawnCentres(this.dimensions).length;
    const { weights } = this;
    if (this.dimensions === 1) {
      const at = Math.min(count - 1, Math.max(0, Math.round(x * count - 0.5)));
      weights[at] = Math.min(1, Math.max(0, y));
      this.cursor = at;
    } else {
      for (let i = 0; i < weights.length; i++) {
        const distance = Math.hypot((i % count) + 0.5 - x * count, Math.floor(i / count) + 0.5 - y * count);
        weights[i] = Math.min(1, weights[i] + (event.shiftKey ? -0.25 : 0.25) * Math.exp(-2 * distance ** 2));
        weights[i] = Math.max(0, weights[i]);
      }
    }
    this.changed();
  }

  private key(event: KeyboardEvent): void {
    const count = drawnCentres(this.dimensions).length;
    const moves: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ...(this.dimensions === 2 ? { ArrowUp: count, ArrowDown: -count } : {}),
    };
    const raise = {
      '+': 0.1,
      '=': 0.1,
      '-': -0.1,
      ...(this.dimensions === 1 ? { ArrowUp: 0.1, ArrowDown: -0.1 } : {}),
    };
    const change = raise[event.key as keyof typeof raise];
    if (moves[event.key] !== undefined)
      this.cursor = Math.min(bumpCount(this.dimensions) - 1, Math.max(0, this.cursor + moves[event.key]));
    else if (change !== undefined)
      this.weights[this.cursor] = Math.min(1, Math.max(0, this.weights[this.cursor] + change));
    else return;
    event.preventDefault();
    this.changed();
  }

  private changed(): void {
    // What is drawn is what the link can say.
    this.weights.forEach((weight, i, all) => {
      all[i] = stepped(weight);
    });
    this.show();
    this.onChange();
  }

  show(): void {
    const { canvas, weights, dimensions } = this;
    // Nothing to draw on while it is not shown.
    if (!canvas.clientWidth) return;
    canvas.width = 2 * canvas.clientWidth;
    canvas.height = 2 * canvas.clientHeight;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const style = getComputedStyle(canvas);
    const count = drawnCentres(dimensions).length;
    const wide = canvas.width / count;
    context.fillStyle = style.getPropertyValue('--target');
    weights.forEach((weight, i) => {
      if (dimensions === 1) {
        context.fillRect(i * wide + 1, canvas.height * (1 - weight), wide - 2, canvas.height * weight);
      } else {
        const tall = canvas.height / count;
        context.globalAlpha = weight;
        context.fillRect((i % count) * wide, canvas.height - (Math.floor(i / count) + 1) * tall, wide, tall);
      }
    });
    context.globalAlpha = 1;
    context.strokeStyle = style.getPropertyValue('--accent');
    context.lineWidth = 3;
    if (dimensions === 1) context.strokeRect(this.cursor * wide, 2, wide, canvas.height - 4);
    else {
      const tall = canvas.height / count;
      const top = canvas.height - (Math.floor(this.cursor / count) + 1) * tall;
      context.strokeRect((this.cursor % count) * wide + 1, top + 1, wide - 2, tall - 2);
    }
  }
}
