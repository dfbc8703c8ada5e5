// Invocations that share the loads of a row or column: none here, where an invocation loads all of its own.
const SHARERS = 1u;

// What the other one that makes the same rows, or the same columns, has loaded.
fn from_same_rows(value: f32) -> f32 {
  return value;
}

fn from_same_columns(value: f32) -> f32 {
  return value;
}
