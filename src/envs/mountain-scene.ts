import { circle, curve, line, type Scene, tip } from './scene.ts';

const height = (x: number): number => 0.45 * Math.sin(3 * x) + 0.55;

/** The valley of both mountain cars, drawn at 0.45 of its height, as Gymnasium draws it. */
export function mountainScene(position: number, goal: number): Scene {
  const slope = Math.atan(1.35 * Math.cos(3 * position));
  const road = [position, height(position)] as const;
  // Wheels touch the road, the cabin stands on them; up is across the road.
  const at = (along: number, up: number) => tip(tip(road, up, -slope), along, Math.PI / 2 - slope);
  return {
    view: { left: -1.25, right: 0.65, bottom: 0, top: 1.3 },
    shapes: [
      curve(height, [-1.2, 0.6], { width: 0.015, tone: 'ground' }),
      line(
        [
          [goal, height(goal)],
          [goal, height(goal) + 0.2],
        ],
        0.012,
        'accent',
      ),
      line([at(-0.05, 0.055), at(0.05, 0.055)], 0.05, 'body'),
      circle(at(-0.045, 0.025), 0.022, 'joint'),
      circle(at(0.045, 0.025), 0.022, 'joint'),
    ],
  };
}
