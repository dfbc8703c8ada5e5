// What is timed is right: the first update of a program against the reference.

import type { Values } from '../backend/backend.ts';
import { createCpuBackend } from '../backend/cpu/backend.ts';
import { type Deviation, deviation, larger, noDeviation, nudged } from '../backend/probe/agreement.ts';
import { probeError } from '../backend/probe/quick.ts';
import { open } from '../backend/select.ts';
import { Device, type Update } from '../device.ts';
import type { ProbeError } from '../errors.ts';

/** How far the loss and the gradients of a program's first update are from the reference; plain JSON. */
export interface Agreement {
  /** The largest deviation, in what is allowed: more than 1 is wrong. Null when a value is NaN or infinite. */
  readonly factor: number | null;
  /** Output, or parameters whose gradient it is, that is off by so much. */
  readonly where: string;
  readonly found: number;
  readonly expected: number;
  /** What it was compared with. */
  readonly reference: string;
}

export const isWrong = ({ factor }: Agreement): boolean => factor === null || factor > 1;

/** One line for people. */
export const agreementLine = ({ where, found, expected, factor, reference }: Agreement): string =>
  `${where} is ${found}, expected ${expected} by ${reference}: ${factor === null ? 'not finite' : `${factor.toPrecision(2)}× of what is allowed`}`;

/** The error for what would be timed, and is wrong. */
export const disagreement = (device: Device, what: string, agreement: Agreement): ProbeError =>
  probeError({
    adapter: device.backend.description,
    kernel: what,
    where: agreement.where,
    found: agreement.found,
    expected: agreement.expected,
  });

/** Of the largest value: what the goldens allow estimators in float32. */
const TOLERANCE = 6e-5;
/** Where hidden layers are handed on as float16. */
const HALF_TOLERANCE = 2e-2;
/** Work of an update above which float64 in plain JavaScript takes too long, FLOP. */
const CPU_FLOPS = 2e9;

export interface AgreementOptions {
  /** What the reference gives when its inputs move by their last digit. */
  readonly moved?: ReadonlyMap<string, Values>;
  /** Of the largest value. */
  readonly tolerance?: number;
}

/** How far named results are from those of a reference, all that it has. */
export function agreementOf(
  found: ReadonlyMap<string, Values>,
  expected: ReadonlyMap<string, Values>,
  reference: string,
  { moved = expected, tolerance = TOLERANCE }: AgreementOptions = {},
): Agreement {
  let worst: Deviation = noDeviation;
  let where = [...expected.keys()][0];
  for (const [key, values] of expected) {
    const off = deviation(found.get(key) ?? new Float32Array(), values, moved.get(key), tolerance);
    if (off.factor > worst.factor) where = key;
    worst = larger(worst, off);
  }
  const { factor, found: value, expected: wanted } = worst;
  return {
    factor: Number.isFinite(factor) ? factor : null,
    where,
    found: value,
    expected: wanted,
    reference,
  };
}

/** Compares first updates with the cpu in float64; large ones of other backends with wasm. */
export class Referee {
  private readonly cpu = new Device(createCpuBackend({ precision: 'f64' }));
  private wasm: Promise<Device> | undefined;

  /** @param mostFlops work of an update up to which the reference is the cpu; past it wasm, but for wasm itself */
  constructor(
    private readonly device: Device,
    private readonly mostFlops: number = CPU_FLOPS,
  ) {}

  /**
   * Runs one update of a program that has not run yet.
   *
   * @param compile makes the same program on another device, with the same inputs and states
   */
  async judge(update: Update, compile: (device: Device) => Promise<Update>): Promise<Agreement> {
    const { reference, name } = await this.referenceFor(update.program.flops);
    const twin = await compile(reference);
    try {
      const found = await firstUpdate(this.device, update);
      const start = await Promise.all(
        twin.program.states.map(async (state) => [state, await reference.read(state)] as const),
      );
      const expected = await firstUpdate(reference, twin);
      for (const [state, values] of start) reference.write(state, nudged(values));
      const moved = await firstUpdate(reference, twin);
      const half = this.device.backend.preferences.halfHidden;
      return agreementOf(found, expected, name, { moved, tolerance: half ? HALF_TOLERANCE : TOLERANCE });
    } finally {
      twin.dispose();
      for (const state of twin.program.states) reference.free(state);
    }
  }

  async dispose(): Promise<void> {
    await (await this.wasm)?.dispose();
  }

  private async referenceFor(flops: number): Promise<{ reference: Device; name: string }> {
    if (flops <= this.mostFlops || this.device.backend.name === 'wasm')
      return { reference: this.cpu, name: 'the cpu in float64' };
    return { reference: await (this.wasm ??= open({ backend: 'wasm' })), name: 'wasm' };
  }
}

/** What an update gives, and the gradient of each optimiser: a fixed part of the first moments. */
async function firstUpdate(device: Device, update: Update): Promise<Map<string, Values>> {
  update.run(1);
  const results = new Map<string, Values>();
  for (const name of update.program.outputs.keys()) results.set(name, await update.read(name));
  for (const state of update.program.states) {
    const [, name] = /^(.+)\.moments$/.exec(state.name) ?? [];
    if (name) results.set(`the gradient of ${name}`, await device.read(state, 0, state.size / 2));
  }
  return results;
}
