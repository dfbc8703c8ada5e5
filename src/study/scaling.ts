import type { Device } from '../device.ts';
import { UsageError, unknownName } from '../errors.ts';
import { type CostOptions, type CostReport, costDefaults, measureCost } from './cost.ts';
import type { OnProgress } from './timing.ts';

/** What can grow while everything else stays. */
export const scalingAxes = ['samples', 'batch', 'width', 'actions'] as const;
export type ScalingAxis = (typeof scalingAxes)[number];

/** Sizes tried when none are given. */
export const scalingDefaults: Readonly<Record<ScalingAxis, readonly number[]>> = {
  samples: [2, 8, 32, 128],
  batch: [16, 64, 256, 1024],
  width: [16, 64, 256],
  actions: [1, 2, 4, 8],
};

export interface ScalingReport {
  readonly axis: ScalingAxis;
  readonly values: readonly number[];
  /** One cost report for each value. */
  readonly reports: readonly CostReport[];
}

/** @throws UsageError naming the known axes */
export function scalingAxis(text: string): ScalingAxis {
  const found = scalingAxes.find((axis) => axis === text);
  if (!found) throw unknownName('axis of scaling', text, scalingAxes);
  return found;
}

/**
 * The cost table at several sizes of one axis: actions sampled for each state (K), states in the batch, width of
 * the hidden layers, or coordinates of an action.
 *
 * @throws UsageError when a size does not suit the axis
 */
export async function measureScaling(
  device: Device,
  axis: ScalingAxis,
  values: readonly number[],
  options: CostOptions = {},
  onProgress?: OnProgress,
): Promise<ScalingReport> {
  if (values.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new UsageError(`Sizes of ${axis} must be whole numbers from 1; got ${values.join(', ')}.`);
  }
  const reports: CostReport[] = [];
  for (const [i, value] of values.entries()) {
    const sized = { ...options, ...sizes(axis, value, options) };
    reports.push(await measureCost(device, sized, (done) => onProgress?.((i + done) / values.length)));
  }
  return { axis, values, reports };
}

function sizes(axis: ScalingAxis, value: number, options: CostOptions): Partial<CostOptions> {
  switch (axis) {
    case 'samples':
      return { samples: value };
    case 'batch':
      return { batch: value };
    case 'actions':
      return { actions: value };
    case 'width':
      return { hidden: (options.hidden ?? costDefaults.hidden).map(() => value) };
    default:
      return axis satisfies never;
  }
}
