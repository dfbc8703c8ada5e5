// One step of Adam (Kingma & Ba) or AdamW over a flat buffer of parameters, then the soft update of a target copy.
// The step's number is clock[2] + 1. The first that leaves NaN or infinity is noted in clock[4], and its place in
// clock[5]. An invocation takes ITEMS parameters, those of a workgroup side by side.

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.y * groups.x + group.x) * WORKGROUP * ITEMS + local;
  begin_adam();
  for (var item = first; item < min(first + WORKGROUP * ITEMS, params.count); item += WORKGROUP) {
    var g = gradient[item];
    if (HAS_SCALE != 0u) {
      g *= scale[0];
    }
    adam_step(item, params.count + item, g);
  }
  end_adam();
}
