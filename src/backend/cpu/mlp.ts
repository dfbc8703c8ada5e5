import type * as kernels from '../../kernels/index.ts';
import type { Params } from '../../kernels/index.ts';
import { activate, activationOf, differentiate, savesInput } from './activation.ts';
import type { CpuKernel, Floats, KernelCall } from './call.ts';
import { multiply, pack, packedSize, padded, ROW_BLOCK } from './gemm.ts';

/** Rows summed at a time into the weight gradient: each block reads and writes the whole gradient once. */
const SUM_BLOCK = 256;

/** Where the parts of a network lie, from the parameters that the three network kernels share. */
interface Layout {
  readonly nets: number;
  readonly rows: number;
  readonly layers: number;
  /** Widths from the input to the output: [layers + 1]. */
  readonly widths: readonly number[];
  readonly widest: number;
  /** Parameters of one network. */
  readonly parameters: number;
  /** Offset of each layer's weights within a network; its bias follows them. */
  readonly weights: readonly number[];
  /** Offset of each hidden layer's [nets, rows, width] in `saved` and `dz`. */
  readonly saved: readonly number[];
  /** Offset of each layer's packed weights within a network's, and the size of the whole. */
  readonly packed: readonly number[];
  readonly packedSize: number;
}

function layoutOf(params: Params): Layout {
  const { nets, rows, layers } = params;
  const widths = Array.from({ length: layers + 1 }, (_, i) => params[`d${i}`]);
  const weights: number[] = [];
  const saved: number[] = [];
  const packed: number[] = [];
  let parameters = 0;
  let savedEnd = 0;
  let packedEnd = 0;
  for (let layer = 0; layer < layers; layer++) {
    const [inputs, outputs] = [widths[layer], widths[layer + 1]];
    weights.push(parameters);
    saved.push(savedEnd);
    packed.push(packedEnd);
    parameters += (inputs + 1) * outputs;
    savedEnd += nets * rows * outputs;
    // Forward packs columns, backward packs rows: room for either.
    packedEnd += padded(inputs) * padded(outputs);
  }
  const widest = Math.max(...widths);
  return { nets, rows, layers, widths, widest, parameters, weights, saved, packed, packedSize: packedEnd };
}

/** Copies rows of the one or two input segments side by side into `target` [count, x0Width + x1Width]. */
type InputReader = (target: Float64Array, first: number, count: number) => void;

function inputReader(call: KernelCall): InputReader {
  const segment = (name: 'x0' | 'x1', column: number) => ({
    x: call.floats(name),
    offset: call.params[`${name}Offset`],
    stride: call.params[`${name}Stride`],
    rows: call.params[`${name}Rows`],
    width: call.params[`${name}Width`],
    column,
  });
  const first = segment('x0', 0);
  const segments = call.params.x1Width > 0 ? [first, segment('x1', first.width)] : [first];
  const width = call.params.x0Width + call.params.x1Width;
  return (target, from, count) => {
    for (const { x, offset, stride, rows, width: columns, column } of segments) {
      for (let row = 0; row < count; row++) {
        const at = offset + ((from + row) % rows) * stride;
        const to = row * width + column;
        for (let i = 0; i < columns; i++) target[to + i] = x[at + i];
      }
    }
  };
}

/** target [rows, columns] = source, whose rows are `stride` apart. */
function store(
  target: Floats,
  offset: number,
  source: Float64Array,
  from: number,
  stride: number,
  rows: number,
  columns: number,
): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) target[offset + row * columns + i] = source[from + row * stride + i];
  }
}

/** y [nets, rows, outputs] of each network; saves what the derivative of each hidden activation needs. */
export const mlpForward: CpuKernel<typeof kernels.mlpForward> = (call) => {
  const layout = layoutOf(call.params);
  const { nets, rows, layers, widths, widest } = layout;
  const { storeSaved } = call.params;
  const activation = activationOf(call.params.activation);
  const parameters = call.floats('parameters');
  const y = call.floats('y');
  const saved = call.floats('saved');
  const readInputs = inputReader(call);
  const block = Math.min(rows, ROW_BLOCK);
  const inputs = call.scratch.take('input', block * widths[0]);
  const left = call.scratch.take('left', packedSize(block, widest));
  const right = call.scratch.take('right', layout.packedSize);
  const product = call.scratch.take('product', padded(block) * padded(widest));
  return () => {
    for (let net = 0; net < nets; net++) {
      const base = net * layout.parameters;
      for (let layer = 0; layer < layers; layer++) {
        const outputs = widths[layer + 1];
        pack(
          right,
          layout.packed[layer],
          parameters,
          base + layout.weights[layer],
          1,
          outputs,
          outputs,
          widths[layer],
        );
      }
      for (let first = 0; first < rows; first += block) {
        const count = Math.min(block, rows - first);
        readInputs(inputs, first, count);
        pack(left, 0, inputs, 0, widths[0], 1, count, widths[0]);
        for (let layer = 0; layer < layers; layer++) {
          const width = widths[layer + 1];
          const stride = padded(width);
          multiply(left, right, layout.packed[layer], product, count, width, widths[layer], false);
          const bias = base + layout.weights[layer] + widths[layer] * width;
          for (let row = 0; row < count; row++) {
            for (let i = 0; i < width; i++) product[row * stride + i] += parameters[bias + i];
          }
          if (layer === layers - 1) {
            store(y, (net * rows + first) * width, product, 0, stride, count, width);
            break;
          }
          const to = layout.saved[layer] + (net * rows + first) * width;
          if (storeSaved && savesInput(activation)) store(saved, to, product, 0, stride, count, width);
          for (let row = 0; row < count; row++)
            activate(activation, product, row * stride, row * stride + width);
          if (storeSaved && !savesInput(activation)) store(saved, to, product, 0, stride, count, width);
          pack(left, 0, product, 0, stride, 1, count, width);
        }
      }
    }
  };
};

/** dz of every hidden layer, and the input gradients [rows, width] summed over networks, from dy [nets, rows, outputs]. */
export const mlpBackwardInputs: CpuKernel<typeof kernels.mlpBackwardInputs> = (call) => {
  const layout = layoutOf(call.params);
  const { nets, rows, layers, widths, widest } = layout;
  const { storeDz, storeDx0, storeDx1, x0Width, x1Width } = call.params;
  const activation = activationOf(call.params.activation);
  const dy = call.floats('dy');
  const parameters = call.floats('parameters');
  const saved = call.floats('saved');
  const dz = call.floats('dz');
  const dx0 = call.floats('dx0');
  const dx1 = call.floats('dx1');
  // Inputs whose gradient is wanted: a range, since the segments lie side by side.
  const firstInput = storeDx0 ? 0 : x0Width;
  const lastInput = storeDx1 ? x0Width + x1Width : x0Width;
  const wanted = Math.max(0, lastInput - firstInput);
  const block = Math.min(rows, ROW_BLOCK);
  const left = call.scratch.take('left', packedSize(block, widest));
  const right = call.scratch.take('right', nets * layout.packedSize);
  const product = call.scratch.take('product', padded(block) * padded(widest));
  const total = call.scratch.take('input', padded(block) * padded(wanted));
  return () => {
    for (let net = 0; net < nets; net++) {
      for (let layer = 0; layer < layers; layer++) {
        const outputs = widths[layer + 1];
        const skip = layer === 0 ? firstInput : 0;
        const count = layer === 0 ? wanted : widths[layer];
        const from = net * layout.parameters + layout.weights[layer] + skip * outputs;
        pack(
          right,
          net * layout.packedSize + layout.packed[layer],
          parameters,
          from,
          outputs,
          1,
          count,
          outputs,
        );
      }
    }
    for (let first = 0; first < rows; first += block) {
      const count = Math.min(block, rows - first);
      for (let net = 0; net < nets; net++) {
        const outputs = widths[layers];
        pack(left, 0, dy, (net * rows + first) * outputs, outputs, 1, count, outputs);
        for (let layer = layers - 1; layer > 0; layer--) {
          const width = widths[layer];
          const stride = padded(width);
          const weights = net * layout.packedSize + layout.packed[layer];
          multiply(left, right, weights, product, count, width, widths[layer + 1], false);
          const at = layout.saved[layer - 1] + (net * rows + first) * width;
          for (let row = 0; row < count; row++) {
            differentiate(activation, product, row * stride, row * stride + width, saved, at + row * width);
          }
          if (storeDz) store(dz, at, product, 0, stride, count, width);
          pack(left, 0, product, 0, stride, 1, count, width);
        }
        if (wanted > 0)
          multiply(left, right, net * layout.packedSize, total, count, wanted, widths[1], net > 0);
      }
      const stride = padded(wanted);
      if (storeDx0) store(dx0, first * x0Width, total, 0, stride, count, x0Width);
      if (storeDx1) store(dx1, first * x1Width, total, x0Width - firstInput, stride, count, x1Width);
    }
  };
};

/** Gradient of every parameter of every network, summed over the batch; laid out as the parameters. */
export const mlpBackwardWeights: CpuKernel<typeof kernels.mlpBackwardWeights> = (call) => {
  const layout = layoutOf(call.params);
  const { nets, rows, layers, widths, widest } = layout;
  const activation = activationOf(call.params.activation);
  const saved = call.floats('saved');
  const dz = call.floats('dz');
  const dy = call.floats('dy');
  const dparameters = call.floats('dparameters');
  const readInputs = inputReader(call);
  const block = Math.min(rows, SUM_BLOCK);
  const inputs = call.scratch.take('input', block * widest);
  const left = call.scratch.take('left', packedSize(widest, block));
  const right = call.scratch.take('right', packedSize(widest, block));
  const product = call.scratch.take('product', padded(widest) * padded(widest));
  const bias = call.scratch.take('bias', widest);
  return () => {
    for (let net = 0; net < nets; net++) {
      for (let layer = 0; layer < layers; layer++) {
        const width = widths[layer];
        const outputs = widths[layer + 1];
        const gradient = layer === layers - 1 ? dy : dz;
        const gradientBase = (layer === layers - 1 ? 0 : layout.saved[layer]) + net * rows * outputs;
        bias.fill(0, 0, outputs);
        for (let first = 0; first < rows; first += block) {
          const count = Math.min(block, rows - first);
          if (layer === 0) readInputs(inputs, first, count);
          else {
            const from = layout.saved[layer - 1] + (net * rows + first) * width;
            for (let i = 0; i < count * width; i++) inputs[i] = saved[from + i];
            if (savesInput(activation)) activate(activation, inputs, 0, count * width);
          }
          const from = gradientBase + first * outputs;
          pack(left, 0, inputs, 0, 1, width, width, count);
          pack(right, 0, gradient, from, 1, outputs, outputs, count);
          multiply(left, right, 0, product, width, outputs, count, first > 0);
          for (let row = 0; row < count; row++) {
            for (let i = 0; i < outputs; i++) bias[i] += gradient[from + row * outputs + i];
          }
        }
        const to = net * layout.parameters + layout.weights[layer];
        store(dparameters, to, product, 0, padded(outputs), width, outputs);
        store(dparameters, to + width * outputs, bias, 0, 0, 1, outputs);
      }
    }
  };
};
