// The entropy of a policy from log-probabilities of its samples, and one step of Adam on the logarithm of the
// temperature, whose loss log α·(entropy − target) has the gradient entropy − target, kept within its bounds.

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
