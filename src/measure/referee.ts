// What is timed is right: the first update of a program against the reference.

import type { Values } from '../backend/backend.ts';
import type { Device, Update } from '../device.ts';
import { referenceDevice } from '../open/backends.ts';
import { open } from '../open/open.ts';
import { nudged } from '../open/probe/agreement.ts';
import { type Agreement, agreementOf } from './agreement.ts';

/** Where hidden layers are handed on as float16. */
const HALF_TOLERANCE = 2e-2;
/** Work of an update above which float64 in plain JavaScript takes too long, FLOP. */
const CPU_FLOPS = 2e9;

/** Compares first updates with the cpu in float64; large ones of other backends with wasm. */
export class Referee {
  private cpu: Promise<Device> | undefined;
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
      return agreementOf(found, expected, name, { moved, ...(half ? { tolerance: HALF_TOLERANCE } : {}) });
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
      return { reference: await (this.cpu ??= referenceDevice()), name: 'the cpu in float64' };
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
