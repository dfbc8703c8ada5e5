// Who holds what of a backend, in one place: whatever is gone is refused alike on every backend.
import { BackendError, ShapeError, UsageError } from '../errors.ts';
import { at } from '../math/items.ts';
import type { Program } from '../program/program.ts';
import type { DeviceBuffer, Executable, Values } from './backend.ts';

const ways = { device: 'Open one anew.', program: 'Compile it anew.' };

/** The error for the use of something that has ended. */
export const gone = (what: keyof typeof ways): BackendError =>
  new BackendError(`The ${what} was disposed of.`, { fault: 'disposed', hint: ways[what] });

/** Device memory that knows whose it is, whether it was freed, and how many programs work on it. */
export class OwnedBuffer implements DeviceBuffer {
  freed = false;
  /** Programs loaded, or being loaded, on it. */
  users = 0;

  constructor(
    readonly owner: object,
    readonly count: number,
    readonly dtype: 'f32' | 'u32',
    readonly label: string,
  ) {}

  /** @throws ShapeError unless these elements are inside */
  requireRange(offset: number, count: number): void {
    if (offset >= 0 && count >= 0 && offset + count <= this.count) return;
    throw new ShapeError(
      `Buffer '${this.label}' has ${this.count} elements; ${count} from ${offset} on are not all inside.`,
    );
  }
}

/** What the backends have in common: each buffer is freed once, and not before the programs that work on it have ended. */
export abstract class OwningBackend<B extends OwnedBuffer> {
  private ending: Promise<void> | undefined;

  /** Makes a program ready; what it takes for it, the executable gives back, or this where it throws. */
  protected abstract prepare(program: Program, buffers: readonly B[]): Promise<Executable>;
  /** Writes into a buffer from an element on. */
  protected abstract put(buffer: B, values: Values, offset: number): void;
  /** Values of a buffer from an element on. */
  protected abstract get(buffer: B, offset: number, count: number): Promise<Values>;
  /** Gives a buffer's memory back. */
  protected abstract release(buffer: B): void;
  /** Ends the device. */
  protected abstract end(): Promise<void>;

  /** @throws BackendError once the device was disposed of */
  protected requireOpen(): void {
    if (this.ending) throw gone('device');
  }

  protected get closed(): boolean {
    return this.ending !== undefined;
  }

  /** The buffer as the backend's own. @throws BackendError when it is another's, was freed, or the device was disposed of */
  private own(buffer: DeviceBuffer): B {
    this.requireOpen();
    const own = this.known(buffer);
    if (own.freed)
      throw new BackendError(`Buffer '${own.label}' was freed.`, {
        fault: 'disposed',
        hint: 'Allocate it anew.',
      });
    return own;
  }

  private known(buffer: DeviceBuffer): B {
    if (buffer instanceof OwnedBuffer && buffer.owner === this) return buffer as B;
    throw new BackendError('The buffer belongs to another backend.');
  }

  /** @throws ShapeError unless the elements are inside */
  write(buffer: DeviceBuffer, values: Values, offset = 0): void {
    const own = this.own(buffer);
    own.requireRange(offset, values.length);
    this.put(own, values, offset);
  }

  /** @throws ShapeError unless the elements are inside */
  async read(buffer: DeviceBuffer, offset = 0, count = buffer.count - offset): Promise<Values> {
    const own = this.own(buffer);
    own.requireRange(offset, count);
    return this.get(own, offset, count);
  }

  /** Nothing happens for what was freed before. @throws UsageError while a program uses it */
  free(buffer: DeviceBuffer): void {
    const own = this.known(buffer);
    if (own.freed || this.closed) return;
    if (own.users > 0)
      throw new UsageError(`Buffer '${own.label}' cannot be freed: a program still uses it.`, {
        hint: 'Dispose of the program first.',
      });
    own.freed = true;
    this.release(own);
  }

  async load(program: Program, buffers: readonly DeviceBuffer[]): Promise<Executable> {
    requireFit(program, buffers);
    const used = buffers.map((buffer) => this.own(buffer));
    for (const buffer of used) buffer.users++;
    const leave = () => {
      for (const buffer of used) buffer.users--;
    };
    try {
      const made = await this.prepare(program, buffers as readonly B[]);
      const loaded = new OwnedExecutable(made, leave, () => this.requireOpen());
      if (!this.closed) return loaded;
      made.dispose();
      throw gone('device');
    } catch (problem) {
      leave();
      throw problem;
    }
  }

  dispose(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }
}

/** A loaded program that knows when it, or its device, has ended. */
class OwnedExecutable implements Executable {
  readonly timeSteps?: (updates: number) => Promise<number[]>;
  private ended = false;

  constructor(
    private readonly made: Executable,
    private readonly leave: () => void,
    private readonly requireOpen: () => void,
  ) {
    if (made.timeSteps)
      this.timeSteps = async (updates) => {
        this.requireLive();
        return (made.timeSteps as (updates: number) => Promise<number[]>)(updates);
      };
  }

  run(times: number): void {
    this.requireLive();
    this.made.run(times);
  }

  dispose(): void {
    if (this.ended) return;
    this.ended = true;
    this.made.dispose();
    this.leave();
  }

  private requireLive(): void {
    if (this.ended) throw gone('program');
    this.requireOpen();
  }
}

/** @throws UsageError, ShapeError when the buffers are too few, too small or of another type for the program */
function requireFit(program: Program, buffers: readonly DeviceBuffer[]): void {
  if (buffers.length !== program.buffers.length) {
    throw new UsageError(`The program has ${program.buffers.length} buffers, ${buffers.length} were given.`);
  }
  program.buffers.forEach(({ name, count, dtype }, i) => {
    const buffer = at(buffers, i, 'buffer');
    if (buffer.count < count || buffer.dtype !== dtype) {
      throw new ShapeError(
        `Buffer '${name}' needs ${count} elements of ${dtype}, got ${buffer.count} of ${buffer.dtype}.`,
      );
    }
  });
}
