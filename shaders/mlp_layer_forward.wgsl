// One layer of one or more networks: y = activation(x·W + b), z the sum before the activation. An invocation makes
// ROWS×COLUMNS outputs in registers, so that ROWS + COLUMNS loads serve ROWS·COLUMNS multiply-adds, without workgroup
// memory or barriers: on a CPU that plays GPU, loads are what costs, and a barrier costs more. x is one segment, whose
// networks may differ, or two side by side that all networks share.
// @include activation

// Edges of a tile; the host writes those that fit the layer best.
const ROWS = 8u;
const COLUMNS = 8u;
// Whether no tile passes the edge.
const FIT = false;

struct Params {
  nets: u32,
  rows: u32,
  outputs: u32,
  activation: u32,
  parametersOffset: u32,
  parametersStride: u32,
  storeZ: u32,
  x0Offset: u32,
  x0Net: u32,
  x0Stride: u32,
  x0Rows: u32,
  x0Width: u32,
  hasX1: u32,
  x1Offset: u32,
  x1Stride: u32,
  x1Rows: u32,
  x1Width: u32,
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  let across = (params.outputs + COLUMNS - 1u) / COLUMNS;
  let down = (params.rows + ROWS - 1u) / ROWS;
  let net = item / (across * down);
  if (net >= params.nets) {
    return;
  }
  let row = item / across % down * ROWS;
  let column = item % across * COLUMNS;
  // Past the last row or column neighbours are read, and nothing is stored.
  var weight = params.parametersOffset + net * params.parametersStride + column;
  let bias = weight + (params.x0Width + params.x1Width) * params.outputs;

  var sums: array<f32, ROWS * COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // @unroll
    let start = parameters[bias + c];
    for (var r = 0u; r < ROWS; r++) { // @unroll
      sums[r * COLUMNS + c] = start;
    }
  }

  var at: array<u32, ROWS>;
  for (var r = 0u; r < ROWS; r++) { // @unroll
    at[r] = params.x0Offset + net * params.x0Net + (row + r) % params.x0Rows * params.x0Stride;
  }
  for (var k = 0u; k < params.x0Width; k++) {
    var right: array<f32, COLUMNS>;
    for (var c = 0u; c < COLUMNS; c++) { // @unroll
      right[c] = parameters[weight + c];
    }
    for (var r = 0u; r < ROWS; r++) { // @unroll
      let left = x0[at[r] + k];
      for (var c = 0u; c < COLUMNS; c++) { // @unroll
        sums[r * COLUMNS + c] += left * right[c];
      }
    }
    weight += params.outputs;
  }
  if (params.hasX1 != 0u) {
    for (var r = 0u; r < ROWS; r++) { // @unroll
      at[r] = params.x1Offset + (row + r) % params.x1Rows * params.x1Stride;
    }
    for (var k = 0u; k < params.x1Width; k++) {
      var right: array<f32, COLUMNS>;
      for (var c = 0u; c < COLUMNS; c++) { // @unroll
        right[c] = parameters[weight + c];
      }
      for (var r = 0u; r < ROWS; r++) { // @unroll
        let left = x1[at[r] + k];
        for (var c = 0u; c < COLUMNS; c++) { // @unroll
          sums[r * COLUMNS + c] += left * right[c];
        }
      }
      weight += params.outputs;
    }
  }

  let to = (net * params.rows + row) * params.outputs + column;
  var kept = sums;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      if (FIT || (row + r < params.rows && column + c < params.outputs)) {
        let here = to + r * params.outputs + c;
        let sum = kept[r * COLUMNS + c];
        if (params.storeZ != 0u) {
          z[here] = sum;
        }
        y[here] = activate(sum);
      }
    }
  }
}
