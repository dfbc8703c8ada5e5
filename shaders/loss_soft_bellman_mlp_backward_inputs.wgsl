// loss_soft_bellman, and its cotangents of q carried back through the critics: loss_soft_bellman and
// mlp_backward_inputs in one. A workgroup makes the cotangents of its eight rows itself.

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let at = net * params.batch + row;
  let value = 2.0 * (q[at] - goal(row)) / f32(params.batch);
  if (STORE_D_Q != 0u) {
    dQ[at] = value;
  }
  return value;
}

fn write_dx(column: u32, row: u32, again: bool, value: f32) {}

var<workgroup> partial: array<f32, THREADS>;

// The first workgroup adds up the loss of the whole batch.
fn store_loss(thread: u32) {
  var sum = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    let y = goal(row);
    for (var net = 0u; net < NETS; net++) {
      let error = q[net * params.batch + row] - y;
      sum += error * error;
    }
  }
  partial[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    var total = 0.0;
    for (var i = 0u; i < THREADS; i++) {
      total += partial[i];
    }
    loss[0] = total / f32(params.batch);
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
