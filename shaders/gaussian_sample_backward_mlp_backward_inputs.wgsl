// gaussian_sample_backward, and the head's gradient carried back through the policy network: gaussian_sample_backward
// and mlp_backward_inputs in one. A workgroup makes the gradients of its eight rows itself.
// @include mlp_backward
// @include gaussian_backward

struct Params {
  batch: u32,
  samples: u32,
  actions: u32,
  squash: u32,
  hasAction: u32,
  hasPreTanh: u32,
  hasLogProb: u32,
  logStdMin: f32,
  logStdMax: f32,
  nets: u32,
  rows: u32,
  layers: u32,
  activation: u32,
  storeDz: u32,
  storeDx0: u32,
  storeDx1: u32,
  x0Width: u32,
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
}

@group(0) @binding(0) var<storage, read> head: array<f32>;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read> dAction: array<f32>;
@group(0) @binding(3) var<storage, read> dPreTanh: array<f32>;
@group(0) @binding(4) var<storage, read> dLogProb: array<f32>;
@group(0) @binding(5) var<storage, read_write> dHead: array<f32>;
@group(0) @binding(6) var<storage, read> parameters: array<f32>;
@group(0) @binding(7) var<storage, read> saved: array<u32>;
@group(0) @binding(8) var<storage, read_write> dz: array<u32>;
@group(0) @binding(9) var<uniform> params: Params;

fn d_action_at(at: u32) -> f32 {
  return dAction[at];
}

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let gradient = head_gradient(row, column % params.actions);
  let value = select(gradient.x, gradient.y, column >= params.actions);
  dHead[row * 2u * params.actions + column] = value;
  return value;
}

// @include write_dz

fn write_dx(column: u32, row: u32, again: bool, value: f32) {}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.z * groups.x + group.x) * ROWS;
  if (first >= params.rows) {
    return;
  }
  backward(first, thread);
}
