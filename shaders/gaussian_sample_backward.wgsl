// Pathwise gradient of gaussian_sample with respect to head: through u at fixed noise, and through the density.
// With the noise fixed, dlogProb/du is only the Jacobian's 2 tanh u. Summed over samples; the log-sigma gets none
// where the clamp moved it.
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
}

@group(0) @binding(0) var<storage, read> head: array<f32>;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read> dAction: array<f32>;
@group(0) @binding(3) var<storage, read> dPreTanh: array<f32>;
@group(0) @binding(4) var<storage, read> dLogProb: array<f32>;
@group(0) @binding(5) var<storage, read_write> dHead: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

fn d_action_at(at: u32) -> f32 {
  return dAction[at];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= params.batch * params.actions) {
    return;
  }
  let row = item / params.actions;
  let a = item % params.actions;
  let gradient = head_gradient(row, a);
  let at_mean = row * 2u * params.actions + a;
  dHead[at_mean] = gradient.x;
  dHead[at_mean + params.actions] = gradient.y;
}
