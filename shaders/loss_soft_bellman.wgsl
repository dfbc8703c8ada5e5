// Soft Bellman target y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb), and
// loss = Σ over networks of mean (q − y)² with its gradient; the target is a constant.

// The smallest of the networks' values for one item.
fn smallest(item: u32, count: u32) -> f32 {
  var least = nextQ[item];
  for (var net = 1u; net < NETS; net++) {
    least = safe_min(least, nextQ[net * count + item]);
  }
  return least;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let batch = f32(params.batch);
  var total = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    let at = params.transitionOffset + row * params.transitionStride;
    let reward = transition[at + params.rewardColumn];
    let terminated = transition[at + params.terminatedColumn];
    let next = smallest(row, params.batch) - temperature[0] * nextLogProb[params.nextLogProbOffset + row];
    let goal = reward + params.discount * (1.0 - terminated) * next;
    if (STORE_TARGET != 0u) {
      target_[row] = goal;
    }
    for (var net = 0u; net < NETS; net++) {
      let error = q[net * params.batch + row] - goal;
      total += error * error;
      if (STORE_D_Q != 0u) {
        dQ[net * params.batch + row] = 2.0 * error / batch;
      }
    }
  }
  let sum = sum_workgroup(thread, total);
  if (thread == 0u && STORE_LOSS != 0u) {
    loss[0] = sum / batch;
  }
}
