// A policy network and samples from the Gaussians it describes: mlp_forward, philox and gaussian_sample in one. A
// workgroup samples for the eight rows whose outputs it has just made. `head` and `noise` are stored only where
// something else reads them.

// A policy has one segment of inputs.
const x1 = array<f32, 1>();

// Where the outputs of the workgroup's rows lie in `tile`, and the first of those rows.
var<private> outputs_at: u32;
var<private> first_row: u32;

fn write_y(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (STORE_HEAD == 0u) {
    return;
  }
  if (rows > 0u) { head[at] = value.x; }
  if (rows > 1u) { head[at + stride] = value.y; }
  if (rows > 2u) { head[at + 2u * stride] = value.z; }
  if (rows > 3u) { head[at + 3u * stride] = value.w; }
}

fn head_at(row: u32, column: u32) -> f32 {
  let r = row - first_row;
  return tile[outputs_at + 2u * column + r / 4u][r % 4u];
}

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
  outputs_at = forward(0u, first, thread);
  first_row = first;
  workgroupBarrier();
  let rows = min(ROWS, params.rows - first);
  for (var i = thread; i < params.samples * rows; i += THREADS) {
    draw_sample(i / rows * params.batch + first + i % rows);
  }
}
