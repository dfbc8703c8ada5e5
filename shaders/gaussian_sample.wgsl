// u = mean + σ·noise with log σ clamped, action = tanh u where squash is 1 (else u), and the log-probability of
// the action in nats: Σ −½ noise² − log σ − ½ log 2π, less log(1 − tanh² u).
// @include gaussian_sample

struct Params {
  batch: u32,
  samples: u32,
  actions: u32,
  squash: u32,
  storeAction: u32,
  storePreTanh: u32,
  storeLogProb: u32,
  logStdMin: f32,
  logStdMax: f32,
  noiseOffset: u32,
}

@group(0) @binding(0) var<storage, read> head: array<f32>;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read_write> action: array<f32>;
@group(0) @binding(3) var<storage, read_write> preTanh: array<f32>;
@group(0) @binding(4) var<storage, read_write> logProb: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn head_at(row: u32, column: u32) -> f32 {
  return head[row * 2u * params.actions + column];
}

fn noise_at(at: u32) -> f32 {
  return noise[params.noiseOffset + at];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= params.samples * params.batch) {
    return;
  }
  draw_sample(item);
}
