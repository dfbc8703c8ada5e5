// The tile of a layer that an invocation makes in registers, so that ROWS + COLUMNS loads serve ROWS·COLUMNS multiply-adds,
// without workgroup memory or barriers: on a CPU that plays GPU, loads are what costs, and a barrier costs more.
// @include neighbours

// Edges of a tile; the host writes those that fit the layer best.
const ROWS = 8u;
const COLUMNS = 8u;
// SHARERS invocations need the same rows, and as many the same columns: each loads its part for all of them. So SHARERS² work
// together, on tiles side by side.
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

fn tiles_across(columns: u32) -> u32 {
  return (columns + SHARERS * COLUMNS - 1u) / (SHARERS * COLUMNS);
}

fn tiles_down(rows: u32) -> u32 {
  return (rows + SHARERS * ROWS - 1u) / (SHARERS * ROWS);
}

// Invocations that the tiles of a layer take.
fn tile_count(nets: u32, rows: u32, columns: u32) -> u32 {
  return nets * tiles_down(rows) * tiles_across(columns) * SHARERS * SHARERS;
}

fn tile_of(item: u32, rows: u32, columns: u32) -> Tile {
  let across = tiles_across(columns);
  let down = tiles_down(rows);
  let together = item / (SHARERS * SHARERS);
  let right = item % SHARERS;
  let below = item / SHARERS % SHARERS;
  return Tile(
    together / (across * down),
    (together / across % down * SHARERS + below) * ROWS,
    (together % across * SHARERS + right) * COLUMNS,
    right * LOADED_ROWS,
    below * LOADED_COLUMNS,
  );
}

// Row r and column c of an invocation, counted from the tile's first: those that it loads itself come first.
fn tile_row(tile: Tile, r: u32) -> u32 {
  return select(r - tile.rowShift, r + tile.rowShift, r < LOADED_ROWS);
}

fn tile_column(tile: Tile, c: u32) -> u32 {
  return select(c - tile.columnShift, c + tile.columnShift, c < LOADED_COLUMNS);
}
