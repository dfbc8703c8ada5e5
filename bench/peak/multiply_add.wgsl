// c ← c·x + y, `steps` times for 8 vectors an invocation: arithmetic and nothing else.
struct Params {
  steps: u32,
  x: f32,
  y: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(params.x);
  let y = vec4f(params.y);
  var c0 = y;
  var c1 = y;
  var c2 = y;
  var c3 = y;
  var c4 = y;
  var c5 = y;
  var c6 = y;
  var c7 = y;
  for (var i = 0u; i < params.steps; i++) {
    c0 = c0 * x + y;
    c1 = c1 * x + y;
    c2 = c2 * x + y;
    c3 = c3 * x + y;
    c4 = c4 * x + y;
    c5 = c5 * x + y;
    c6 = c6 * x + y;
    c7 = c7 * x + y;
  }
  result[id.x] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7;
}
