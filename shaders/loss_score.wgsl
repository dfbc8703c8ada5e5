// Score-function form of the reverse divergence: f = logProb − min q/temperature, loss = mean f, and
// dLogProb = (f − baseline)/(samples·batch). Baselines: 0 none, 1 mean over samples (its own included), 2 mean over
// the other samples, 3 a given value for each state.

// Σ over samples first: baselines 1 and 2 need it before the first gradient.
fn f_of(i: u32, count: u32, inverse_temperature: f32) -> f32 {
  return logProb[i] - smallest(i, count) * inverse_temperature;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let count = params.samples * params.batch;
  let scale = 1.0 / f32(count);
  let samples = f32(params.samples);
  let inverse_temperature = 1.0 / temperature[0];
  var total = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    var terms = LongSum();
    for (var s = 0u; s < params.samples; s++) {
      terms = add_term(terms, s, f_of(s * params.batch + row, count, inverse_temperature));
    }
    let sum = sum_of(terms);
    total += sum;
    if (STORE_D_LOG_PROB == 0u) {
      continue;
    }
    for (var i = row; i < count; i += params.batch) {
      let f = f_of(i, count, inverse_temperature);
      var baseline = 0.0;
      switch BASELINE {
        case 1u: { baseline = sum / samples; }
        case 2u: { baseline = (sum - f) / (samples - 1.0); }
        case 3u: { baseline = value[row]; }
        default: {}
      }
      dLogProb[i] = (f - baseline) * scale;
    }
  }
  let sum = sum_workgroup(thread, total);
  if (thread == 0u && STORE_LOSS != 0u) {
    loss[0] = sum * scale;
  }
}
