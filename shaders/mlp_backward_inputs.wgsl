// Carries the cotangent of y back through all layers for eight rows of the batch: the gradient before each
// hidden activation (dz), and that of the inputs, summed over networks. Tiles are as in mlp_forward.

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  return dy[(net * params.rows + row) * dim(LAYERS) + column];
}

fn write_dx(column: u32, row: u32, again: bool, value: f32) {
  if (column < params.x0Width) {
    let at = row * params.x0Width + column;
    dx0[at] = select(0.0, dx0[at], again) + value;
  } else {
    let at = row * params.x1Width + column - params.x0Width;
    dx1[at] = select(0.0, dx1[at], again) + value;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.z * groups.x + group.x) * ROWS;
  if (first < params.rows) {
    backward(first, thread);
  }
}
