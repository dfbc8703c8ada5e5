// Samples from Gaussians, each from noise drawn on the spot: philox and gaussian_sample in one.

fn head_at(row: u32, column: u32) -> f32 {
  return head[row * 2u * params.actions + column];
}

fn run(item: u32) {
  if (item >= params.samples * params.batch) {
    return;
  }
  draw_sample(item);
}
