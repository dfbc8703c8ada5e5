// The gradient of a layer's weights, dW = xᵀ·dy, for the inputs of one segment, and that of its bias where asked for.
// An invocation makes ROWS inputs by COLUMNS outputs, or one element of the bias; see mlp_layer_forward.
// @include activation

const ROWS = 8u;
const COLUMNS = 8u;
const FIT = false;

struct Params {
  nets: u32,
  rows: u32,
  inputs: u32,
  outputs: u32,
  activation: u32,
  hasBias: u32,
  weightsOffset: u32,
  biasOffset: u32,
  parametersStride: u32,
  xOffset: u32,
  xNet: u32,
  xStride: u32,
  xRows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dparameters: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn weights(item: u32, across: u32, down: u32) {
  let net = item / (across * down);
  let input = item / across % down * ROWS;
  let column = item % across * COLUMNS;
  let start = params.xOffset + net * params.xNet + input;
  var cotangent = net * params.rows * params.outputs + column;

  var sums: array<f32, ROWS * COLUMNS>;
  for (var row = 0u; row < params.rows; row++) {
    let at = start + row % params.xRows * params.xStride;
    var right: array<f32, COLUMNS>;
    for (var c = 0u; c < COLUMNS; c++) { // @unroll
      right[c] = dy[cotangent + c];
    }
    for (var r = 0u; r < ROWS; r++) { // @unroll
      let left = from_saved(x[at + r]);
      for (var c = 0u; c < COLUMNS; c++) { // @unroll
        sums[r * COLUMNS + c] += left * right[c];
      }
    }
    cotangent += params.outputs;
  }

  let to = params.weightsOffset + net * params.parametersStride + input * params.outputs + column;
  var kept = sums;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      if (FIT || (input + r < params.inputs && column + c < params.outputs)) {
        dparameters[to + r * params.outputs + c] = kept[r * COLUMNS + c];
      }
    }
  }
}

fn bias(item: u32) {
  let net = item / params.outputs;
  if (params.hasBias == 0u || net >= params.nets) {
    return;
  }
  let column = item % params.outputs;
  var at = net * params.rows * params.outputs + column;
  var sum = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    sum += dy[at];
    at += params.outputs;
  }
  dparameters[params.biasOffset + net * params.parametersStride + column] = sum;
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  let across = (params.outputs + COLUMNS - 1u) / COLUMNS;
  let down = (params.inputs + ROWS - 1u) / ROWS;
  let tiles = params.nets * across * down;
  if (item < tiles) {
    weights(item, across, down);
  } else {
    bias(item - tiles);
  }
}
