// y[o, e, i] = Σ over picks p with index[o, p, i] = e of x[o, p, i]. Each invocation owns one element of y and
// looks through the picks: no atomics, and always the same order.

fn run(item: u32) {
  if (item >= params.outer * params.entries * params.inner) {
    return;
  }
  let inner = item % params.inner;
  let entry = f32(item / params.inner % params.entries);
  let outer = item / (params.inner * params.entries);
  var sum = LongSum();
  for (var p = 0u; p < params.picks; p++) {
    let at = (outer * params.picks + p) * params.inner + inner;
    sum = add_term(sum, p, select(0.0, x[at], index[at] == entry));
  }
  y[item] = sum_of(sum);
}
