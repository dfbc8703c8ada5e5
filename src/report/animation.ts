// Scenes as pictures and films that need nothing but themselves: SVG, and HTML with a slider.

import type { Point, Scene, Shape, Tone } from '../envs/scene.ts';
import { UsageError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { escaped } from './text.ts';

/** [light, dark] */
const colours: Readonly<Record<Tone, readonly [string, string]>> = {
  ground: ['#8a8f98', '#767c86'],
  body: ['#34508a', '#8fb0ee'],
  limb: ['#b5541c', '#f0975c'],
  joint: ['#22262c', '#e8eaee'],
  accent: ['#1f7a4d', '#5fd39a'],
  faint: ['#c9cdd4', '#454b55'],
};
const page = ['#ffffff', '#14171c'] as const;

const style = (which: 0 | 1): string =>
  Object.entries(colours)
    .map(([tone, pair]) => `.${tone}{color:${pair[which]}}`)
    .join('');
const theme = `.paper{fill:${page[0]}}${style(0)}@media (prefers-color-scheme:dark){.paper{fill:${page[1]}}${style(1)}}`;

/** Longest side of a picture in pixels. */
const SIZE = 480;

interface Size {
  readonly width: number;
  readonly height: number;
  /** Pixels in a unit of the scene. */
  readonly scale: number;
}

/** Sizes of the first frame, which those after it keep. */
function sizeOf({ view: { left, right, bottom, top } }: Scene): Size {
  const scale = SIZE / Math.max(right - left, top - bottom);
  return { width: Math.round((right - left) * scale), height: Math.round((top - bottom) * scale), scale };
}

const short = (value: number): string => String(Math.round(value * 100) / 100);

/** Shapes of a scene, in pixels from the top left. */
function drawing({ view, shapes }: Scene, { scale }: Size): string {
  const place = ([x, y]: Point) => `${short((x - view.left) * scale)},${short((view.top - y) * scale)}`;
  const one = (shape: Shape): string => {
    if (shape.kind === 'circle') {
      const [x, y] = place(shape.centre).split(',');
      return `<circle class="${shape.tone}" fill="currentColor" cx="${x}" cy="${y}" r="${short(shape.radius * scale)}"/>`;
    }
    const points = shape.points.map(place).join(' ');
    if (shape.kind === 'polygon')
      return `<polygon class="${shape.tone}" fill="currentColor" points="${points}"/>`;
    return `<polyline class="${shape.tone}" stroke="currentColor" stroke-width="${short(Math.max(1, shape.width * scale))}" points="${points}"/>`;
  };
  return shapes.map(one).join('');
}

const svg = ({ width, height }: Size, title: string, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}" fill="none" stroke-linecap="round" stroke-linejoin="round"><title>${escaped(title)}</title><style>${theme}</style><rect class="paper" width="100%" height="100%"/>${content}</svg>\n`;

function requireScenes(scenes: readonly Scene[]): void {
  if (scenes.length === 0) throw new UsageError('There is nothing to draw: no scene was recorded.');
}

/** Each scene as an SVG file of its own. */
export function svgFrames(scenes: readonly Scene[], title: string): string[] {
  requireScenes(scenes);
  const size = sizeOf(scenes[0]);
  return scenes.map((scene, i) =>
    svg(size, `${title}, frame ${i + 1} of ${scenes.length}`, drawing(scene, size)),
  );
}

/** One SVG that plays the scenes for ever, also as an image of a page. */
export function animatedSvg(scenes: readonly Scene[], title: string, framesPerSecond: number): string {
  requireScenes(scenes);
  const size = sizeOf(scenes[0]);
  const count = scenes.length;
  const frames = scenes.map((scene, i) => {
    const shown = drawing(scene, size);
    if (count === 1) return `<g>${shown}</g>`;
    // Hidden, shown for its share of the time, hidden; the first begins at once.
    const [values, times] =
      i === 0
        ? ['visible;hidden', `0;${1 / count}`]
        : ['hidden;visible;hidden', `0;${i / count};${(i + 1) / count}`];
    return `<g visibility="${i === 0 ? 'visible' : 'hidden'}"><animate attributeName="visibility" calcMode="discrete" values="${values}" keyTimes="${times}" dur="${count / framesPerSecond}s" repeatCount="indefinite"/>${shown}</g>`;
  });
  return svg(size, title, frames.join(''));
}

/** A page that plays the scenes, with a slider and a button; still at first for who wants little motion. */
export function animatedPage(scenes: readonly Scene[], title: string, framesPerSecond: number): string {
  requireScenes(scenes);
  const size = sizeOf(scenes[0]);
  const frames = jsonText(
    scenes.map((scene) => drawing(scene, size)),
    'The film',
  ).replace(/</g, '\\u003c');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>:root{color-scheme:light dark}body{font:16px system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}svg{width:100%;height:auto}input{width:100%}</style></head>
<body><h1>${escaped(title)}</h1>
${svg(size, title, '<g id="frame"></g>')}
<p><button id="play" type="button">Pause</button> <output id="place"></output></p>
<input id="at" type="range" min="0" max="${scenes.length - 1}" value="0" aria-label="Frame">
<script>
const frames = ${frames};
const [frame, at, button, place] = ['frame', 'at', 'play', 'place'].map((id) => document.getElementById(id));
let playing = !matchMedia('(prefers-reduced-motion: reduce)').matches;
const show = () => {
  frame.innerHTML = frames[at.value];
  place.textContent = 'frame ' + (Number(at.value) + 1) + ' of ' + frames.length;
  button.textContent = playing ? 'Pause' : 'Play';
};
button.onclick = () => { playing = !playing; show(); };
at.oninput = () => { playing = false; show(); };
setInterval(() => { if (playing) { at.value = (Number(at.value) + 1) % frames.length; show(); } }, ${1000 / framesPerSecond});
show();
</script></body></html>
`;
}
