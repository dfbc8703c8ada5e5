// Streams the first `count` vectors of `data`: `read` sums them, `triad` makes a third of them from the other two. An
// invocation takes every vector that is a whole number of grids away from its own number.
struct Params {
  count: u32,
  invocations: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> data: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(64)
fn read(@builtin(global_invocation_id) id: vec3u) {
  var sum = vec4f(0.0);
  for (var i = id.x; i < params.count; i += params.invocations) {
    sum += data[i];
  }
  result[id.x] = sum;
}

@compute @workgroup_size(64)
fn triad(@builtin(global_invocation_id) id: vec3u) {
  let third = params.count / 3u;
  for (var i = id.x; i < third; i += params.invocations) {
    data[i] = data[i + third] + params.scale * data[i + 2u * third];
  }
  if (id.x == 0u) {
    result[0] = vec4f(1.0);
  }
}
