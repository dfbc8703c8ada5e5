// The tile of a layer that an invocation makes in registers, so that ROWS + COLUMNS loads serve ROWS·COLUMNS multiply-adds,
// without workgroup memory or barriers: on a CPU that plays GPU, loads are what costs, and a barrier costs more.

// Edges of a tile; the host writes those that fit the layer best.
const ROWS = 8u;
const COLUMNS = 8u;
// Invocations that need the same row or column: each loads its part for all (tile_quads.wgsl); here one, which loads all.
const SHARERS = 1u;
const LOADED_ROWS = ROWS / SHARERS;
const LOADED_COLUMNS = COLUMNS / SHARERS;
// Whether no tile passes the edge.
const FIT = false;

// Rows and columns of the tile begin here; those that the invocation loads itself, so much further on.
struct Tile {
  net: u32,
  row: u32,
  column: u32,
  rowShift: u32,
  columnShift: u32,
}

// Invocations that the tiles of a layer take, whole quads where they work together.
fn tile_count(nets: u32, rows: u32, columns: u32) -> u32 {
  return nets * ((rows + ROWS - 1u) / ROWS) * ((columns + COLUMNS - 1u) / COLUMNS);
}

fn tile_of(item: u32, rows: u32, columns: u32) -> Tile {
  let across = (columns + COLUMNS - 1u) / COLUMNS;
  let down = (rows + ROWS - 1u) / ROWS;
  return Tile(item / (across * down), item / across % down * ROWS, item % across * COLUMNS, 0u, 0u);
}

// What the neighbours that make the same rows, or the same columns, have loaded.
fn from_same_rows(value: f32) -> f32 {
  return value;
}

fn from_same_columns(value: f32) -> f32 {
  return value;
}

// Row r and column c of an invocation, counted from the tile's first: those it loads itself come first.
fn tile_row(tile: Tile, r: u32) -> u32 {
  return r;
}

fn tile_column(tile: Tile, c: u32) -> u32 {
  return c;
}
