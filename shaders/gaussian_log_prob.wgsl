// Log-density in nats of given values before the tanh: Σ −½ ((value − mean)/σ)² − log σ − ½ log 2π, less
// log(1 − tanh² value) where squash is 1.

fn run(item: u32) {
  if (item >= params.samples * params.batch) {
    return;
  }
  let head_row = (item % params.batch) * 2u * params.actions;
  var log_prob = 0.0;
  for (var a = 0u; a < params.actions; a++) {
    let log_std = safe_clamp(head[head_row + params.actions + a], params.logStdMin, params.logStdMax);
    let v = value[item * params.actions + a];
    let z = (v - head[head_row + a]) * safe_exp(-log_std);
    log_prob -= 0.5 * z * z + log_std + HALF_LOG_TWO_PI;
    if (SQUASH != 0u) {
      log_prob -= log_tanh_slope(v);
    }
  }
  logProb[item] = log_prob;
}
