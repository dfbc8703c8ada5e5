import { requireKnown, requireName } from '../arguments.ts';
import { quoted, requireOptions, UsageError } from '../errors.ts';
import { PhiloxStream } from '../math/philox.ts';
import { broadcastShapes, formatShape, sameShape, sizeOf } from '../math/shape.ts';
import type { Purpose } from '../math/streams.ts';
import {
  add,
  broadcastTo,
  concat,
  currentRecording,
  div,
  mean,
  mul,
  read,
  requireTensor,
  reshape,
  State,
  shapeError,
  slice,
  sqrt,
  square,
  sub,
  type Tensor,
} from '../tape/index.ts';
import { type Activation, activate, activations } from './activation.ts';
import { dense, fitsFused, fusedMlp, type MlpShape, parameterCount } from './mlp-op.ts';

/** The form of a network. */
export interface MlpOptions {
  /** Width of the input, of all segments together. */
  readonly inputs: number;
  /** Widths of the hidden layers; [] for a linear map. */
  readonly hidden: readonly number[];
  /** Width of the output. */
  readonly outputs: number;
  /** Of the hidden layers; `relu` when absent. */
  readonly activation?: Activation;
  /** Networks side by side on the same inputs, e.g. 2 for twin critics; the result then has a leading axis, and none when absent. */
  readonly nets?: number;
  /** Normalise each hidden layer before its activation; false when absent. */
  readonly layerNorm?: boolean;
  /** Each network of a program has a name of its own; `mlp` when absent. */
  readonly name?: string;
  /** Of the initial weights, which depend on the name too: networks of other names start from other weights. 0 when absent. */
  readonly seed?: number;
  /** What the initial weights are drawn for instead of the name; networks of one seed and purpose start alike. The name when absent. */
  readonly purpose?: Purpose;
}

/** Where one array of a network lies within its flat parameters. */
export interface ParameterEntry {
  /** `W0`, `b0`, `W1`, …; `gamma0`, `beta0` of a normalisation. */
  readonly name: string;
  /** Its first element. */
  readonly offset: number;
  /** `[in, out]` of weights, `[out]` of others. */
  readonly shape: readonly number[];
}

/** A multilayer perceptron whose parameters of all layers and networks lie in one flat state [nets, P]. */
export interface Network {
  /**
   * @param segments each [..., width]; side by side they are the input, and their leading axes broadcast
   * @returns [..., outputs], with a leading axis [nets] when the network was made with `nets`
   * @throws ShapeError when the widths do not add up to the inputs
   */
  (...segments: readonly Tensor[]): Tensor;
  /** [nets, P] all weights and biases. */
  readonly parameters: State;
  /** Where each array lies among them. */
  readonly entries: readonly ParameterEntry[];
  /** Widths, networks, activation. */
  readonly shape: MlpShape;
  /** The same network on other parameters, e.g. those of a target network. */
  withParameters(parameters: State): Network;
}

const known: Readonly<Record<keyof MlpOptions, true>> = {
  inputs: true,
  hidden: true,
  outputs: true,
  activation: true,
  nets: true,
  layerNorm: true,
  name: true,
  seed: true,
  purpose: true,
};

/** Parameters at most: no device has a buffer for more. */
const MOST_PARAMETERS = 2 ** 30;

/**
 * Makes a network. Initial weights and biases are uniform in ±1/√inputs of their layer.
 *
 * @throws UsageError for a width that is not a whole number from 1, an unknown activation or option, or more than 2^30
 * parameters
 * @source the initialisation of PyTorch's nn.Linear, which the reference implementations use
 */
export function mlp(options: MlpOptions): Network {
  requireKnown('mlp', options, known, 'mlp({ inputs, hidden, outputs })');
  const {
    inputs,
    hidden,
    outputs,
    activation = 'relu',
    nets,
    layerNorm = false,
    name = 'mlp',
    seed = 0,
    purpose,
  } = requireOptions('mlp', options, 'inputs', 'hidden', 'outputs');
  requireName('activation', activation, activations);
  if (!Array.isArray(hidden))
    throw new UsageError(`mlp: hidden must be a list of widths; got ${quoted(hidden)}.`, {
      hint: 'Write hidden: [64, 64]; [] for none.',
    });
  if (nets !== undefined && !(Number.isInteger(nets) && nets >= 1))
    throw new UsageError(`mlp: nets must be a whole number from 1; got ${quoted(nets)}.`);
  const dims = [inputs, ...hidden, outputs];
  if (dims.some((width) => !Number.isInteger(width) || width < 1)) {
    throw new UsageError(`Layer widths must be whole numbers from 1; got ${dims.join('-')}.`);
  }
  const entries = layout(dims, layerNorm);
  const count = entries.reduce((total, entry) => total + sizeOf(entry.shape), 0);
  const shape: MlpShape = { dims, nets: nets ?? 1, activation };
  if (!(shape.nets * count <= MOST_PARAMETERS)) {
    throw new UsageError(
      `Networks of ${dims.join('-')} have ${shape.nets * count} parameters, more than ${MOST_PARAMETERS}.`,
      { hint: 'Use narrower layers.' },
    );
  }
  const initial = new Float32Array(shape.nets * count);
  for (let net = 0; net < shape.nets; net++) {
    const random = purpose
      ? new PhiloxStream(seed, purpose, net)
      : new PhiloxStream(seed, 'network', (nameIndex(name) + net) % 2 ** 32);
    for (const entry of entries) {
      const bound = 1 / Math.sqrt(dims[Number(entry.name.replace(/\D/g, ''))]);
      const from = net * count + entry.offset;
      const fill = entry.name.startsWith('gamma')
        ? () => 1
        : entry.name.startsWith('beta')
          ? () => 0
          : () => random.uniformIn(-bound, bound);
      for (let i = 0; i < sizeOf(entry.shape); i++) initial[from + i] = fill();
    }
  }
  const parameters = new State(`${name}.parameters`, [shape.nets, count], initial);
  return network({ shape, entries, layerNorm, ensemble: nets !== undefined }, parameters);
}

/** A stream's number made of a name: FNV-1a, 32 bits. @source draft-eastlake-fnv */
function nameIndex(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function layout(dims: readonly number[], layerNorm: boolean): ParameterEntry[] {
  const entries: ParameterEntry[] = [];
  let offset = 0;
  const put = (name: string, shape: readonly number[]) => {
    entries.push({ name, offset, shape });
    offset += sizeOf(shape);
  };
  for (let layer = 0; layer < dims.length - 1; layer++) {
    put(`W${layer}`, [dims[layer], dims[layer + 1]]);
    put(`b${layer}`, [dims[layer + 1]]);
    if (layerNorm && layer < dims.length - 2) {
      put(`gamma${layer}`, [dims[layer + 1]]);
      put(`beta${layer}`, [dims[layer + 1]]);
    }
  }
  return entries;
}

/** A network but for its parameters. */
interface Architecture {
  readonly shape: MlpShape;
  readonly entries: readonly ParameterEntry[];
  readonly layerNorm: boolean;
  /** Whether results have an axis of networks. */
  readonly ensemble: boolean;
}

function network(architecture: Architecture, parameters: State): Network {
  const { shape, entries, layerNorm, ensemble } = architecture;
  const apply = (...segments: readonly Tensor[]): Tensor => {
    for (const segment of segments) requireTensor('mlp', segment);
    const width = segments.reduce((total, segment) => total + (segment.shape.at(-1) ?? 0), 0);
    if (
      segments.length === 0 ||
      segments.some((segment) => segment.shape.length < 2) ||
      width !== shape.dims[0]
    ) {
      throw shapeError('mlp', segments, `the network takes [batch, ${shape.dims[0]}] in all`);
    }
    const lead = segments
      .map((segment) => segment.shape.slice(0, -1))
      .reduce<readonly number[] | undefined>((a, b) => a && broadcastShapes(a, b), []);
    if (!lead) throw shapeError('mlp', segments, 'leading axes do not broadcast');
    const options = currentRecording().options;
    const fused = !layerNorm && segments.length <= 2 && options.mlp !== 'tiled' && fitsFused(shape, options);
    const y = fused
      ? fusedMlp(
          shape,
          read(parameters),
          segments.map((segment) => asSuffix(segment, lead)),
          lead,
        )
      : tiled(architecture, read(parameters), segments, lead);
    return ensemble ? y : reshape(y, [...lead, shape.dims.at(-1) as number]);
  };
  return Object.assign(apply, {
    parameters,
    entries,
    shape,
    withParameters: (other: State): Network => {
      if (!sameShape(other.shape, parameters.shape)) {
        throw new UsageError(
          `Parameters ${formatShape(other.shape)} do not fit a network that has ${formatShape(parameters.shape)}.`,
        );
      }
      return network(architecture, other);
    },
  });
}

/** A segment whose leading axes are a suffix of `lead` is read in place, whatever its number of rows. */
function asSuffix(segment: Tensor, lead: readonly number[]): Tensor {
  const own = segment.shape.slice(0, -1);
  const suffix = lead.slice(lead.length - own.length);
  return sameShape(own, suffix) ? segment : broadcastTo(segment, [...lead, segment.shape.at(-1) as number]);
}

/** A matrix product a layer, for networks of any width and depth and for layer normalisation. */
function tiled(
  { shape: { dims, nets, activation }, entries, layerNorm }: Architecture,
  flat: Tensor,
  segments: readonly Tensor[],
  lead: readonly number[],
): Tensor {
  const part = (name: string, as: readonly number[]): Tensor => {
    const entry = entries.find((candidate) => candidate.name === name) as ParameterEntry;
    return reshape(slice(flat, [0, entry.offset], [nets, entry.offset + sizeOf(entry.shape)]), [nets, ...as]);
  };
  const wide = segments.map((segment) => broadcastTo(segment, [...lead, segment.shape.at(-1) as number]));
  let h = reshape(concat(wide, -1), [1, sizeOf(lead), dims[0]]);
  for (let layer = 0; layer < dims.length - 1; layer++) {
    const last = layer === dims.length - 2;
    const weight = part(`W${layer}`, [dims[layer], dims[layer + 1]]);
    const bias = part(`b${layer}`, [1, dims[layer + 1]]);
    const normalise = layerNorm && !last;
    h = dense(h, weight, bias, last || normalise ? 'identity' : activation);
    if (normalise)
      h = activate(
        activation,
        layerNormalise(
          h,
          part(`gamma${layer}`, [1, dims[layer + 1]]),
          part(`beta${layer}`, [1, dims[layer + 1]]),
        ),
      );
  }
  return reshape(h, [nets, ...lead, dims.at(-1) as number]);
}

/**
 * (x − mean)/√(variance + 1e-5)·gamma + beta over the last axis; the variance divides by its width.
 *
 * @param x [..., width]
 * @param gamma broadcasts with x, as beta
 * @returns the shape of x
 */
export function layerNormalise(x: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const centred = sub(x, mean(x, -1, true));
  const scale = sqrt(add(mean(square(centred), -1, true), 1e-5));
  return add(mul(div(centred, scale), gamma), beta);
}

export { parameterCount };
