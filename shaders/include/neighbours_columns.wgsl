// In place of neighbours.wgsl where the device has subgroups and each invocation has rows of its own: all four of a quad make
// the same columns.
const ROW_SHARERS = 1u;
const COLUMN_SHARERS = 4u;

fn from_same_rows(value: f32) -> f32 {
  return value;
}

fn from_same_columns(value: f32) -> f32 {
  return quadSwapX(value);
}

fn from_pair_of_same_columns(value: f32) -> f32 {
  return quadSwapY(value);
}
