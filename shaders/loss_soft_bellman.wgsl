// Soft Bellman target y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb), and
// loss = Σ over networks of mean (q − y)² with its gradient; the target is a constant.

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let batch = f32(params.batch);
  var total = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    let y = goal(row);
    if (STORE_TARGET != 0u) {
      target_[row] = y;
    }
    for (var net = 0u; net < NETS; net++) {
      let error = q[net * params.batch + row] - y;
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
