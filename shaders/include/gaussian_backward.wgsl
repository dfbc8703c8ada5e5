// The gradients of one row's mean and log-sigma of action `a`. The kernel declares `d_action_at`.
fn head_gradient(row: u32, a: u32) -> vec2f {
  let at_mean = row * 2u * params.actions + a;
  let raw = head[at_mean + params.actions];
  let log_std = safe_clamp(raw, params.logStdMin, params.logStdMax);
  let sigma = safe_exp(log_std);
  let mean = head[at_mean];
  var d_mean = LongSum();
  var d_log_std = LongSum();
  for (var s = 0u; s < params.samples; s++) {
    let sample = s * params.batch + row;
    let at = sample * params.actions + a;
    let e = noise[at];
    let u = mean + sigma * e;
    var du = 0.0;
    var dl = 0.0;
    if (HAS_ACTION != 0u) {
      du += d_action_at(at);
      if (SQUASH != 0u) {
        du *= sech_squared(u);
      }
    }
    if (HAS_PRE_TANH != 0u) {
      du += dPreTanh[at];
    }
    if (HAS_LOG_PROB != 0u) {
      let g = dLogProb[sample];
      if (SQUASH != 0u) {
        du += g * 2.0 * safe_tanh(u);
      }
      dl = -g;
    }
    d_mean = add_term(d_mean, s, du);
    d_log_std = add_term(d_log_std, s, dl + du * sigma * e);
  }
  let passes = is_nan(raw) || (raw >= params.logStdMin && raw <= params.logStdMax);
  return vec2f(sum_of(d_mean), select(0.0, sum_of(d_log_std), passes));
}
