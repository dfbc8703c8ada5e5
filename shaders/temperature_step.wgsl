// The entropy of a policy from log-probabilities of its samples, and one step of Adam on the logarithm of the
// temperature, whose loss log α·(entropy − target) has the gradient entropy − target, kept within its bounds.
// @include sum
// @include long_sum
// @include adam

struct Params {
  samples: u32,
  decoupled: u32,
  hasTarget: u32,
  targetEntropy: f32,
  learningRate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  weightDecay: f32,
  tau: f32,
  beta1Complement: f32,
  beta2Complement: f32,
  place: u32,
  logMin: f32,
  logMax: f32,
}

@group(0) @binding(0) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;
@group(0) @binding(2) var<storage, read> logProb: array<f32>;
@group(0) @binding(3) var<storage, read_write> entropy: array<f32>;
@group(0) @binding(4) var<storage, read_write> clock: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> params: Params;

// No target network follows a temperature.
var<private> target_: array<f32, 1>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  var total = LongSum();
  for (var i = thread; i < params.samples; i += THREADS) {
    total = add_term(total, i / THREADS, -logProb[i]);
  }
  let sum = sum_workgroup(thread, sum_of(total));
  if (thread == 0u) {
    let mean = sum / f32(params.samples);
    entropy[0] = mean;
    begin_adam();
    adam_step(0u, 1u, mean - params.targetEntropy);
    // What is not finite has been noted by its bits.
    end_adam();
    parameters[0] = clamp(parameters[0], params.logMin, params.logMax);
  }
}
