// Gradients of all weights and biases: a workgroup makes one 16×16 tile of one layer of one network, summed over
// the batch. The bias is the row after the last weight, whose input is one. Sixteen invocations hold 4×4 of the
// tile each; four such slices take every fourth row of the batch, and meet in workgroup memory once at the end.

fn emit(at: u32, value: f32) {
  dparameters[at] = value;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  weight_tile(group, groups, thread);
}
