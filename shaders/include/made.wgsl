// What an invocation has made of a weight gradient, a tile or one element of the bias, until it is emitted. So a kernel of
// several layers has what ends them once: compiling takes time in proportion. The kernel declares `emit`.
struct Made {
  // Rows and columns of the tile, with those beyond the layer's edge.
  rows: u32,
  columns: u32,
  // Rows and columns before the edge.
  rowsInside: u32,
  columnsInside: u32,
  // Of the tile's first element and of the next row.
  to: u32,
  stride: u32,
  // The first row and column of `made`, from which they go round.
  rowShift: u32,
  columnShift: u32,
}

var<private> made: array<f32, 64>;

fn emit_made(tile: Made) {
  for (var r = 0u; r < tile.rows; r++) {
    let down = (r + tile.rowShift) % tile.rows;
    for (var c = 0u; c < tile.columns; c++) {
      let across = (c + tile.columnShift) % tile.columns;
      if (down < tile.rowsInside && across < tile.columnsInside) {
        emit(tile.to + down * tile.stride + across, made[r * tile.columns + c]);
      }
    }
  }
}
