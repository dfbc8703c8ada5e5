// How far results are from those of a reference, and the words for it.

import type { Values } from '../backend/backend.ts';
import type { Device } from '../device.ts';
import type { ProbeError } from '../errors.ts';
import { type Deviation, deviation, larger, noDeviation } from '../open/probe/agreement.ts';
import { probeError } from '../open/probe/error.ts';

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
