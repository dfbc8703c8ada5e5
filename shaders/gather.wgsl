// y[o, p, i] = x[o, index[o, p, i], i]; an index outside the axis gives NaN.

fn run(item: u32) {
  if (item >= params.outer * params.picks * params.inner) {
    return;
  }
  let entry = index[item];
  let outer = item / (params.picks * params.inner);
  var value = nan();
  if (entry >= 0.0 && entry < f32(params.entries)) {
    value = x[(outer * params.entries + u32(entry)) * params.inner + item % params.inner];
  }
  y[item] = value;
}
