// Pathwise gradient of gaussian_sample with respect to head: through u at fixed noise, and through the density.
// With the noise fixed, dlogProb/du is only the Jacobian's 2 tanh u. Summed over samples; the log-sigma gets none
// where the clamp moved it.

fn d_action_at(at: u32) -> f32 {
  return dAction[at];
}

fn run(item: u32) {
  if (item >= params.batch * params.actions) {
    return;
  }
  let row = item / params.actions;
  let a = item % params.actions;
  let gradient = head_gradient(row, a);
  let at_mean = row * 2u * params.actions + a;
  dHead[at_mean] = gradient.x;
  dHead[at_mean + params.actions] = gradient.y;
}
