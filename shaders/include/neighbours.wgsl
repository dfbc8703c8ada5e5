// Invocations that share the loads of a row or column: none here, where an invocation loads all of its own.
const ROW_SHARERS = 1u;
const COLUMN_SHARERS = 1u;

// What the other one that makes the same rows has loaded.
fn from_same_rows(value: f32) -> f32 {
  return value;
}

// What another one that makes the same columns has loaded, and what one and its other have.
fn from_same_columns(value: f32) -> f32 {
  return value;
}

fn from_pair_of_same_columns(value: f32) -> f32 {
  return value;
}
