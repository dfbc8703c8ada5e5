// loss_reverse_kl, and its cotangents of q carried back through the critics to the actions: loss_reverse_kl and
// mlp_backward_inputs in one. A workgroup makes the cotangents of its eight rows itself.
// @include mlp_backward

struct Params {
  nets: u32,
  samples: u32,
  batch: u32,
  storeLoss: u32,
  storeDLogProb: u32,
  storeDQ: u32,
  rows: u32,
  layers: u32,
  activation: u32,
  storeDz: u32,
  storeDx0: u32,
  storeDx1: u32,
  x0Width: u32,
  x1Width: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  d4: u32,
  d5: u32,
  d6: u32,
  d7: u32,
  d8: u32,
  d9: u32,
  d10: u32,
  d11: u32,
  d12: u32,
}

@group(0) @binding(0) var<storage, read> logProb: array<f32>;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> temperature: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dLogProb: array<f32>;
@group(0) @binding(5) var<storage, read> parameters: array<f32>;
@group(0) @binding(6) var<storage, read> saved: array<u32>;
@group(0) @binding(7) var<storage, read_write> dx1: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// The smallest of the networks' values for one item.
fn smallest(item: u32, count: u32) -> f32 {
  var least = q[item];
  for (var net = 1u; net < params.nets; net++) {
    least = safe_min(least, q[net * count + item]);
  }
  return least;
}

// Networks that tie for the minimum share its cotangent.
fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let scale = 1.0 / f32(params.rows);
  if (net == 0u && params.storeDLogProb != 0u) {
    dLogProb[row] = scale;
  }
  let least = smallest(row, params.rows);
  var ties = 0.0;
  for (var other = 0u; other < params.nets; other++) {
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
  if (group.x + group.z == 0u && params.storeLoss != 0u) {
    store_loss(thread);
  }
  backward(first, thread);
}
