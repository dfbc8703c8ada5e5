import { activate, activationOf, differentiate, savesInput } from './activation.ts';
import type { CpuKernel, KernelCall } from './call.ts';

/** Reads element `column` of row `row` of a segment for one network. */
function segment(call: KernelCall, name: string): (net: number, row: number, column: number) => number {
  const x = call.floats(name);
  const { [`${name}Offset`]: offset, [`${name}Net`]: perNet = 0 } = call.params;
  const { [`${name}Stride`]: stride, [`${name}Rows`]: rows } = call.params;
  return (net, row, column) => x[offset + net * perNet + (row % rows) * stride + column];
}

/** y [nets, rows, outputs] = activation(x·W + b) of one layer of each network; z the sum before the activation. */
export const mlpLayerForward: CpuKernel = (call) => {
  const { nets, rows, outputs, x0Width, x1Width, storeZ, parametersOffset, parametersStride } = call.params;
  const activation = activationOf(call.params.activation);
  const parameters = call.floats('parameters');
  const y = call.floats('y');
  const z = call.floats('z');
  const [first, second] = [segment(call, 'x0'), segment(call, 'x1')];
  const inputs = x0Width + x1Width;
  const sums = call.scratch.take('product', outputs);
  return () => {
    for (let net = 0; net < nets; net++) {
      const weights = parametersOffset + net * parametersStride;
      for (let row = 0; row < rows; row++) {
        for (let c = 0; c < outputs; c++) sums[c] = parameters[weights + inputs * outputs + c];
        for (let k = 0; k < inputs; k++) {
          const x = k < x0Width ? first(net, row, k) : second(net, row, k - x0Width);
          for (let c = 0; c < outputs; c++) sums[c] += x * parameters[weights + k * outputs + c];
        }
        const to = (net * rows + row) * outputs;
        if (storeZ) for (let c = 0; c < outputs; c++) z[to + c] = sums[c];
        activate(activation, sums, 0, outputs);
        for (let c = 0; c < outputs; c++) y[to + c] = sums[c];
      }
    }
  };
};

/** dx [nets, rows, columns], or [rows, columns] summed over networks, from dy [nets, rows, outputs] of one layer. */
export const mlpLayerBackward: CpuKernel = (call) => {
  const { nets, rows, outputs, firstInput, columns, hasSaved, sumNets } = call.params;
  const { parametersOffset, parametersStride } = call.params;
  const activation = activationOf(call.params.activation);
  const dy = call.floats('dy');
  const parameters = call.floats('parameters');
  const saved = call.floats('saved');
  const dx = call.floats('dx');
  const count = (sumNets ? 1 : nets) * rows * columns;
  const sums = call.scratch.take('product', count);
  return () => {
    sums.fill(0, 0, count);
    for (let net = 0; net < nets; net++) {
      const weights = parametersOffset + net * parametersStride + firstInput * outputs;
      for (let row = 0; row < rows; row++) {
        const to = ((sumNets ? 0 : net) * rows + row) * columns;
        const from = (net * rows + row) * outputs;
        for (let c = 0; c < columns; c++) {
          for (let k = 0; k < outputs; k++)
            sums[to + c] += dy[from + k] * parameters[weights + c * outputs + k];
        }
      }
    }
    if (hasSaved) differentiate(activation, sums, 0, count, saved, 0);
    for (let i = 0; i < count; i++) dx[i] = sums[i];
  };
};

/** The gradient of one segment's weights [inputs, outputs] of one layer of each network, and of its bias [outputs]. */
export const mlpLayerBackwardWeights: CpuKernel = (call) => {
  const { nets, rows, inputs, outputs, hasBias, weightsOffset, biasOffset, parametersStride } = call.params;
  const activation = activationOf(call.params.activation);
  const x = segment(call, 'x');
  const dy = call.floats('dy');
  const dparameters = call.floats('dparameters');
  const sums = call.scratch.take('product', inputs * outputs);
  const bias = call.scratch.take('bias', outputs);
  const left = call.scratch.take('left', inputs);
  return () => {
    for (let net = 0; net < nets; net++) {
      sums.fill(0, 0, inputs * outputs);
      bias.fill(0, 0, outputs);
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < inputs; i++) left[i] = x(net, row, i);
        if (savesInput(activation)) activate(activation, left, 0, inputs);
        const from = (net * rows + row) * outputs;
        for (let i = 0; i < inputs; i++) {
          for (let o = 0; o < outputs; o++) sums[i * outputs + o] += left[i] * dy[from + o];
        }
        for (let o = 0; o < outputs; o++) bias[o] += dy[from + o];
      }
      const to = weightsOffset + net * parametersStride;
      for (let i = 0; i < inputs * outputs; i++) dparameters[to + i] = sums[i];
      const biasTo = biasOffset + net * parametersStride;
      if (hasBias) for (let o = 0; o < outputs; o++) dparameters[biasTo + o] = bias[o];
    }
  };
};
