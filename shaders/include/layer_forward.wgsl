// @include tile
// The tile of activation(x·W + b) that an invocation makes: one segment x0, whose networks may differ, or two side by side
// that all networks share. Past the last row or column neighbours are read, and nothing is stored.
fn layer_forward(tile: Tile) {
  // Sizes are read once: software adapters read parameters anew in every pass of a loop.
  let outputs = params.outputs;
  let x0_width = params.x0Width;
  let width = x0_width + params.x1Width;
  let start = parameters_begin + params.parametersOffset + tile.net * params.parametersStride + tile.column;
  let bias = start + width * outputs;

  var totals: array<f32, ROWS * COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // @unroll
    let first = parameters[bias + tile_column(tile, c)];
    for (var r = 0u; r < ROWS; r++) { // @unroll
      totals[r * COLUMNS + c] = first;
    }
  }

  let row = tile.row + tile.rowPart * LOADED_ROWS;
  var weight = start + tile.columnPart * LOADED_COLUMNS;
  var at0: array<u32, LOADED_ROWS>;
  var at1: array<u32, LOADED_ROWS>;
  for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
    at0[r] = x0_begin + params.x0Offset + tile.net * params.x0Net + (row + r) % params.x0Rows * params.x0Stride;
    // From where the second segment's own number is that in both.
    at1[r] = x1_begin + params.x1Offset + (row + r) % params.x1Rows * params.x1Stride - x0_width;
  }
  // A sum of short sums, so that a long one loses no more than those.
  for (var begin = 0u; begin < width; begin += 128u) {
    var sums = array<f32, ROWS * COLUMNS>();
    for (var k = begin; k < min(width, begin + 128u); k++) {
      var inputs: array<f32, LOADED_ROWS>;
      switch params.hasX1 {
        case 0u: {}
        case 2u: {}
        default: {
          if (k < x0_width) {
            for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
              inputs[r] = x0[at0[r] + k];
            }
          } else {
            for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
              inputs[r] = x1[at1[r] + k];
            }
          }
        }
      }
      var right: array<f32, COLUMNS>;
      for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
        right[c] = parameters[weight + c];
      }
      for (var c = LOADED_COLUMNS; c < PAIRED_COLUMNS; c++) { // @unroll
        right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
      }
      for (var c = PAIRED_COLUMNS; c < COLUMNS; c++) { // @unroll
        right[c] = from_pair_of_same_columns(right[c - PAIRED_COLUMNS]);
      }
      for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
        var left: f32;
        switch params.hasX1 {
          case 0u: { left = x0[at0[r] + k]; }
          // Both segments lie in one buffer.
          case 2u: { left = x0[select(at1[r], at0[r], k < x0_width) + k]; }
          default: { left = inputs[r]; }
        }
        for (var part = 0u; part < ROW_SHARERS; part++) { // @unroll
          for (var c = 0u; c < COLUMNS; c++) { // @unroll
            sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
          }
          left = from_same_rows(left);
        }
      }
      weight += outputs;
    }
    for (var i = 0u; i < TILE; i++) { // @unroll
      totals[i] += sums[i];
    }
  }

  var across: array<u32, COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // @unroll
    across[c] = tile.column + tile_column(tile, c);
  }
  var kept = totals;
  for (var r = 0u; r < ROWS; r++) { // @unroll short
    let down = tile.row + tile_row(tile, r);
    let to = (tile.net * params.rows + down) * params.outputs;
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      if (FIT || (down < params.rows && across[c] < params.outputs)) {
        let sum = kept[r * COLUMNS + c];
        switch params.storeZ {
          case 0u: {}
          default: { z[z_begin + to + across[c]] = sum; }
        }
        y[y_begin + to + across[c]] = activate(sum);
      }
    }
  }
}
