// Samples from Gaussians, each from noise drawn on the spot: philox and gaussian_sample in one.

fn head_at(row: u32, column: u32) -> f32 {
  return head[row * 2u * params.actions + column];
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP + local;
  if (item >= params.samples * params.batch) {
    return;
  }
  draw_sample(item);
}
