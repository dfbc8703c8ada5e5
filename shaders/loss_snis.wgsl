// Self-normalised importance sampling of the forward divergence: w = softmax over samples of
// min q/temperature − logProposal, loss = −mean over the batch of Σ w logProb, effectiveSampleSize = mean 1/Σ w²,
// dLogProb = −w/batch.

fn log_weight(i: u32, count: u32, inverse_temperature: f32) -> f32 {
  return smallest(i, count) * inverse_temperature - logProposal[i];
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let count = params.samples * params.batch;
  let batch = f32(params.batch);
  let inverse_temperature = 1.0 / temperature[0];
  var loss_total = 0.0;
  var size_total = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    // Shifted by the largest, so that nothing overflows.
    var largest = log_weight(row, count, inverse_temperature);
    for (var i = row + params.batch; i < count; i += params.batch) {
      largest = safe_max(largest, log_weight(i, count, inverse_temperature));
    }
    var weights = LongSum();
    var squares = LongSum();
    var weighted = LongSum();
    for (var s = 0u; s < params.samples; s++) {
      let i = s * params.batch + row;
      let weight = safe_exp(log_weight(i, count, inverse_temperature) - largest);
      weights = add_term(weights, s, weight);
      squares = add_term(squares, s, weight * weight);
      weighted = add_term(weighted, s, weight * logProb[i]);
    }
    let sum = sum_of(weights);
    loss_total -= sum_of(weighted) / sum;
    size_total += sum * sum / sum_of(squares);
    if (STORE_D_LOG_PROB != 0u) {
      for (var i = row; i < count; i += params.batch) {
        let weight = safe_exp(log_weight(i, count, inverse_temperature) - largest);
        dLogProb[i] = -weight / (sum * batch);
      }
    }
  }
  let loss_sum = sum_workgroup(thread, loss_total);
  let size_sum = sum_workgroup(thread, size_total);
  if (thread == 0u) {
    if (STORE_LOSS != 0u) {
      loss[0] = loss_sum / batch;
    }
    if (STORE_ESS != 0u) {
      effectiveSampleSize[0] = size_sum / batch;
    }
  }
}
