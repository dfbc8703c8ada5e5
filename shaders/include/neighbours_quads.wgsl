// In place of neighbours.wgsl where the device has subgroups: of a quad of four invocations, two by two make the same rows
// and the same columns. Taken for granted is that four in a row are a quad, as on SwiftShader, where tests hold it; WGSL does
// not promise it.
const ROW_SHARERS = 2u;
const COLUMN_SHARERS = 2u;

fn from_same_rows(value: f32) -> f32 {
  return quadSwapX(value);
}

fn from_same_columns(value: f32) -> f32 {
  return quadSwapY(value);
}

// There is one other only.
fn from_pair_of_same_columns(value: f32) -> f32 {
  return value;
}
