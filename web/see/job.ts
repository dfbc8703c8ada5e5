import type { BackendChoice } from '../../src/open/open.ts';
import { openFor } from '../shell/device.ts';
import type { JobPort } from '../shell/protocol.ts';
import { Fit } from './fit.ts';
import type { FitSettings, Frame, TargetSettings } from './settings.ts';

export interface SeeSettings {
  /** The estimators side by side. */
  readonly fits: readonly FitSettings[];
  readonly target: TargetSettings;
  readonly stepsPerFrame: number;
  readonly paused: boolean;
  /** Steps after which all pause; for a fixed amount of work. */
  readonly limit?: number;
}

export type SeeChange = Partial<Pick<SeeSettings, 'target' | 'stepsPerFrame' | 'paused'>>;
export type SeeEvent = readonly Frame[];

/** Least time between two frames: about 30 a second. */
const FRAME_MS = 33;

/** Fits all policies side by side and shows a frame of each, until the worker ends. */
export async function see(settings: SeeSettings, backend: BackendChoice, port: JobPort): Promise<void> {
  const device = await openFor(port, backend, 1);
  const fits: Fit[] = [];
  for (const each of settings.fits) fits.push(await Fit.open(device, each));
  let { target, stepsPerFrame, paused } = settings;
  let dirty = false;
  let wake = (): void => undefined;
  port.onChange((data) => {
    const change = data as SeeChange;
    if (change.target) {
      target = change.target;
      dirty = true;
      for (const fit of fits) fit.follow(target);
    }
    stepsPerFrame = change.stepsPerFrame ?? stepsPerFrame;
    paused = change.paused ?? paused;
    wake();
  });
  for (const fit of fits) fit.follow(target);
  for (let first = true; ; first = false) {
    const start = performance.now();
    const frames: Frame[] = [];
    const steps = first ? 1 : paused ? 0 : stepsPerFrame;
    dirty = false;
    for (const fit of fits) frames.push(await fit.advance(steps));
    const shown = port.shown();
    port.emit(frames satisfies SeeEvent);
    await shown;
    if (settings.limit !== undefined && frames[0].step >= settings.limit) paused = true;
    const rest = FRAME_MS - (performance.now() - start);
    if (rest > 0) await new Promise((done) => setTimeout(done, rest));
    while (paused && !dirty) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
