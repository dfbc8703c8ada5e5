// The cotangent of actions, carried back through the first layer of what judges them, and on to the head that they were
// sampled from, one sample a row: mlp_layer_backward and gaussian_sample_backward in one.
// @include gaussian_backward

struct Params {
  nets: u32,
  rows: u32,
  outputs: u32,
  firstInput: u32,
  columns: u32,
  activation: u32,
  hasSaved: u32,
  sumNets: u32,
  parametersOffset: u32,
  parametersStride: u32,
  batch: u32,
  samples: u32,
  actions: u32,
  squash: u32,
  hasAction: u32,
  hasPreTanh: u32,
  hasLogProb: u32,
  logStdMin: f32,
  logStdMax: f32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> head: array<f32>;
@group(0) @binding(3) var<storage, read> noise: array<f32>;
@group(0) @binding(4) var<storage, read> dPreTanh: array<f32>;
@group(0) @binding(5) var<storage, read> dLogProb: array<f32>;
@group(0) @binding(6) var<storage, read_write> dHead: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
const dy_begin = 0u;
const parameters_begin = 0u;

// The cotangent of the action at hand.
var<private> d_action: f32;

fn d_action_at(at: u32) -> f32 {
  return d_action;
}

fn write_dx(row: u32, column: u32, at: u32, value: f32) {
  d_action = value;
  let gradient = head_gradient(row, column);
  let at_mean = row * 2u * params.actions + column;
  dHead[at_mean] = gradient.x;
  dHead[at_mean + params.actions] = gradient.y;
}

// @include layer_backward

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  layer_backward_at((group.z * groups.x + group.x) * 8u + local);
}
