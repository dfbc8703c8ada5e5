// u = mean + σ·noise with log σ clamped, action = tanh u where squash is 1 (else u), and the log-probability of
// the action in nats: Σ −½ noise² − log σ − ½ log 2π, less log(1 − tanh² u).
// @include gaussian

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
}

@group(0) @binding(0) var<storage, read> head: array<f32>;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read_write> action: array<f32>;
@group(0) @binding(3) var<storage, read_write> preTanh: array<f32>;
@group(0) @binding(4) var<storage, read_write> logProb: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  let head_row = (item % params.batch) * 2u * params.actions;
  var log_prob = 0.0;
  for (var a = 0u; a < params.actions; a++) {
    let log_std = clamp(head[head_row + params.actions + a], params.logStdMin, params.logStdMax);
    let at = item * params.actions + a;
    let e = noise[at];
    let u = head[head_row + a] + safe_exp(log_std) * e;
    if (params.storePreTanh != 0u) {
      preTanh[at] = u;
    }
    log_prob -= 0.5 * e * e + log_std + HALF_LOG_TWO_PI;
    if (params.squash != 0u) {
      log_prob -= log_tanh_slope(u);
    }
    if (params.storeAction != 0u) {
      if (params.squash != 0u) {
        action[at] = safe_tanh(u);
      } else {
        action[at] = u;
      }
    }
  }
  if (params.storeLogProb != 0u) {
    logProb[item] = log_prob;
  }
}
