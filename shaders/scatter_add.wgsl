// y[o, e, i] = Σ over picks p with index[o, p, i] = e of x[o, p, i]. Each invocation owns one element of y and
// looks through the picks: no atomics, and always the same order.
// @include long_sum

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
