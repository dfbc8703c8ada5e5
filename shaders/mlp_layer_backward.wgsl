// The cotangent of a layer's inputs, dx = dy·Wᵀ, for `columns` of them from `firstInput` on: times the activation's
// derivative where the inputs are a hidden layer's outputs, or summed over networks where they are all networks' own.
// @include activation
// @include tile

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
  let tile = tile_of(item, params.rows, params.columns);
  let summed = select(1u, params.nets, params.sumNets != 0u);
  if (tile.net * summed >= params.nets) {
    return;
  }
  let row = tile.row + tile.rowShift;
  let column = params.firstInput + tile.column + tile.columnShift;

  var sums: array<f32, ROWS * COLUMNS>;
  for (var net = tile.net * summed; net < (tile.net + 1u) * summed; net++) {
    let start = (net * params.rows + row) * params.outputs;
    let weight = params.parametersOffset + net * params.parametersStride + column * params.outputs;
    for (var k = 0u; k < params.outputs; k++) {
      var right: array<f32, COLUMNS>;
      for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
        right[c] = parameters[weight + c * params.outputs + k];
      }
      for (var c = LOADED_COLUMNS; c < COLUMNS; c++) { // @unroll
        right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
      }
      for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
        var left = dy[start + r * params.outputs + k];
        for (var part = 0u; part < SHARERS; part++) { // @unroll
          for (var c = 0u; c < COLUMNS; c++) { // @unroll
            sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
          }
          left = from_same_rows(left);
        }
      }
    }
  }

  let to = (tile.net * params.rows + tile.row) * params.columns + tile.column;
  var kept = sums;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    let down = tile_row(tile, r);
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      let across = tile_column(tile, c);
      if (FIT || (tile.row + down < params.rows && tile.column + across < params.columns)) {
        let here = to + down * params.columns + across;
        var value = kept[r * COLUMNS + c];
        if (params.hasSaved != 0u) {
          value *= derivative(saved[here]);
        }
        dx[here] = value;
      }
    }
  }
}
