// What it costs and saves to hand hidden layers on as float16.
import type { Device, Update } from '../device.ts';
import { type CostSettings, release, type UpdateCost, updateCost } from './cost.ts';
import { interleave, type OnProgress } from './timing.ts';
import { compileWholeUpdate } from './update-cost.ts';

/** A whole update with hidden layers in float16 beside the same in float32. */
export interface HalfCost {
  readonly estimator: string;
  readonly float32: UpdateCost;
  readonly float16: UpdateCost;
  /**
   * What float16 changes in the gradients of the first update, by the parameters' name: the Euclidean norm of the
   * difference over that of the gradient in float32.
   */
  readonly gradientErrors: Readonly<Record<string, number>>;
}

/**
 * Measures both from the same start, in turn, with the kernels of whole networks.
 *
 * @throws UsageError on a backend that has no such storage
 */
export async function measureHalf(
  device: Device,
  estimator: string,
  settings: CostSettings,
  onProgress?: OnProgress,
): Promise<HalfCost> {
  const updates: Update[] = [];
  try {
    for (const halfHidden of [false, true])
      updates.push(
        (await compileWholeUpdate(device, estimator, settings, { mlp: 'fused', halfHidden })).update,
      );
    for (const update of updates) update.run(1);
    const [exact, half] = await Promise.all(updates.map((update) => firstMoments(device, update)));
    const gradientErrors = Object.fromEntries(
      [...exact].map(([name, moment]) => [name, relativeDistance(half.get(name) ?? [], moment)]),
    );
    const [float32, float16] = (await interleave(device, updates, settings, onProgress)).map((timing, i) =>
      updateCost(updates[i].program, timing),
    );
    return { estimator, float32, float16, gradientErrors };
  } finally {
    for (const update of updates) release(device, update);
  }
}

/** Of the networks' parameters after one update, a fixed part of the gradient. */
async function firstMoments(device: Device, { program }: Update): Promise<Map<string, ArrayLike<number>>> {
  const moments = new Map<string, ArrayLike<number>>();
  for (const state of program.states) {
    const [, name] = /^(.+)\.parameters\.moments$/.exec(state.name) ?? [];
    if (name) moments.set(name, (await device.read(state)).slice(0, state.size / 2));
  }
  return moments;
}

function relativeDistance(values: ArrayLike<number>, reference: ArrayLike<number>): number {
  let apart = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    apart += (values[i] - reference[i]) ** 2;
    norm += reference[i] ** 2;
  }
  return Math.sqrt(apart / norm);
}
