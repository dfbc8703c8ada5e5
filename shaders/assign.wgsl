// y = x

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP + local;
  if (item < params.count) {
    y[item] = x[item];
  }
}
