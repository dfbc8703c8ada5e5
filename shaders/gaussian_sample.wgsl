// u = mean + σ·noise with log σ clamped, action = tanh u where squash is 1 (else u), and the log-probability of
// the action in nats: Σ −½ noise² − log σ − ½ log 2π, less log(1 − tanh² u).

fn head_at(row: u32, column: u32) -> f32 {
  return head[row * 2u * params.actions + column];
}

fn noise_at(at: u32) -> f32 {
  return noise[params.noiseOffset + at];
}

fn run(item: u32) {
  if (item >= params.samples * params.batch) {
    return;
  }
  draw_sample(item);
}
