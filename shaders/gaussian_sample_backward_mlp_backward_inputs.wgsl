// gaussian_sample_backward, and the head's gradient carried back through the policy network: gaussian_sample_backward
// and mlp_backward_inputs in one. A workgroup makes the gradients of its eight rows itself.

fn d_action_at(at: u32) -> f32 {
  return dAction[at];
}

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let gradient = head_gradient(row, column % params.actions);
  let value = select(gradient.x, gradient.y, column >= params.actions);
  dHead[row * 2u * params.actions + column] = value;
  return value;
}

fn write_dx(column: u32, row: u32, again: bool, value: f32) {}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.z * groups.x + group.x) * ROWS;
  if (first >= params.rows) {
    return;
  }
  backward(first, thread);
}
