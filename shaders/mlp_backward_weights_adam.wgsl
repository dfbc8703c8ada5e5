// Gradients of all weights and biases, each used for Adam's step where it is made: mlp_backward_weights and adam in
// one, without the gradients' way through memory.

fn emit(at: u32, value: f32) {
  adam_step(at, params.count + at, value);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  begin_adam();
  weight_tile(group, groups, thread);
  end_adam();
}
