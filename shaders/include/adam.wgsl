// 1 − β^t without the cancellation of a β near 1. Every invocation computes it anew, so it is kept cheap.
fn bias_correction(beta: f32, complement: f32, t: f32) -> f32 {
  let rate = t * select(log(max(beta, 1e-30)), log_core(-complement, 0.0), beta > 0.71);
  return select(1.0 - exp(rate), -expm1_reduced(rate), rate > -0.35);
}

// The step's number and the corrections of both moments: the same for every parameter.
var<private> adam_number: u32;
var<private> adam_corrections: vec2f;
// The largest exponent met, in its bits: all ones where something was not finite.
var<private> adam_exponent = 0u;

// To be called before the first step of an invocation.
fn begin_adam() {
  adam_number = atomicLoad(&clock[2]) + 1u;
  let t = f32(adam_number);
  adam_corrections = vec2f(
    bias_correction(params.beta1, params.beta1Complement, t),
    bias_correction(params.beta2, params.beta2Complement, t),
  );
}

// To be called after the last step of an invocation.
fn end_adam() {
  if (adam_exponent == 0x7f800000u && atomicLoad(&clock[4]) == 0u) {
    atomicStore(&clock[5], params.place);
    atomicStore(&clock[4], adam_number);
  }
}

// The step of one parameter, and of its target; its second moment is at `second`.
fn adam_step(item: u32, second: u32, gradient: f32) {
  var p = parameters[item];
  var g = gradient;
  if (DECOUPLED != 0u) {
    p *= 1.0 - params.learningRate * params.weightDecay;
  } else {
    g += params.weightDecay * p;
  }
  let m = params.beta1 * moments[item] + params.beta1Complement * g;
  let v = params.beta2 * moments[second] + params.beta2Complement * g * g;
  moments[item] = m;
  moments[second] = v;
  p -= params.learningRate * (m / adam_corrections.x) / (sqrt(v / adam_corrections.y) + params.epsilon);
  parameters[item] = p;
  // By its bits: a compiler may take for granted that floats are finite.
  adam_exponent = max(adam_exponent, max(bitcast<u32>(p) & 0x7f800000u, bitcast<u32>(v) & 0x7f800000u));
  if (HAS_TARGET != 0u) {
    let old = target_[item];
    target_[item] = old + params.tau * (p - old);
  }
}
