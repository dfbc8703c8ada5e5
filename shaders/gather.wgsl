// y[o, p, i] = x[o, index[o, p, i], i]; an index outside the axis gives NaN.

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP + local;
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
