// One step of Adam (Kingma & Ba) or AdamW over a flat buffer of parameters, then the soft update of a target copy.
// The step's number is clock[2] + 1. The first that leaves NaN or infinity is noted in clock[4], and its place in
// clock[5].
// @include adam

// Parameters an invocation takes, those of a workgroup side by side.
const ITEMS = 8u;

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
}

@group(0) @binding(0) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> target_: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> clock: array<atomic<u32>>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.y * groups.x + group.x) * 64u * ITEMS + local;
  begin_adam();
  for (var item = first; item < min(first + 64u * ITEMS, params.count); item += 64u) {
    var g = gradient[item];
    if (params.hasScale != 0u) {
      g *= scale[0];
    }
    adam_step(item, params.count + item, g);
  }
  end_adam();
}
