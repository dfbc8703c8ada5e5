// The gradients of all weights and biases of a network, each used for Adam's step where it is made:
// mlp_layers_backward_weights and adam in one.
// @include adam
// @include made

struct Params {
  count: u32,
  hasTarget: u32,
  hasScale: u32,
  decoupled: u32,
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  weightDecay: f32,
  tau: f32,
  // 1 − β, which float32 would lose five digits of.
  beta1Complement: f32,
  beta2Complement: f32,
  place: u32,
  nets: u32,
  rows: u32,
  parametersStride: u32,
  // layers: parameters
}

@group(0) @binding(0) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(0) @binding(3) var<storage, read_write> clock: array<atomic<u32>>;
// layers: bindings
@group(0) @binding(4) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
// layers: beginnings

fn emit(at: u32, value: f32) {
  adam_step(at, params.count + at, value);
}

// layers: functions

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  begin_adam();
  var tile: Made;
  // layers: calls
  emit_made(tile);
  end_adam();
}
