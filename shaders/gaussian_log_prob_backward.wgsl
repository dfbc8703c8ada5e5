// Gradient of gaussian_log_prob with respect to head (summed over samples; the log-std gets none where the clamp
// moved it) and to the values.

fn run(item: u32) {
  if (item >= params.batch * params.actions) {
    return;
  }
  let row = item / params.actions;
  let a = item % params.actions;
  let at_mean = row * 2u * params.actions + a;
  let raw = head[at_mean + params.actions];
  let inverse_std = safe_exp(-safe_clamp(raw, params.logStdMin, params.logStdMax));
  let mean = head[at_mean];
  var d_mean = LongSum();
  var d_log_std = LongSum();
  for (var s = 0u; s < params.samples; s++) {
    let sample = s * params.batch + row;
    let at = sample * params.actions + a;
    let g = dLogProb[sample];
    let v = value[at];
    let z = (v - mean) * inverse_std;
    d_mean = add_term(d_mean, s, g * z * inverse_std);
    d_log_std = add_term(d_log_std, s, g * (z * z - 1.0));
    if (STORE_D_VALUE != 0u) {
      var slope = -z * inverse_std;
      if (SQUASH != 0u) {
        slope += 2.0 * safe_tanh(v);
      }
      dValue[at] = g * slope;
    }
  }
  if (STORE_D_HEAD != 0u) {
    dHead[at_mean] = sum_of(d_mean);
    let passes = is_nan(raw) || (raw >= params.logStdMin && raw <= params.logStdMax);
    dHead[at_mean + params.actions] = select(0.0, sum_of(d_log_std), passes);
  }
}
