import type { Device, Update } from '../device.ts';
import { distributionFamily } from '../distributions/registry.ts';
import { median } from '../math/statistics.ts';
import type { Program, Step } from '../program/program.ts';
import { type CostOptions, compilePolicyUpdate, costChoices, costSettings, release } from './cost.ts';
import { interleave, LEAST_ROUNDS, type OnProgress, type TimingOptions } from './timing.ts';

/** What an update spends its time on. */
export const partNames = [
  'policyForward',
  'sampling',
  'criticForward',
  'criticBackward',
  'loss',
  'policyBackward',
  'optimiser',
] as const;
export type PartName = (typeof partNames)[number];

export interface PartCost {
  readonly part: PartName;
  readonly kernels: number;
  readonly flops: number;
  readonly bytes: number;
  /** Median of the part run by itself, over and over; parts need not add up to the whole. */
  readonly msPerUpdate: number;
}

const samplers = /^(philox|gaussian_|replay_sample)/;
const optimisers = /^(adam|tick|assign)$/;

/**
 * The part each step belongs to, by its kernel and the parameters it reads. Generated kernels and products that
 * read no parameters (activation derivatives, weight gradients) belong with what surrounds them: to a network's
 * backward pass while one is under way, else to the loss.
 */
export function partsOf(program: Program): PartName[] {
  const parts: PartName[] = [];
  const network = (step: Step): 'policy' | 'critics' | undefined => {
    const read = step.buffers.map((buffer) => (buffer < 0 ? '' : program.buffers[buffer].name));
    if (read.includes('critics.parameters')) return 'critics';
    return read.some((name) => name.endsWith('.parameters')) ? 'policy' : undefined;
  };
  let lossSeen = false;
  for (const step of program.steps) {
    const kernel = step.kind === 'kernel' ? step.kernel : 'generated';
    const owner = network(step);
    const previous = parts.at(-1);
    const backward = step.label.includes('∇') || (kernel === 'matmul' && step.label === 'matmul');
    let part: PartName;
    if (optimisers.test(kernel)) part = 'optimiser';
    else if (samplers.test(kernel)) part = kernel.endsWith('backward') ? 'policyBackward' : 'sampling';
    else if (owner === 'critics') part = backward ? 'criticBackward' : 'criticForward';
    else if (owner === 'policy') part = backward ? 'policyBackward' : 'policyForward';
    else if (kernel === 'mlp_backward_weights' || kernel === 'matmul') part = 'policyBackward';
    else if (kernel.startsWith('loss_')) part = 'loss';
    else if (lossSeen && (previous === 'criticBackward' || previous === 'policyBackward')) part = previous;
    else part = 'loss';
    if (part === 'loss') lossSeen = true;
    parts.push(part);
  }
  return parts;
}

/**
 * Times the parts of an update, each as a program of its own on the update's memory, interleaved. The figures
 * show where time goes; caches and launch overlap make their sum differ from the whole.
 */
export async function measureParts(
  device: Device,
  update: Update,
  timing: TimingOptions,
  onProgress?: OnProgress,
): Promise<PartCost[]> {
  const { program } = update;
  const partOf = partsOf(program);
  const present = partNames.filter((part) => partOf.includes(part));
  const sections: Update[] = [];
  try {
    for (const part of present) sections.push(await update.section((_step, i) => partOf[i] === part));
    const timings = await interleave(device, sections, timing, onProgress);
    return present.map((part, i) => {
      const { kernels, flops, bytes } = sections[i].program;
      return { part, kernels, flops, bytes, msPerUpdate: median(timings[i].ms) };
    });
  } finally {
    for (const section of sections) section.dispose();
  }
}

/** The parts of one estimator's update. */
export interface EstimatorParts {
  readonly estimator: string;
  readonly parts: readonly PartCost[];
}

/** The parts of every estimator of a cost table. @throws UsageError as `measureCost` does */
export async function measureAllParts(
  device: Device,
  options: CostOptions = {},
  onProgress?: OnProgress,
): Promise<EstimatorParts[]> {
  const settings = costSettings(options);
  const { choices } = costChoices(
    distributionFamily(settings.distribution),
    settings.actions,
    options.estimators,
    settings.samples,
  );
  const all: EstimatorParts[] = [];
  for (const [i, choice] of choices.entries()) {
    const update = await compilePolicyUpdate(device, choice, settings);
    try {
      // A fifth of the effort of the table: parts are for orientation.
      const timing = { rounds: LEAST_ROUNDS, minimumMs: settings.minimumMs / 5 };
      all.push({ estimator: choice.name, parts: await measureParts(device, update, timing) });
    } finally {
      release(device, update);
    }
    onProgress?.((i + 1) / choices.length);
  }
  return all;
}
