// One invocation an item. The kernel declares `run`, which leaves alone what is past the last item.
@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  run((group.y * groups.x + group.x) * WORKGROUP + local);
}
