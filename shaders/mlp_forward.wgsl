// All layers of one or more networks over eight rows of the batch. The activations of the eight rows stay in
// workgroup memory, packed so that two vectors hold one column: each weight streamed from storage then serves
// eight multiply-adds, and the batch of a whole forward pass needs one dispatch.

// Writes one column of up to four rows.
fn write_y(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (rows > 0u) { y[at] = value.x; }
  if (rows > 1u) { y[at + stride] = value.y; }
  if (rows > 2u) { y[at + 2u * stride] = value.z; }
  if (rows > 3u) { y[at + 3u * stride] = value.w; }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let number = group.z * groups.x + group.x;
  let blocks = (params.rows + ROWS - 1u) / ROWS;
  let net = number / blocks;
  if (net >= NETS) {
    return;
  }
  forward(net, number % blocks * ROWS, thread);
}
