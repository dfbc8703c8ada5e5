// What a run does about NaN and infinity: every update looks for them on the device, and what it notes is read along
// with the metrics.
import type { Values } from '../backend/backend.ts';
import type { TracedStep, Update } from '../device.ts';
import { NumericsError } from '../errors.ts';

const remedy = 'A smaller learning rate or a larger temperature may help.';
/** What exact divergences say of their own error. */
const diagnostic = 'quadratureError';
const quadratureRemedy =
  'The nodes of the exact divergence do not resolve policy or target: its error is above 1%. A larger temperature or a larger bound of log-std helps, or an estimator that samples.';

export function finite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** @throws NumericsError when an update so far has met NaN or infinity */
export async function requireSound(update: Update, step: number): Promise<void> {
  if (await update.fault()) throw await notFinite(update, 'a number', step);
}

/** @param seen what shows it, should no update have noticed */
export async function notFinite(update: Update, seen: string, step: number): Promise<NumericsError> {
  const fault = await update.fault();
  const named = (fault?.what ?? seen).includes(diagnostic);
  // The loss is infinite with it, and may be noticed first.
  const unresolved =
    named || (update.program.outputs.has(diagnostic) && (await update.read(diagnostic))[0] === Infinity);
  if (unresolved)
    return new NumericsError(
      `The run met an integral that it cannot take by step ${step}: ${fault ? `in update ${fault.update}, ` : ''}the output '${diagnostic}' is infinite.`,
      {
        hint: quadratureRemedy,
        update: fault?.update,
      },
    );
  const where = fault ? `in update ${fault.update}, first in ${fault.what}` : `seen in ${seen}`;
  return new NumericsError(`The run met NaN or infinity by step ${step}: ${where}.`, {
    hint: remedy,
    update: fault?.update,
  });
}

/** Carries out one update of a run step by step, and the one before it, to know what is usual. */
export class FaultFinder {
  /** Steps that give infinities in a sound update too, as the logarithm of a probability of 0. */
  private readonly usual = new Set<number>();

  /** @param number of the update, counted from 1 */
  constructor(private readonly number: number) {}

  /**
   * Runs updates.
   *
   * @param done updates of the run so far
   * @throws NumericsError naming the first step that turns finite numbers into NaN or infinity
   */
  async run(update: Update, done: number, times: number): Promise<void> {
    const ahead = this.number - done;
    if (ahead < 1 || ahead > times + 1) return update.run(times);
    for (let k = 1; k <= times; k++) {
      if (k === ahead - 1) for await (const step of update.trace()) this.learn(step);
      else if (k === ahead) for await (const step of update.trace()) this.judge(step, update.program.kernels);
      else update.run();
    }
  }

  private learn({ index, written }: TracedStep): void {
    if (![...written.values()].every(finite)) this.usual.add(index);
  }

  private judge({ index, step, read, written }: TracedStep, steps: number): void {
    const wrong = [...written].find(([, values]) => !finite(values));
    // What only passes it on is not where it began.
    if (!wrong || this.usual.has(index) || ![...read.values()].every(finite)) return;
    const [name, values] = wrong;
    const at = values.findIndex((value) => !Number.isFinite(value));
    const kernel = step.kind === 'kernel' && step.kernel !== step.label ? ` (${step.kernel})` : '';
    const inputs = [...read].map(([input, held]) => `${input} ${range(held)}`).join(', ');
    throw new NumericsError(
      `In update ${this.number}, step ${index} of ${steps}, ${step.label}${kernel} ${step.shapes}, gives ${values[at]} at element ${at} of ${name}, from ${inputs}.`,
      { hint: remedy, update: this.number },
    );
  }
}

function range(values: Values): string {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return values.length === 1 ? `= ${low}` : `in [${low}, ${high}]`;
}
