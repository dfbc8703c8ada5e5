// One step of Adam (Kingma & Ba) or AdamW over a flat buffer of parameters, then the soft update of a target copy.
// The step's number is clock[2] + 1. The first that leaves NaN or infinity is noted in clock[4], and its place in
// clock[5].
// @include math

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
@group(0) @binding(1) var<storage, read_write> firstMoment: array<f32>;
@group(0) @binding(2) var<storage, read_write> secondMoment: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> target_: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> clock: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> params: Params;

// 1 − β^t without the cancellation of a β near 1. Every invocation computes it anew, so it is kept cheap.
fn bias_correction(beta: f32, complement: f32, t: f32) -> f32 {
  let rate = t * select(log(max(beta, 1e-30)), log_core(-complement, 0.0), beta > 0.71);
  return select(1.0 - exp(rate), -expm1_reduced(rate), rate > -0.35);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= params.count) {
    return;
  }
  var p = parameters[item];
  var g = gradient[item];
  if (params.hasScale != 0u) {
    g *= scale[0];
  }
  if (params.decoupled != 0u) {
    p *= 1.0 - params.learningRate * params.weightDecay;
  } else {
    g += params.weightDecay * p;
  }
  let m = params.beta1 * firstMoment[item] + params.beta1Complement * g;
  let v = params.beta2 * secondMoment[item] + params.beta2Complement * g * g;
  firstMoment[item] = m;
  secondMoment[item] = v;
  let step = atomicLoad(&clock[2]) + 1u;
  let t = f32(step);
  let correction1 = bias_correction(params.beta1, params.beta1Complement, t);
  let correction2 = bias_correction(params.beta2, params.beta2Complement, t);
  p -= params.learningRate * (m / correction1) / (sqrt(v / correction2) + params.epsilon);
  parameters[item] = p;
  // By its bits: a compiler may take for granted that floats are finite.
  if (max(bitcast<u32>(p) & 0x7f800000u, bitcast<u32>(v) & 0x7f800000u) == 0x7f800000u && atomicLoad(&clock[4]) == 0u) {
    atomicStore(&clock[5], params.place);
    atomicStore(&clock[4], step);
  }
  if (params.hasTarget != 0u) {
    let old = target_[item];
    target_[item] = old + params.tau * (p - old);
  }
}
