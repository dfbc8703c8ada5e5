// loss_reverse_kl, and its cotangents of q carried back through the critics to the actions: loss_reverse_kl and
// mlp_backward_inputs in one. A workgroup makes the cotangents of its eight rows itself.

// Networks that tie for the minimum share its cotangent.
fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let scale = 1.0 / f32(params.rows);
  if (net == 0u && STORE_D_LOG_PROB != 0u) {
    dLogProb[row] = scale;
  }
  let least = smallest(row, params.rows);
  var ties = 0.0;
  for (var other = 0u; other < NETS; other++) {
    ties += select(0.0, 1.0, q[other * params.rows + row] == least);
  }
  let share = select(select(0.0, 1.0 / ties, q[net * params.rows + row] == least), least, is_nan(least));
  return -share * scale / temperature[0];
}

fn write_dz(at: u32, stride: u32, rows: u32, value: vec4f) {}

fn write_dx(column: u32, row: u32, again: bool, value: f32) {
  let at = row * params.x1Width + column - params.x0Width;
  dx1[at] = select(0.0, dx1[at], again) + value;
}

var<workgroup> partial: array<f32, THREADS>;

// The first workgroup adds up the loss of the whole batch.
fn store_loss(thread: u32) {
  var sum = 0.0;
  for (var i = thread; i < params.rows; i += THREADS) {
    sum += logProb[i] - smallest(i, params.rows) / temperature[0];
  }
  partial[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = 0.0;
    for (var i = 0u; i < THREADS; i++) {
      total += partial[i];
    }
    loss[0] = total / f32(params.rows);
  }
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
  if (group.x + group.z == 0u && STORE_LOSS != 0u) {
    store_loss(thread);
  }
  backward(first, thread);
}
