// One layer of one or more networks: y = activation(x·W + b), z the sum before the activation, a tile an invocation. x is
// one segment, whose networks may differ, or two side by side that all networks share.
// @include activation
// @include tile

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
  let tile = tile_of(item, params.rows, params.outputs);
  if (tile.net >= params.nets) {
    return;
  }
  // Past the last row or column neighbours are read, and nothing is stored.
  let start = params.parametersOffset + tile.net * params.parametersStride + tile.column;
  let bias = start + (params.x0Width + params.x1Width) * params.outputs;

  var sums: array<f32, ROWS * COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // @unroll
    let first = parameters[bias + tile_column(tile, c)];
    for (var r = 0u; r < ROWS; r++) { // @unroll
      sums[r * COLUMNS + c] = first;
    }
  }

  let row = tile.row + tile.rowShift;
  var weight = start + tile.columnShift;
  var at: array<u32, LOADED_ROWS>;
  for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
    at[r] = params.x0Offset + tile.net * params.x0Net + (row + r) % params.x0Rows * params.x0Stride;
  }
  for (var k = 0u; k < params.x0Width; k++) {
    var right: array<f32, COLUMNS>;
    for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
      right[c] = parameters[weight + c];
    }
    for (var c = LOADED_COLUMNS; c < COLUMNS; c++) { // @unroll
      right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
    }
    for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
      var left = x0[at[r] + k];
      for (var part = 0u; part < SHARERS; part++) { // @unroll
        for (var c = 0u; c < COLUMNS; c++) { // @unroll
          sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
        }
        left = from_same_rows(left);
      }
    }
    weight += params.outputs;
  }
  if (params.hasX1 != 0u) {
    for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
      at[r] = params.x1Offset + (row + r) % params.x1Rows * params.x1Stride;
    }
    for (var k = 0u; k < params.x1Width; k++) {
      var right: array<f32, COLUMNS>;
      for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
        right[c] = parameters[weight + c];
      }
      for (var c = LOADED_COLUMNS; c < COLUMNS; c++) { // @unroll
        right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
      }
      for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
        var left = x1[at[r] + k];
        for (var part = 0u; part < SHARERS; part++) { // @unroll
          for (var c = 0u; c < COLUMNS; c++) { // @unroll
            sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
          }
          left = from_same_rows(left);
        }
      }
      weight += params.outputs;
    }
  }

  let to = (tile.net * params.rows + tile.row) * params.outputs + tile.column;
  var kept = sums;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    let down = tile_row(tile, r);
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      let across = tile_column(tile, c);
      if (FIT || (tile.row + down < params.rows && tile.column + across < params.outputs)) {
        let here = to + down * params.outputs + across;
        let sum = kept[r * COLUMNS + c];
        if (params.storeZ != 0u) {
          z[here] = sum;
        }
        y[here] = activate(sum);
      }
    }
  }
}
