import type { Values } from '../backend/backend.ts';
import type { Device, Recorder, Update } from '../device.ts';
import { DataError, ShapeError } from '../errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../math/shape.ts';
import { type Activation, activations, mlp, type Network } from '../nn/index.ts';
import { grad, read, reshape, type State, State as StateOf, type Tensor } from '../tape/index.ts';
import type { GoldenArray, GoldenCase } from './format.ts';
import type { Place } from './place.ts';

/** When a result is taken: after every update (its leading axis counts them), after the first, or after the last. */
export type Moment = 'each' | 'first' | 'last';

/** The numbers of a key. */
export interface Result {
  readonly shape: Shape;
  readonly values: Float64Array;
}

/** One expected key: where its numbers come from. */
interface Reading {
  readonly moment: Moment;
  /** Shape of one reading. */
  readonly shape: Shape;
  take(update: Update, device: Device): Promise<ArrayLike<number>>;
}

/** What a recipe records one case with: the case's inputs as tensors and states, and its results by key. */
export class Setting {
  /** Updates that the case consists of. */
  steps = 1;
  private readonly tensors = new Map<string, { tensor: Tensor; perStep: boolean }>();
  private readonly scalars = new Map<string, Tensor>();
  private readonly computed = new Map<string, ArrayLike<number>>();
  private readonly initial = new Map<State, Float64Array>();
  private readonly outputs = new Map<string, Tensor>();
  private readonly readings = new Map<string, Reading>();
  /** Inputs that are parameters of a network. */
  private readonly parameters = new Set<string>();
  /** Networks so far: two of the same arrays are two. */
  private networks = 0;

  constructor(
    readonly golden: GoldenCase,
    private readonly recorder: Recorder,
  ) {}

  // ---- what the case gives

  has(name: string): boolean {
    return this.golden.inputs.has(name);
  }

  array(name: string): GoldenArray {
    return this.golden.inputs.get(name) ?? missing(this.golden, 'input', name);
  }

  param(name: string): Place {
    return this.golden.params.get(name) ?? missing(this.golden, 'parameter', name);
  }

  number(name: string): number {
    return this.param(name).number();
  }

  /** An input of the program, with the values of the case. */
  input(name: string): Tensor {
    return this.declare(name, this.array(name).shape, false);
  }

  /** A parameter of the case as a scalar input: it then reaches the device in the device's own precision. */
  scalar(name: string): Tensor {
    const input = `param.${name}`;
    let tensor = this.scalars.get(input);
    if (!tensor) {
      tensor = this.recorder.input(input, []);
      this.scalars.set(input, tensor);
    }
    return tensor;
  }

  /**
   * An input whose values the recipe works out on the host, such as the nodes of a quadrature. Unlike a literal it
   * keeps float64 where the device has it.
   */
  given(name: string, shape: Shape, values: ArrayLike<number>): Tensor {
    const input = `given.${name}`;
    this.computed.set(input, values);
    return this.declare(input, shape, false);
  }

  /** An input of one update; the updates take the entries of the array's leading axis in turn. */
  stepInput(name: string): Tensor {
    const [steps, ...shape] = this.array(name).shape;
    if (steps < this.steps)
      throw new DataError(`${this.golden.name}: ${name} has fewer than ${this.steps} steps.`);
    return this.declare(name, shape, true);
  }

  private declare(name: string, shape: Shape, perStep: boolean): Tensor {
    let known = this.tensors.get(name);
    if (!known) {
      known = { tensor: this.recorder.input(name, shape), perStep };
      this.tensors.set(name, known);
    }
    return known.tensor;
  }

  /** A state that starts from an input of the case. */
  state(name: string): State {
    const { shape, values } = this.array(name);
    return this.own(new StateOf(name, shape), values);
  }

  /** A state that lives as long as the case; zeros unless it has values. */
  own(state: State, values: Float64Array = new Float64Array(state.size)): State {
    this.initial.set(state, values);
    return state;
  }

  /** A network whose parameters are inputs `<prefix>W0`, `<prefix>b0`, ...; several prefixes: side by side. */
  network(prefixes: readonly string[], activation: Activation, layerNorm = false): Network {
    const widths: number[] = [];
    for (let layer = 0; this.has(`${prefixes[0]}W${layer}`); layer++) {
      const [inputs, outputs] = this.array(`${prefixes[0]}W${layer}`).shape;
      if (layer === 0) widths.push(inputs);
      widths.push(outputs);
    }
    if (widths.length < 2) missing(this.golden, 'input', `${prefixes[0]}W0`);
    const net = mlp({
      inputs: widths[0],
      hidden: widths.slice(1, -1),
      outputs: widths[widths.length - 1],
      activation,
      layerNorm,
      ...(prefixes.length > 1 ? { nets: prefixes.length } : {}),
      name: `${prefixes.join()}#${this.networks++}`,
    });
    this.own(net.parameters, this.gather(net, prefixes));
    return net;
  }

  /** The parameters of a network from the inputs that `prefixes` name. */
  gather({ entries, parameters }: Network, prefixes: readonly string[]): Float64Array {
    const values = new Float64Array(parameters.size);
    prefixes.forEach((prefix, net) => {
      for (const { name, offset, shape } of entries) {
        const given = this.array(prefix + name);
        this.parameters.add(prefix + name);
        if (!sameShape(given.shape, shape)) {
          throw new DataError(
            `${this.golden.name}: ${prefix}${name} must be ${formatShape(shape)}, is ${formatShape(given.shape)}.`,
          );
        }
        values.set(given.values, net * parameters.shape[1] + offset);
      }
    });
    return values;
  }

  activation(): Activation {
    const place = this.param('activation');
    const name = activations.find((candidate) => candidate === place.text());
    return name ?? place.fail(`must be one of ${activations.join(', ')}`);
  }

  // ---- what the case wants

  wants(key: string): boolean {
    return this.golden.expect.has(key);
  }

  /** Gives the result of a key; nothing is computed for keys that the case does not have. */
  emit(key: string, tensor: Tensor, moment: Moment = 'last'): void {
    if (!this.wants(key)) return;
    const name = this.outputName(tensor);
    this.readings.set(key, { moment, shape: tensor.shape, take: (update) => update.read(name) });
  }

  /** Gives a state as it stands after an update. */
  emitState(key: string, state: State, moment: Moment = 'last'): void {
    if (!this.wants(key)) return;
    this.readings.set(key, { moment, shape: state.shape, take: (_update, device) => device.read(state) });
  }

  /** Gives the arrays of a network's parameters as they stand after an update, or of a tensor of their shape. */
  emitArrays(
    prefixes: readonly string[],
    network: Network,
    source: Tensor | State,
    moment: Moment = 'last',
  ): void {
    const name = source instanceof StateOf ? undefined : this.outputName(source);
    prefixes.forEach((prefix, net) => {
      for (const { name: entry, offset, shape } of network.entries) {
        if (!this.wants(prefix + entry)) continue;
        const from = net * network.parameters.shape[1] + offset;
        const take = async (update: Update, device: Device): Promise<Values> => {
          const all = await (name === undefined ? device.read(source as State) : update.read(name));
          return all.slice(from, from + sizeOf(shape));
        };
        this.readings.set(prefix + entry, { moment, shape, take });
      }
    });
  }

  /**
   * Gives every `<prefix>grad.<input>` that the case wants: the gradient of an objective, a scalar or with its
   * cotangent.
   */
  emitGradients(prefix: string, objective: Tensor, cotangent?: Tensor): void {
    const start = `${prefix}grad.`;
    const wanted = [...this.golden.expect.keys()].filter((key) => key.startsWith(start));
    // Parameters of networks are no inputs of the program: emitNetworkGradients gives those.
    const names = wanted.map((key) => key.slice(start.length)).filter((name) => !this.parameters.has(name));
    const gradients = grad(
      objective,
      names.map((name) => this.input(name)),
      cotangent,
    );
    names.forEach((name, i) => {
      this.emit(start + name, gradients[i]);
    });
  }

  /** Gives `<prefix>grad.<network>W0` and so on. */
  emitNetworkGradients(
    prefix: string,
    objective: Tensor,
    { net, prefixes }: { readonly net: Network; readonly prefixes: readonly string[] },
    cotangent?: Tensor,
  ): void {
    const [gradient] = grad(objective, [read(net.parameters)], cotangent);
    this.emitArrays(
      prefixes.map((own) => `${prefix}grad.${own}`),
      net,
      gradient,
    );
  }

  private outputName(tensor: Tensor): string {
    const name = `r${this.outputs.size}`;
    this.outputs.set(name, tensor);
    return name;
  }

  /** The program's outputs. */
  results(): Record<string, Tensor> {
    return Object.fromEntries(this.outputs);
  }

  // ---- running it

  /** Runs all updates of the compiled recording and returns the results by key. */
  async run(update: Update, device: Device): Promise<Map<string, Result>> {
    for (const [state, values] of this.initial) device.write(state, values);
    const parts = new Map<string, ArrayLike<number>[]>([...this.readings.keys()].map((key) => [key, []]));
    for (let step = 0; step < this.steps; step++) {
      update.write(this.inputsAt(step));
      update.run();
      for (const [key, { moment, take }] of this.readings) {
        const due = moment === 'each' || (moment === 'first' ? step === 0 : step === this.steps - 1);
        if (due) parts.get(key)?.push(await take(update, device));
      }
    }
    return new Map(
      [...this.readings].map(([key, { moment, shape }]) => {
        const values = Float64Array.from((parts.get(key) ?? []).flatMap((part) => Array.from(part)));
        return [key, { shape: moment === 'each' ? [this.steps, ...shape] : shape, values }];
      }),
    );
  }

  private inputsAt(step: number): Record<string, Float64Array> {
    const used = [...this.tensors].filter(
      ([name, { perStep }]) => !this.computed.has(name) && (perStep || step === 0),
    );
    const arrays = used.map(([name, { tensor, perStep }]): [string, Float64Array] => {
      const { values } = this.array(name);
      return [name, perStep ? values.slice(step * tensor.size, (step + 1) * tensor.size) : values];
    });
    const scalars = [...this.scalars.keys()].map((name): [string, Float64Array] => [
      name,
      Float64Array.of(this.number(name.replace('param.', ''))),
    ]);
    const computed = step === 0 ? [...this.computed] : [];
    return Object.fromEntries([
      ...arrays,
      ...scalars,
      ...computed.map(([name, values]): [string, Float64Array] => [name, Float64Array.from(values)]),
    ]);
  }

  /** Frees what the case held on the device. */
  release(device: Device): void {
    for (const state of this.initial.keys()) device.free(state);
  }
}

function missing(golden: GoldenCase, what: string, name: string): never {
  throw new DataError(`${golden.name}: ${what} '${name}' is missing.`);
}

/** [1, batch, ...] as the distributions take it, of a value [batch, ...]. */
export const single = (x: Tensor): Tensor => reshape(x, [1, ...x.shape]);

/** The inverse of {@link single}. @throws ShapeError when there is more than one sample */
export function unwrap(x: Tensor): Tensor {
  if (x.shape[0] !== 1) throw new ShapeError(`${x} holds more than one sample.`);
  return reshape(x, x.shape.slice(1));
}
