const HALF_LOG_TWO_PI = 0.9189385;
const LOG_TWO = 0.6931472;

// log(1 − tanh² u) = 2(log 2 − u − softplus(−2u)), finite and accurate for every u; in |u|, as it is even.
fn log_tanh_slope(u: f32) -> f32 {
  let magnitude = abs(u);
  return 2.0 * (LOG_TWO - magnitude - log1p(safe_exp(-2.0 * magnitude)));
}
