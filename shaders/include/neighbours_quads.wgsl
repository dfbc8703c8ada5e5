// In place of neighbours.wgsl where the device has subgroups: of a quad of four invocations, two by two make the same rows
// and the same columns. Four in a row are a quad: no standard promises it of workgroups with one dimension, and every adapter
// known does so.
const SHARERS = 2u;

fn from_same_rows(value: f32) -> f32 {
  return quadSwapX(value);
}

fn from_same_columns(value: f32) -> f32 {
  return quadSwapY(value);
}
