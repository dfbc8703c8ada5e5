// The cotangent of a layer's inputs, dx = dy·Wᵀ, for `columns` of them from `firstInput` on: times the activation's
// derivative where the inputs are a hidden layer's outputs, or summed over networks where they are all networks' own.
// Tiles are as in mlp_layer_forward.
// @include activation

const ROWS = 8u;
const COLUMNS = 8u;
const FIT = false;

struct Params {
  nets: u32,
  rows: u32,
  outputs: u32,
  firstInput: u32,
  columns: u32,
  activation: u32,
  hasSaved: u32,
  sumNets: u32,
  parametersOffset: u32,
  parametersStride: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  let across = (params.columns + COLUMNS - 1u) / COLUMNS;
  let down = (params.rows + ROWS - 1u) / ROWS;
  let first = item / (across * down);
  let summed = select(1u, params.nets, params.sumNets != 0u);
  if (first * summed >= params.nets) {
    return;
  }
  let row = item / across % down * ROWS;
  let column = item % across * COLUMNS;

  var sums: array<f32, ROWS * COLUMNS>;
  for (var net = first; net < first + summed; net++) {
    let start = (net * params.rows + row) * params.outputs;
    let weight = params.parametersOffset + net * params.parametersStride + (params.firstInput + column) * params.outputs;
    for (var k = 0u; k < params.outputs; k++) {
      var right: array<f32, COLUMNS>;
      for (var c = 0u; c < COLUMNS; c++) { // @unroll
        right[c] = parameters[weight + c * params.outputs + k];
      }
      for (var r = 0u; r < ROWS; r++) { // @unroll
        let left = dy[start + r * params.outputs + k];
        for (var c = 0u; c < COLUMNS; c++) { // @unroll
          sums[r * COLUMNS + c] += left * right[c];
        }
      }
    }
  }

  let to = (first * params.rows + row) * params.columns + column;
  var kept = sums;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      if (FIT || (row + r < params.rows && column + c < params.columns)) {
        let here = to + r * params.columns + c;
        var value = kept[r * COLUMNS + c];
        if (params.hasSaved != 0u) {
          value *= derivative(saved[here]);
        }
        dx[here] = value;
      }
    }
  }
}
