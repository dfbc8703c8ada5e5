// y[o, p, i] = x[o, index[o, p, i], i]; an index outside the axis gives NaN.
// @include math

struct Params {
  outer: u32,
  entries: u32,
  picks: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * 64u + local;
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
