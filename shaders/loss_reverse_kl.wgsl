// loss = mean(logProb − min over networks of q/temperature) over samples and batch, with its gradients.
// Networks that tie for the minimum share its cotangent.

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let count = params.samples * params.batch;
  let scale = 1.0 / f32(count);
  let inverse_temperature = 1.0 / temperature[0];
  var total = 0.0;
  for (var i = thread; i < count; i += THREADS) {
    let least = smallest(i, count);
    total += logProb[i] - least * inverse_temperature;
    if (STORE_D_LOG_PROB != 0u) {
      dLogProb[i] = scale;
    }
    if (STORE_D_Q != 0u) {
      var ties = 0.0;
      for (var net = 0u; net < NETS; net++) {
        ties += select(0.0, 1.0, q[net * count + i] == least);
      }
      for (var net = 0u; net < NETS; net++) {
        let share = select(select(0.0, 1.0 / ties, q[net * count + i] == least), least, is_nan(least));
        dQ[net * count + i] = -share * scale * inverse_temperature;
      }
    }
  }
  let sum = sum_workgroup(thread, total);
  if (thread == 0u && STORE_LOSS != 0u) {
    loss[0] = sum * scale;
  }
}
