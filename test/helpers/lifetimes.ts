// Random sequences of calls on devices, states, programs and buffers, in any order and also after their ends, against a
// simple model: which calls must be refused, and which values must be there.
import * as assert from 'uvu/assert';
import type { DeviceBuffer } from '../../src/backend/backend.ts';
import type { Device, Update } from '../../src/device.ts';
import { BackendError, UsageError } from '../../src/errors.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { add, assign, mul, read, State } from '../../src/tape/index.ts';

/** What every use of a handle must come to: nothing, or an error of this kind. */
type Outcome = 'fine' | 'gone' | 'misused';

interface KnownState {
  readonly state: State;
  readonly initial: number;
  /** By device; absent where the state has no memory there. */
  readonly held: Map<KnownDevice, number>;
}

interface KnownDevice {
  readonly device: Device;
  closed: boolean;
  readonly buffers: KnownBuffer[];
}

interface KnownBuffer {
  readonly buffer: DeviceBuffer;
  value: number;
  freed: boolean;
}

/** A program: into ← from + x, with the output 3·from. All elements of an array are equal. */
interface KnownUpdate {
  readonly on: KnownDevice;
  readonly update: Update;
  readonly into: KnownState;
  readonly from: KnownState;
  /** Shared by an update and its sections: their memory is one. */
  readonly memory: { x: number | undefined; y: number | undefined };
  readonly parent: KnownUpdate | undefined;
  ran: boolean;
  ended: boolean;
}

const SIZES = [1, 5, 300];

export class Lifetimes {
  private readonly random: PhiloxStream;
  private readonly devices: KnownDevice[] = [];
  private readonly states: KnownState[] = [];
  private readonly updates: KnownUpdate[] = [];
  private readonly log: string[] = [];

  constructor(
    seed: number,
    private readonly open: () => Promise<Device>,
  ) {
    this.random = new PhiloxStream(seed);
  }

  /** Makes so many random calls, then looks at all that is left. @throws when the device does otherwise than the model */
  async run(calls: number): Promise<void> {
    try {
      await this.openDevice();
      await this.openDevice();
      for (let i = 0; i < 4; i++) this.newState();
      for (let i = 0; i < calls; i++) await this.step();
      for (const known of this.states) for (const on of this.devices) await this.readState(on, known);
      for (const each of this.updates) await this.readOutput(each);
      for (const on of this.devices) for (const each of on.buffers) await this.readBuffer(on, each);
      for (const on of this.devices) await on.device.dispose();
    } catch (problem) {
      const { message } = problem as Error;
      (problem as Error).message = `${message}\n  after\n    ${this.log.slice(-25).join('\n    ')}`;
      throw problem;
    }
  }

  private async step(): Promise<void> {
    const kinds = [
      ...[() => this.writeState(), () => this.readState(this.pick(this.devices), this.pick(this.states))],
      ...[() => this.freeState(), () => this.freeState(), () => this.compile(), () => this.compile()],
      ...[() => this.failToCompile(), () => this.section(), () => this.runUpdate(), () => this.runUpdate()],
      ...[() => this.writeInput(), () => this.writeInput(), () => this.readOutput(this.pick(this.updates))],
      ...[() => this.endUpdate(), () => this.allocate(), () => this.useBuffer(), () => this.useBuffer()],
      ...[async () => this.newState(), () => this.foreign()],
    ];
    if (this.random.nextInt(60) === 0) return this.closeDevice();
    await this.pick(kinds)();
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.nextInt(Math.max(1, choices.length))];
  }

  /** Makes a call, and compares what comes of it. */
  private async expect(outcome: Outcome, what: string, call: () => unknown): Promise<boolean> {
    this.log.push(`${what}: ${outcome}`);
    let thrown: unknown;
    try {
      await call();
    } catch (error) {
      thrown = error;
    }
    if (outcome === 'fine') {
      assert.is(thrown, undefined, `${what} is refused: ${thrown}`);
    } else if (outcome === 'gone') {
      assert.instance(thrown, BackendError, `${what} gives ${thrown}`);
      assert.is((thrown as BackendError).fault, 'disposed', `${what} gives ${thrown}`);
    } else assert.instance(thrown, UsageError, `${what} gives ${thrown}`);
    return thrown === undefined;
  }

  private async openDevice(): Promise<void> {
    this.devices.push({ device: await this.open(), closed: false, buffers: [] });
  }

  private async closeDevice(): Promise<void> {
    const on = this.pick(this.devices);
    // A program that is being loaded meanwhile does not come to life.
    const late = on.closed || this.random.nextInt(2) === 0 ? undefined : this.compiled(on, this.states[0]);
    const outcome = late?.then(
      () => 'a program',
      (error) => (error as BackendError).fault,
    );
    await this.expect('fine', `dispose device ${this.devices.indexOf(on)}`, () => on.device.dispose());
    if (outcome) assert.is(await outcome, 'disposed', 'a program loaded while its device ends');
    on.closed = true;
    for (const each of this.updates) if (each.on === on) each.ended = true;
    if (this.devices.filter(({ closed }) => !closed).length < 2) await this.openDevice();
  }

  private newState(): void {
    const [size, initial] = [this.pick(SIZES), this.random.nextInt(10)];
    const values = initial === 0 ? undefined : new Float32Array(size).fill(initial);
    const name = `s${this.states.length}`;
    this.states.push({ state: new State(name, [size], values), initial, held: new Map() });
  }

  private valueOf(on: KnownDevice, { held, initial }: KnownState): number {
    return held.get(on) ?? initial;
  }

  private name(on: KnownDevice, { state }: KnownState): string {
    return `${state.name} on device ${this.devices.indexOf(on)}`;
  }

  private async writeState(): Promise<void> {
    const [on, known, value] = [this.pick(this.devices), this.pick(this.states), this.random.nextInt(100)];
    const values = new Float32Array(known.state.size).fill(value);
    const done = await this.expect(on.closed ? 'gone' : 'fine', `write ${this.name(on, known)}`, () =>
      on.device.write(known.state, values),
    );
    if (done) known.held.set(on, value);
  }

  private async readState(on: KnownDevice, known: KnownState): Promise<void> {
    let values: ArrayLike<number> = [];
    const what = `read ${this.name(on, known)}`;
    const done = await this.expect(on.closed ? 'gone' : 'fine', what, async () => {
      values = await on.device.read(known.state);
    });
    if (done) this.requireAll(values, this.valueOf(on, known), what);
  }

  private requireAll(values: ArrayLike<number>, expected: number, what: string): void {
    const wrong = Array.from(values).find((value) => value !== expected);
    assert.is(wrong, undefined, `${what} gives ${wrong} instead of ${expected}`);
  }

  private async freeState(): Promise<void> {
    const [on, known] = [this.pick(this.devices), this.pick(this.states)];
    const used = this.updates.some(
      (each) => !each.ended && each.on === on && (each.into === known || each.from === known),
    );
    const done = await this.expect(used ? 'misused' : 'fine', `free ${this.name(on, known)}`, () =>
      on.device.free(known.state),
    );
    if (done) known.held.delete(on);
  }

  private compiled({ device }: KnownDevice, into: KnownState, from = into): Promise<Update> {
    return device.compile(({ input }) => {
      const before = read(from.state);
      const y = mul(before, 3);
      assign(into.state, add(before, input('x', into.state.shape)));
      return { y };
    });
  }

  private async compile(): Promise<void> {
    const [on, into] = [this.pick(this.devices), this.pick(this.states)];
    const from = this.pick(this.states.filter(({ state }) => state.size === into.state.size));
    let update: Update | undefined;
    const what = `compile ${this.name(on, into)} from ${from.state.name}`;
    const done = await this.expect(on.closed ? 'gone' : 'fine', what, async () => {
      update = await this.compiled(on, into, from);
    });
    if (!done || !update) return;
    const memory = { x: undefined, y: undefined };
    this.updates.push({ on, update, into, from, memory, parent: undefined, ran: false, ended: false });
  }

  /** More than any of the backends has: nothing that it works on is lost, and nothing is left of it. */
  private async failToCompile(): Promise<void> {
    const [on, known] = [this.pick(this.devices), this.pick(this.states)];
    const fresh = new State('fresh', [3], Float32Array.of(1, 2, 3));
    const large = new State('large', [2 ** 40]);
    this.log.push(`fail to compile on ${this.name(on, known)}`);
    const failed = await on.device
      .compile(() => {
        assign(known.state, add(read(known.state), 1));
        return { y: mul(read(fresh), 2), z: mul(read(large), 2) };
      })
      .then(
        () => undefined,
        (error) => error as BackendError,
      );
    assert.instance(failed, BackendError);
    const expected = on.closed ? /disposed/ : /memory|limit/;
    assert.match(String(failed?.fault), expected, `${failed}`);
  }

  private async section(): Promise<void> {
    const parent = this.pick(this.updates);
    if (!parent) return;
    let update: Update | undefined;
    const done = await this.expect(
      parent.ended ? 'gone' : 'fine',
      `a section of ${this.number(parent)}`,
      async () => {
        update = await parent.update.section(() => true);
      },
    );
    if (done && update) this.updates.push({ ...parent, update, parent, ran: false });
  }

  private number(each: KnownUpdate): string {
    return `program ${this.updates.indexOf(each)}`;
  }

  private async writeInput(): Promise<void> {
    const each = this.pick(this.updates);
    if (!each) return;
    const value = this.random.nextInt(100);
    const values = new Float32Array(each.into.state.size).fill(value);
    const done = await this.expect(each.ended ? 'gone' : 'fine', `write x of ${this.number(each)}`, () =>
      each.update.write({ x: values }),
    );
    if (done) each.memory.x = value;
  }

  private async runUpdate(): Promise<void> {
    const each = this.pick(this.updates);
    if (!each) return;
    const { x } = each.memory;
    const outcome = each.ended ? 'gone' : x === undefined ? 'misused' : 'fine';
    const done = await this.expect(outcome, `run ${this.number(each)}`, () => each.update.run());
    if (!done) return;
    each.ran = true;
    const before = this.valueOf(each.on, each.from);
    each.memory.y = 3 * before;
    // What a program of a state that it alone changes would make of it in thousands of calls stays exact.
    each.into.held.set(each.on, before + (x as number));
    if (each.from !== each.into) each.from.held.set(each.on, before);
  }

  private async readOutput(each: KnownUpdate | undefined): Promise<void> {
    if (!each) return;
    let values: ArrayLike<number> = [];
    const what = `read y of ${this.number(each)}`;
    const outcome = each.ended ? 'gone' : each.ran ? 'fine' : 'misused';
    const done = await this.expect(outcome, what, async () => {
      values = await each.update.read('y');
    });
    if (done) this.requireAll(values, each.memory.y as number, what);
  }

  private async endUpdate(): Promise<void> {
    const each = this.pick(this.updates);
    if (!each) return;
    await this.expect('fine', `dispose of ${this.number(each)}`, () => each.update.dispose());
    const end = (ended: KnownUpdate) => {
      ended.ended = true;
      for (const other of this.updates) if (other.parent === ended) end(other);
    };
    end(each);
  }

  private async allocate(): Promise<void> {
    const on = this.pick(this.devices);
    const value = this.random.nextInt(100);
    const size = this.pick(SIZES);
    let buffer: DeviceBuffer | undefined;
    const done = await this.expect(on.closed ? 'gone' : 'fine', 'allocate', async () => {
      buffer = on.device.backend.allocate(size, 'f32', 'own');
      // A buffer begins as zeros, whoever had its memory before.
      this.requireAll(await on.device.backend.read(buffer), 0, 'a new buffer');
      on.device.backend.write(buffer, new Float32Array(size).fill(value));
    });
    if (done && buffer) on.buffers.push({ buffer, value, freed: false });
  }

  private async readBuffer(on: KnownDevice, each: KnownBuffer): Promise<void> {
    let values: ArrayLike<number> = [];
    const done = await this.expect(on.closed || each.freed ? 'gone' : 'fine', 'read a buffer', async () => {
      values = await on.device.backend.read(each.buffer);
    });
    if (done) this.requireAll(values, each.value, 'a buffer');
  }

  private async useBuffer(): Promise<void> {
    const on = this.pick(this.devices);
    const each = this.pick(on.buffers);
    if (!each) return;
    if (this.random.nextInt(2) === 0) return this.readBuffer(on, each);
    await this.expect('fine', 'free a buffer', () => on.device.backend.free(each.buffer));
    each.freed ||= !on.closed;
  }

  /** What is another device's, or under a program. */
  private async foreign(): Promise<void> {
    const [on, other] = this.devices.filter(({ closed }) => !closed);
    const refused = async (what: string, kind: new (...given: never[]) => Error, call: () => unknown) => {
      this.log.push(what);
      let thrown: unknown;
      try {
        await call();
      } catch (error) {
        thrown = error;
      }
      assert.instance(thrown, kind, `${what} gives ${thrown}`);
    };
    const [each] = other.buffers;
    if (each) {
      const { backend } = on.device;
      await refused('read a buffer of another device', BackendError, () => backend.read(each.buffer));
      await refused('free a buffer of another device', BackendError, () => backend.free(each.buffer));
    }
    const live = this.updates.find(({ ended }) => !ended);
    if (!live) return;
    const { device } = live.on;
    await refused('free the memory under a program', UsageError, () =>
      device.backend.free(device.bufferOf(live.into.state)),
    );
  }
}
