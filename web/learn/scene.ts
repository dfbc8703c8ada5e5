import type { Scene, Tone } from '../../src/envs/scene.ts';

/** Draws a scene on a canvas in the theme's colours. */
export function drawScene(canvas: HTMLCanvasElement, { view, shapes }: Scene): void {
  const density = Math.min(2, globalThis.devicePixelRatio || 1);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0) return;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const style = getComputedStyle(canvas);
  const colors: Readonly<Record<Tone, string>> = {
    ground: style.getPropertyValue('--line'),
    body: style.getPropertyValue('--text'),
    limb: style.getPropertyValue('--own'),
    joint: style.getPropertyValue('--text'),
    accent: style.getPropertyValue('--accent'),
    faint: style.getPropertyValue('--line'),
  };
  const scale = density * Math.min(width / (view.right - view.left), height / (view.top - view.bottom));
  // The view's middle in the canvas's middle; y upwards.
  context.setTransform(
    scale,
    0,
    0,
    -scale,
    canvas.width / 2 - (scale * (view.left + view.right)) / 2,
    canvas.height / 2 + (scale * (view.bottom + view.top)) / 2,
  );
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const shape of shapes) {
    context.fillStyle = colors[shape.tone];
    context.strokeStyle = colors[shape.tone];
    context.beginPath();
    if (shape.kind === 'circle') context.arc(...shape.centre, shape.radius, 0, 2 * Math.PI);
    else
      for (const [i, point] of shape.points.entries())
        i === 0 ? context.moveTo(...point) : context.lineTo(...point);
    if (shape.kind === 'line') {
      context.lineWidth = shape.width;
      context.stroke();
    } else context.fill();
  }
}
