// The tile of a layer that an invocation makes in registers, so that ROWS + COLUMNS loads serve ROWS·COLUMNS multiply-adds,
// without workgroup memory or barriers: on a CPU that plays GPU, loads are what costs, and a barrier costs more.
// @include neighbours

// Edges of a tile; the host writes those that fit the layer best.
const ROWS = 8u;
const COLUMNS = 8u;
const TILE = ROWS * COLUMNS;
// ROW_SHARERS invocations need the same rows, and COLUMN_SHARERS the same columns: each loads its part for all of them.
const LOADED_ROWS = ROWS / ROW_SHARERS;
const LOADED_COLUMNS = COLUMNS / COLUMN_SHARERS;
// With those of the first that is asked for its part.
const PAIRED_COLUMNS = min(2u * LOADED_COLUMNS, COLUMNS);
// Whether no tile passes the edge.
const FIT = false;

// Where the tile begins, and which parts of its rows and columns the invocation loads itself.
struct Tile {
  net: u32,
  row: u32,
  column: u32,
  rowPart: u32,
  columnPart: u32,
}

fn tiles_across(columns: u32) -> u32 {
  return (columns + ROW_SHARERS * COLUMNS - 1u) / (ROW_SHARERS * COLUMNS);
}

fn tiles_down(rows: u32) -> u32 {
  return (rows + COLUMN_SHARERS * ROWS - 1u) / (COLUMN_SHARERS * ROWS);
}

// Invocations that the tiles of a layer take.
fn tile_count(nets: u32, rows: u32, columns: u32) -> u32 {
  return nets * tiles_down(rows) * tiles_across(columns) * ROW_SHARERS * COLUMN_SHARERS;
}

// Sharers of rows lie side by side, those of columns below each other.
fn tile_of(item: u32, rows: u32, columns: u32) -> Tile {
  let across = tiles_across(columns);
  let down = tiles_down(rows);
  let together = item / (ROW_SHARERS * COLUMN_SHARERS);
  let right = item % ROW_SHARERS;
  let below = item / ROW_SHARERS % COLUMN_SHARERS;
  return Tile(
    together / (across * down),
    (together / across % down * COLUMN_SHARERS + below) * ROWS,
    (together % across * ROW_SHARERS + right) * COLUMNS,
    right,
    below,
  );
}

// Row r and column c of an invocation, counted from the tile's first: those that it loads itself come first.
fn tile_row(tile: Tile, r: u32) -> u32 {
  return ((r / LOADED_ROWS) ^ tile.rowPart) * LOADED_ROWS + r % LOADED_ROWS;
}

fn tile_column(tile: Tile, c: u32) -> u32 {
  return ((c / LOADED_COLUMNS) ^ tile.columnPart) * LOADED_COLUMNS + c % LOADED_COLUMNS;
}
