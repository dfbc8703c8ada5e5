// Gradients of all weights and biases, each used for Adam's step where it is made: mlp_backward_weights and adam in
// one, without the gradients' way through memory.
// @include mlp_weights
// @include adam

struct Params {
  nets: u32,
  rows: u32,
  layers: u32,
  activation: u32,
  x0Offset: u32,
  x0Stride: u32,
  x0Rows: u32,
  x0Width: u32,
  x1Offset: u32,
  x1Stride: u32,
  x1Rows: u32,
  x1Width: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  d4: u32,
  d5: u32,
  d6: u32,
  d7: u32,
  d8: u32,
  d9: u32,
  d10: u32,
  d11: u32,
  d12: u32,
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
  beta1Complement: f32,
  beta2Complement: f32,
  place: u32,
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<u32>;
@group(0) @binding(3) var<storage, read> dz: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(6) var<storage, read_write> moments: array<f32>;
@group(0) @binding(7) var<storage, read_write> target_: array<f32>;
@group(0) @binding(8) var<storage, read_write> clock: array<atomic<u32>>;
@group(0) @binding(9) var<uniform> params: Params;

fn emit(at: u32, value: f32) {
  adam_step(at, params.count + at, value);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  begin_adam();
  weight_tile(group, groups, thread);
  end_adam();
}
