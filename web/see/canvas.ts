import { ARROWS, type Frame, gridAxis, reachOf } from './settings.ts';
import type { Dimensions, Space } from './targets.ts';

interface Colors {
  readonly target: string;
  readonly policy: string;
  readonly text: string;
  readonly line: string;
  readonly surface: string;
}

/** Colours of the theme, which may change while the page is open. */
function colorsOf(canvas: HTMLCanvasElement, series: number): Colors {
  const style = getComputedStyle(canvas);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    target: of('--target'),
    policy: of(`--series-${series}`),
    text: of('--muted'),
    line: of('--line'),
    surface: of('--surface'),
  };
}

/** As many pixels as the screen shows, drawn in units of CSS. */
function prepared(canvas: HTMLCanvasElement): {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
} {
  const density = Math.min(2, globalThis.devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
  }
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.lineJoin = 'round';
  return { context, width, height };
}

/** Draws densities, cloud and arrows of one fit. */
export function drawFrame(
  canvas: HTMLCanvasElement,
  frame: Frame,
  { dimensions, space, series }: { dimensions: Dimensions; space: Space; series: number },
): void {
  const colors = colorsOf(canvas, series);
  const view = prepared(canvas);
  if (view.width === 0) return;
  if (dimensions === 1) drawLine(view, frame, space, colors);
  else drawPlane(view, frame, space, colors);
}

type View = ReturnType<typeof prepared>;

/** Room below the densities for the cloud and the arrows. */
const STRIP = 46;

function drawLine({ context, width, height }: View, frame: Frame, space: Space, colors: Colors): void {
  const axis = gridAxis(1, space);
  const reach = reachOf(space);
  const x = (action: number) => ((action + reach) / (2 * reach)) * width;
  const base = height - STRIP;
  // The target fills most of the height; a policy much narrower than it may grow out of the picture a little.
  let most = 0;
  for (const value of frame.target) most = Math.max(most, value);
  let own = 0;
  for (const value of frame.policy) own = Math.max(own, value);
  const top = Math.max(most * 1.35, Math.min(own * 1.08, most * 2.2));
  const y = (density: number) => base - (Math.min(density, top) / top) * (base - 8);
  const trace = (values: Float32Array): void => {
    context.beginPath();
    axis.forEach((action, i) => {
      if (i === 0) context.moveTo(x(action), y(values[i]));
      else context.lineTo(x(action), y(values[i]));
    });
  };
  trace(frame.target);
  context.lineTo(x(axis[axis.length - 1]), base);
  context.lineTo(x(axis[0]), base);
  context.closePath();
  context.fillStyle = colors.target;
  context.globalAlpha = 0.32;
  context.fill();
  context.globalAlpha = 1;
  trace(frame.target);
  context.strokeStyle = colors.target;
  context.lineWidth = 1.5;
  context.stroke();
  trace(frame.policy);
  context.strokeStyle = colors.policy;
  context.lineWidth = 2.5;
  context.stroke();
  context.fillStyle = colors.line;
  context.fillRect(0, base, width, 1);
  drawTicks(context, x, base, space, colors);
  // The cloud as a strip under the axis, each draw at a height of its own.
  context.fillStyle = colors.policy;
  context.globalAlpha = 0.55;
  frame.cloud.forEach((action, i) => {
    context.beginPath();
    context.arc(x(action), base + 20 + ((i * 7) % 11) * 0.9, 1.7, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
  context.strokeStyle = colors.text;
  context.fillStyle = colors.text;
  for (let i = 0; i < ARROWS; i++) {
    const level = base + 35 + (i % 3) * 3.5;
    arrow(context, x(frame.cloud[i]), level, x(frame.cloud[i]) + 26 * frame.arrows[i], level);
  }
}

function drawTicks(
  context: CanvasRenderingContext2D,
  x: (action: number) => number,
  base: number,
  space: Space,
  colors: Colors,
): void {
  context.fillStyle = colors.text;
  context.font = '11px system-ui, sans-serif';
  context.textAlign = 'center';
  for (const tick of space === 'box' ? [-0.5, 0, 0.5] : [-1, 0, 1]) {
    context.fillRect(x(tick), base, 1, 4);
    context.fillText(String(tick).replace('-', '−'), x(tick), base + 14);
  }
}

function drawPlane({ context, width, height }: View, frame: Frame, space: Space, colors: Colors): void {
  const axis = gridAxis(2, space);
  const count = axis.length;
  const reach = reachOf(space);
  const size = Math.min(width, height);
  const [left, up] = [Math.round((width - size) / 2), Math.round((height - size) / 2)];
  const x = (action: number) => left + ((action + reach) / (2 * reach)) * size;
  const y = (action: number) => up + ((reach - action) / (2 * reach)) * size;
  let most = 0;
  for (const value of frame.target) most = Math.max(most, value);
  const cell = size / count;
  context.fillStyle = colors.target;
  for (let i = 0; i < frame.target.length; i++) {
    const share = frame.target[i] / most;
    if (share < 0.01) continue;
    context.globalAlpha = 0.62 * share ** 0.7;
    // Whole pixels, or neighbours would overlap and show a lattice.
    const edge = (k: number) => Math.round(k * cell);
    const [column, row] = [i % count, count - 1 - Math.floor(i / count)];
    context.fillRect(
      left + edge(column),
      up + edge(row),
      edge(column + 1) - edge(column),
      edge(row + 1) - edge(row),
    );
  }
  context.globalAlpha = 1;
  context.strokeStyle = colors.line;
  context.strokeRect(left + 0.5, up + 0.5, size - 1, size - 1);
  context.save();
  context.beginPath();
  context.rect(left, up, size, size);
  context.clip();
  let own = 0;
  for (const value of frame.policy) own = Math.max(own, value);
  context.strokeStyle = colors.policy;
  for (const [level, weight] of [
    [0.1, 1.2],
    [0.4, 1.8],
    [0.8, 2.4],
  ]) {
    context.lineWidth = weight;
    contour(context, frame.policy, count, level * own, (i, j) => [
      x(axis[0]) + i * cell,
      y(axis[0]) - j * cell,
    ]);
  }
  context.fillStyle = colors.policy;
  context.globalAlpha = 0.6;
  for (let i = 0; i < frame.cloud.length; i += 2) {
    context.beginPath();
    context.arc(x(frame.cloud[i]), y(frame.cloud[i + 1]), 1.7, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  context.strokeStyle = colors.text;
  context.fillStyle = colors.text;
  for (let i = 0; i < ARROWS; i++) {
    const [fromX, fromY] = [x(frame.cloud[2 * i]), y(frame.cloud[2 * i + 1])];
    arrow(context, fromX, fromY, fromX + 24 * frame.arrows[2 * i], fromY - 24 * frame.arrows[2 * i + 1]);
  }
  context.restore();
}

function arrow(
  context: CanvasRenderingContext2D,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  const length = Math.hypot(toX - fromX, toY - fromY);
  if (length < 2) return;
  const [dx, dy] = [(toX - fromX) / length, (toY - fromY) / length];
  const head = Math.min(5, length);
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
  context.beginPath();
  context.moveTo(toX, toY);
  context.lineTo(toX - head * dx - 0.5 * head * dy, toY - head * dy + 0.5 * head * dx);
  context.lineTo(toX - head * dx + 0.5 * head * dy, toY - head * dy - 0.5 * head * dx);
  context.fill();
}

/** Lines of equal value by marching squares. */
function contour(
  context: CanvasRenderingContext2D,
  values: Float32Array,
  count: number,
  level: number,
  at: (i: number, j: number) => readonly [number, number],
): void {
  context.beginPath();
  for (let j = 0; j + 1 < count; j++)
    for (let i = 0; i + 1 < count; i++) {
      const corners = [
        [i, j],
        [i + 1, j],
        [i + 1, j + 1],
        [i, j + 1],
      ];
      const crossings: (readonly [number, number])[] = [];
      for (let edge = 0; edge < 4; edge++) {
        const [ai, aj] = corners[edge];
        const [bi, bj] = corners[(edge + 1) % 4];
        const a = values[aj * count + ai] - level;
        const b = values[bj * count + bi] - level;
        if (a > 0 === b > 0) continue;
        const t = a / (a - b);
        crossings.push(at(ai + t * (bi - ai), aj + t * (bj - aj)));
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        context.moveTo(...crossings[k]);
        context.lineTo(...crossings[k + 1]);
      }
    }
  context.stroke();
}
