import { activations, kernelSpec, type Params, savesInput } from './kernels.ts';
import type { KernelStep, Step } from './program.ts';
import { bytesMoved } from './work.ts';

interface BufferFacts {
  readonly kind: string;
  readonly count: number;
}

/** One layer of a network. */
interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Of its weights within one network's parameters; its bias follows them. */
  readonly offset: number;
}

/**
 * Takes the network kernels apart, a layer a kernel. A workgroup of the whole kernels hands activations on through
 * workgroup memory, with a barrier a layer; where a CPU plays GPU, tiles in registers and a few more dispatches cost
 * less. What one layer leaves for another gets a buffer of its own, since a kernel may not read and write one buffer.
 *
 * @param temporary adds a temporary of so many elements; `buffers` then holds it
 */
export function takeLayersApart(
  steps: readonly Step[],
  buffers: readonly BufferFacts[],
  temporary: (name: string, count: number) => number,
): Step[] {
  /** Of what the whole kernels lay out as [layers, nets, rows, width]: the buffer of each hidden layer. */
  const hidden = new Map<number, number[]>();
  return steps.flatMap((step): Step[] => {
    if (step.kind !== 'kernel' || !(step.kernel in parts)) return [step];
    const { params } = step;
    const layers = layersOf(params);
    const perLayer = (name: string): number[] =>
      layers
        .slice(0, -1)
        .map(({ outputs }, i) =>
          temporary(`${step.label} ${name} ${i}`, params.nets * params.rows * outputs),
        );
    const apart: KernelStep[] = [];
    parts[step.kernel]({
      step,
      params,
      layers,
      parametersStride: layers.reduce((total, { inputs, outputs }) => total + (inputs + 1) * outputs, 0),
      hiddenOf: (buffer, name) => {
        const known = hidden.get(buffer) ?? perLayer(name);
        if (buffer >= 0) hidden.set(buffer, known);
        return known;
      },
      perLayer,
      add: (kernel, layer, own, bound) => {
        const spec = kernelSpec(kernel);
        const named = new Map(Object.entries(bound));
        const stepBuffers = spec.bindings.map(({ name }) => named.get(name) ?? -1);
        const given: Params = { nets: params.nets, rows: params.rows, ...own };
        const all = Object.fromEntries(spec.params.map((field) => [field, given[field] ?? 0]));
        const taken = {
          kind: 'kernel' as const,
          kernel,
          label: `${step.label} ${layer}`,
          params: all,
          buffers: stepBuffers,
          flops: spec.flops(all),
          shapes: `[${params.nets}, ${params.rows}] ${layers[layer].inputs} → ${layers[layer].outputs}`,
        };
        apart.push({ ...taken, bytes: bytesMoved(taken, buffers) });
      },
    });
    return apart;
  });
}

interface Taking {
  readonly step: KernelStep;
  readonly params: Params;
  readonly layers: readonly Layer[];
  /** Parameters of one network. */
  readonly parametersStride: number;
  /** The hidden layers' buffers that stand for one of the step's; −1 is one that nothing else reads. */
  hiddenOf(buffer: number, name: string): number[];
  perLayer(name: string): number[];
  add(kernel: string, layer: number, params: Params, bound: Readonly<Record<string, number>>): void;
}

function layersOf(p: Params): Layer[] {
  let offset = 0;
  return Array.from({ length: p.layers }, (_, i) => {
    const layer = { inputs: p[`d${i}`], outputs: p[`d${i + 1}`], offset };
    offset += (layer.inputs + 1) * layer.outputs;
    return layer;
  });
}

/** A hidden layer of `width` as a segment: each network has its own rows. */
const hiddenSegment = (name: string, { rows }: Params, width: number): Params => ({
  [`${name}Net`]: rows * width,
  [`${name}Stride`]: width,
  [`${name}Rows`]: rows,
  [`${name}Width`]: width,
});

const parts: Readonly<Record<string, (taking: Taking) => void>> = {
  mlp_forward: ({ step, params, layers, parametersStride, hiddenOf, perLayer, add }) => {
    const [x0, x1, parameters, y, savedBuffer] = step.buffers;
    const { activation, storeSaved } = params;
    const saved = hiddenOf(storeSaved ? savedBuffer : -1, 'saved');
    const storeZ = Number(storeSaved === 1 && savesInput(activations[activation]));
    const outputs = storeZ ? perLayer('hidden') : saved;
    for (const [i, layer] of layers.entries()) {
      const last = i === layers.length - 1;
      const segments =
        i === 0
          ? { ...params, x0Net: 0, hasX1: Number(params.x1Width > 0) }
          : { ...hiddenSegment('x0', params, layer.inputs), x1Rows: 1 };
      add(
        'mlp_layer_forward',
        i,
        {
          ...segments,
          outputs: layer.outputs,
          activation: last ? 0 : activation,
          storeZ: last ? 0 : storeZ,
          parametersOffset: layer.offset,
          parametersStride,
        },
        {
          parameters,
          x0: i === 0 ? x0 : outputs[i - 1],
          x1: i === 0 ? x1 : -1,
          y: last ? y : outputs[i],
          z: last || !storeZ ? -1 : saved[i],
        },
      );
    }
  },

  mlp_backward_inputs: ({ step, params, layers, parametersStride, hiddenOf, add }) => {
    const [dy, parameters, savedBuffer, dzBuffer, dx0, dx1] = step.buffers;
    const saved = hiddenOf(savedBuffer, 'saved');
    const dz = hiddenOf(params.storeDz ? dzBuffer : -1, 'dz');
    const back = (i: number, own: Params, bound: Readonly<Record<string, number>>) => {
      const { outputs, offset } = layers[i];
      const cotangent = i === layers.length - 1 ? dy : dz[i];
      const common = { outputs, parametersOffset: offset, parametersStride };
      add('mlp_layer_backward', i, { ...common, ...own }, { dy: cotangent, parameters, ...bound });
    };
    for (let i = layers.length - 1; i > 0; i--) {
      const own = { columns: layers[i].inputs, activation: params.activation, hasSaved: 1 };
      back(i, own, { saved: saved[i - 1], dx: dz[i - 1] });
    }
    const { x0Width, x1Width } = params;
    if (params.storeDx0) back(0, { columns: x0Width, sumNets: 1 }, { dx: dx0 });
    if (params.storeDx1) back(0, { firstInput: x0Width, columns: x1Width, sumNets: 1 }, { dx: dx1 });
  },

  mlp_backward_weights: ({ step, params, layers, parametersStride, hiddenOf, add }) => {
    const [x0, x1, savedBuffer, dzBuffer, dy, dparameters] = step.buffers;
    const { x0Width, x1Width } = params;
    for (const [i, { inputs, outputs, offset }] of layers.entries()) {
      const bound = { dy: i === layers.length - 1 ? dy : hiddenOf(dzBuffer, 'dz')[i], dparameters };
      const common = { outputs, biasOffset: offset + inputs * outputs, parametersStride };
      const gradient = (x: number, own: Params) =>
        add('mlp_layer_backward_weights', i, { ...common, ...own }, { ...bound, x });
      if (i > 0) {
        gradient(hiddenOf(savedBuffer, 'saved')[i - 1], {
          ...hiddenSegment('x', params, inputs),
          inputs,
          activation: params.activation,
          weightsOffset: offset,
          hasBias: 1,
        });
        continue;
      }
      const { x0Offset, x0Stride, x0Rows, x1Offset, x1Stride, x1Rows } = params;
      const first = { xOffset: x0Offset, xStride: x0Stride, xRows: x0Rows, inputs: x0Width };
      gradient(x0, { ...first, weightsOffset: 0, hasBias: 1 });
      if (x1Width === 0) continue;
      const second = { xOffset: x1Offset, xStride: x1Stride, xRows: x1Rows, inputs: x1Width };
      gradient(x1, { ...second, weightsOffset: x0Width * outputs, hasBias: 0 });
    }
  },
};
