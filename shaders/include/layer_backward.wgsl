// @include tile
// The tile of dy·Wᵀ that an invocation makes. The kernel declares `write_dx`, which takes each of its elements.
fn layer_backward(tile: Tile) {
  let summed = select(1u, params.nets, params.sumNets != 0u);
  let row = tile.row + tile.rowPart * LOADED_ROWS;
  // Read once: software adapters read parameters anew in every pass of a loop.
  let outputs = params.outputs;
  let column = params.firstInput + tile.column + tile.columnPart * LOADED_COLUMNS;

  var totals: array<f32, ROWS * COLUMNS>;
  for (var net = tile.net * summed; net < (tile.net + 1u) * summed; net++) {
    let start = dy_begin + (net * params.rows + row) * outputs;
    let weight = parameters_begin + params.parametersOffset + net * params.parametersStride + column * outputs;
    var at: array<u32, LOADED_ROWS>;
    for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
      at[r] = start + r * outputs;
    }
    var weights: array<u32, LOADED_COLUMNS>;
    for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
      weights[c] = weight + c * outputs;
    }
    // A sum of short sums, so that a long one loses no more than those.
    for (var begin = 0u; begin < outputs; begin += 128u) {
      var sums = array<f32, ROWS * COLUMNS>();
      for (var k = begin; k < min(outputs, begin + 128u); k++) {
        var right: array<f32, COLUMNS>;
        for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
          right[c] = parameters[weights[c] + k];
        }
        for (var c = LOADED_COLUMNS; c < PAIRED_COLUMNS; c++) { // @unroll
          right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
        }
        for (var c = PAIRED_COLUMNS; c < COLUMNS; c++) { // @unroll
          right[c] = from_pair_of_same_columns(right[c - PAIRED_COLUMNS]);
        }
        for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
          var left = dy[at[r] + k];
          for (var part = 0u; part < ROW_SHARERS; part++) { // @unroll
            for (var c = 0u; c < COLUMNS; c++) { // @unroll
              sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
            }
            left = from_same_rows(left);
          }
        }
      }
      for (var i = 0u; i < TILE; i++) { // @unroll
        totals[i] += sums[i];
      }
    }
  }

  var across: array<u32, COLUMNS>;
  for (var c = 0u; c < COLUMNS; c++) { // @unroll
    across[c] = tile.column + tile_column(tile, c);
  }
  var kept = totals;
  for (var r = 0u; r < ROWS; r++) {
    let down = tile.row + tile_row(tile, r);
    let to = (tile.net * params.rows + down) * params.columns;
    for (var c = 0u; c < COLUMNS; c++) { // @unroll short
      if (FIT || (down < params.rows && across[c] < params.columns)) {
        write_dx(down, across[c], to + across[c], kept[r * COLUMNS + c]);
      }
    }
  }
}

// The tiles of a layer alone, by their numbers.
fn layer_backward_at(item: u32) {
  let tile = tile_of(item, params.rows, params.columns);
  if (tile.net < select(params.nets, 1u, params.sumNets != 0u)) {
    layer_backward(tile);
  }
}
