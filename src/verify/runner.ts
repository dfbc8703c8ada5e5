import type { Device } from '../device.ts';
import { formatShape, sameShape } from '../math/shape.ts';
import { clockState, type RecordingOptions } from '../tape/index.ts';
import { compare, type Deviation, worse } from './compare.ts';
import { replay } from './environments.ts';
import type { GoldenGroup } from './folder.ts';
import type { Expectation, GoldenCase, Precision } from './format.ts';
import { verifyMujoco } from './mujoco.ts';
import type { Recipe } from './recipe.ts';
import { recipes } from './recipes.ts';
import { type Result, Setting } from './setting.ts';

/** What became of a case. Only `passed` says that the library computed all of it correctly. */
export type Status = 'passed' | 'failed' | 'not built' | 'not applicable';

export interface CaseReport {
  readonly group: string;
  readonly name: string;
  readonly status: Status;
  /** Largest error as a multiple of the tolerance; absent unless the case ran to its end. */
  readonly factor?: number;
  /** How many times the tolerance the case may use. */
  readonly allowed: number;
  /** Where the largest error is, or what went wrong. */
  readonly detail?: string;
}

export interface VerifyOptions {
  /** Which tolerance holds: that of the numbers which the device stores. */
  readonly precision: Precision;
}

/** How many times the float32 tolerance a GPU kernel may use where it goes through exp, log, tanh, pow, sin or cos. */
export const GPU_FACTOR = 10;

/** Verifies all cases of a group in turn. */
export async function verifyGroup(
  { name, cases, trajectories, mujoco }: GoldenGroup,
  device: Device,
  options: VerifyOptions,
): Promise<CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const golden of cases) reports.push(await verifyCase(name, golden, device, options));
  for (const golden of trajectories) {
    const base = { group: name, name: golden.name, allowed: 1 };
    // Environments run on the host: a GPU has no part in them.
    if (device.backend.name !== 'cpu') reports.push({ ...base, status: 'not applicable' });
    else reports.push(verdict(base, () => replay(golden)));
  }
  for (const golden of mujoco) {
    const base = { group: name, name: golden.name, allowed: 1 };
    if (device.backend.name !== 'cpu') {
      reports.push({ ...base, status: 'not applicable' });
      continue;
    }
    const [outcome] = await Promise.allSettled([verifyMujoco(golden)]);
    reports.push(
      verdict(base, () => {
        if (outcome.status === 'rejected') throw outcome.reason;
        return outcome.value;
      }),
    );
  }
  return reports;
}

/** Computes a case with the library on a device and compares every expected result. Never throws for a case. */
export async function verifyCase(
  group: string,
  golden: GoldenCase,
  device: Device,
  { precision }: VerifyOptions,
): Promise<CaseReport> {
  const recipe = recipes.find(({ computes }) => computes(golden));
  const base = { group, name: golden.name, allowed: 1 };
  if (!recipe) return { ...base, status: 'not built' };
  try {
    const lenient = device.backend.name === 'webgpu' && recipe.transcendental(golden);
    const recordings = recipe.recordings?.(golden) ?? [undefined];
    let worst: Deviation = { factor: 0, detail: '' };
    for (const recording of recordings) {
      const { factor, detail } = await deviationOf(golden, recipe, device, { precision, mlp: recording });
      worst = worse(worst, { factor, detail: recording ? `${recording}: ${detail}` : detail });
    }
    return verdict({ ...base, allowed: lenient ? GPU_FACTOR : 1 }, () => worst);
  } catch (error) {
    return { ...base, status: 'failed', detail: describe(error) };
  }
}

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** What a deviation means for a case; undefined when nothing computes it. */
function verdict(
  base: Pick<CaseReport, 'group' | 'name' | 'allowed'>,
  deviation: () => Deviation | undefined,
): CaseReport {
  try {
    const found = deviation();
    if (!found) return { ...base, status: 'not built' };
    const { factor, detail } = found;
    const status = factor <= base.allowed ? 'passed' : 'failed';
    return { ...base, status, factor, ...(factor > 0 ? { detail } : {}) };
  } catch (error) {
    return { ...base, status: 'failed', detail: describe(error) };
  }
}

async function deviationOf(
  golden: GoldenCase,
  recipe: Recipe,
  device: Device,
  { precision, mlp }: { readonly precision: Precision; readonly mlp: RecordingOptions['mlp'] | undefined },
): Promise<Deviation> {
  const clock = clockState(0, 'clock', 'plain');
  let setting: Setting | undefined;
  const update = await device.compile(
    (recorder) => {
      setting = new Setting(golden, recorder);
      recipe.record(setting);
      return setting.results();
    },
    { clock, ...(mlp ? { mlp } : {}) },
  );
  const recorded = setting as unknown as Setting;
  try {
    const results = await recorded.run(update, device);
    let worst: Deviation = { factor: 0, detail: '' };
    for (const [key, expected] of golden.expect) {
      const { factor, detail } = judge(results.get(key), expected, precision);
      worst = worse(worst, { factor, detail: `${key} ${detail}` });
    }
    return worst;
  } finally {
    update.dispose();
    recorded.release(device);
    device.free(clock);
  }
}

function judge(result: Result | undefined, expected: Expectation, precision: Precision): Deviation {
  if (!result) return { factor: Number.POSITIVE_INFINITY, detail: 'is not computed' };
  if (!sameShape(result.shape, expected.shape)) {
    const detail = `has shape ${formatShape(result.shape)}, expected ${formatShape(expected.shape)}`;
    return { factor: Number.POSITIVE_INFINITY, detail };
  }
  return compare(result.values, expected, precision);
}
