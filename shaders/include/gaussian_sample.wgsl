// One sample of one row. The kernel declares `head_at` and `noise_at`.
fn draw_sample(item: u32) {
  let row = item % params.batch;
  var log_prob = 0.0;
  for (var a = 0u; a < params.actions; a++) {
    let log_std = safe_clamp(head_at(row, params.actions + a), params.logStdMin, params.logStdMax);
    let at = item * params.actions + a;
    let e = noise_at(at);
    let u = head_at(row, a) + safe_exp(log_std) * e;
    if (STORE_PRE_TANH != 0u) {
      preTanh[at] = u;
    }
    log_prob -= 0.5 * e * e + log_std + HALF_LOG_TWO_PI;
    if (SQUASH != 0u) {
      log_prob -= log_tanh_slope(u);
    }
    if (STORE_ACTION != 0u) {
      if (SQUASH != 0u) {
        action[at] = safe_tanh(u);
      } else {
        action[at] = u;
      }
    }
  }
  if (STORE_LOG_PROB != 0u) {
    logProb[item] = log_prob;
  }
}
