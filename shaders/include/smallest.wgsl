// The smallest of the networks' values for one item.
fn smallest(item: u32, count: u32) -> f32 {
  var least = q[item];
  for (var net = 1u; net < NETS; net++) {
    least = safe_min(least, q[net * count + item]);
  }
  return least;
}
