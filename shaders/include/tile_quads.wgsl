// In place of tile.wgsl where the device has subgroups: four invocations, a quad, make a tile of 2·ROWS by 2·COLUMNS. Two
// of them share each row and each column, so each loads half of its own and takes the rest from a neighbour. Four invocations
// in a row are a quad: no standard promises it of workgroups with one dimension, and every adapter known does so.
const ROWS = 8u;
const COLUMNS = 8u;
const SHARERS = 2u;
const LOADED_ROWS = ROWS / SHARERS;
const LOADED_COLUMNS = COLUMNS / SHARERS;
const FIT = false;

struct Tile {
  net: u32,
  row: u32,
  column: u32,
  rowShift: u32,
  columnShift: u32,
}

fn tile_count(nets: u32, rows: u32, columns: u32) -> u32 {
  return 4u * nets * ((rows + 2u * ROWS - 1u) / (2u * ROWS)) * ((columns + 2u * COLUMNS - 1u) / (2u * COLUMNS));
}

fn tile_of(item: u32, rows: u32, columns: u32) -> Tile {
  let across = (columns + 2u * COLUMNS - 1u) / (2u * COLUMNS);
  let down = (rows + 2u * ROWS - 1u) / (2u * ROWS);
  let quad = item / 4u;
  let right = item & 1u;
  let below = (item >> 1u) & 1u;
  return Tile(
    quad / (across * down),
    quad / across % down * 2u * ROWS + below * ROWS,
    quad % across * 2u * COLUMNS + right * COLUMNS,
    right * LOADED_ROWS,
    below * LOADED_COLUMNS,
  );
}

fn from_same_rows(value: f32) -> f32 {
  return quadSwapX(value);
}

fn from_same_columns(value: f32) -> f32 {
  return quadSwapY(value);
}

// Row r and column c of an invocation, counted from the tile's first: those it loads itself come first.
fn tile_row(tile: Tile, r: u32) -> u32 {
  return select(r - tile.rowShift, r + tile.rowShift, r < LOADED_ROWS);
}

fn tile_column(tile: Tile, c: u32) -> u32 {
  return select(c - tile.columnShift, c + tile.columnShift, c < LOADED_COLUMNS);
}
