// loss_soft_bellman, and its cotangents of q carried back through the critics: loss_soft_bellman and
// mlp_backward_inputs in one. A workgroup makes the cotangents of its eight rows itself.
// @include mlp_backward

struct Params {
  nets: u32,
  batch: u32,
  transitionOffset: u32,
  transitionStride: u32,
  rewardColumn: u32,
  terminatedColumn: u32,
  storeLoss: u32,
  storeDQ: u32,
  storeTarget: u32,
  discount: f32,
  nextLogProbOffset: u32,
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

@group(0) @binding(0) var<storage, read> transition: array<f32>;
@group(0) @binding(1) var<storage, read> nextLogProb: array<f32>;
@group(0) @binding(2) var<storage, read> nextQ: array<f32>;
@group(0) @binding(3) var<storage, read> q: array<f32>;
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dQ: array<f32>;
@group(0) @binding(7) var<storage, read> parameters: array<f32>;
@group(0) @binding(8) var<storage, read> saved: array<u32>;
@group(0) @binding(9) var<storage, read_write> dz: array<u32>;
@group(0) @binding(10) var<uniform> params: Params;

// The smallest of the networks' values for one item.
fn smallest(item: u32, count: u32) -> f32 {
  var least = nextQ[item];
  for (var net = 1u; net < params.nets; net++) {
    least = safe_min(least, nextQ[net * count + item]);
  }
  return least;
}

// The soft Bellman target of a row: a constant.
fn goal(row: u32) -> f32 {
  let at = params.transitionOffset + row * params.transitionStride;
  let next = smallest(row, params.batch) - temperature[0] * nextLogProb[params.nextLogProbOffset + row];
  let goes_on = 1.0 - transition[at + params.terminatedColumn];
  return transition[at + params.rewardColumn] + params.discount * goes_on * next;
}

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  let at = net * params.batch + row;
  let value = 2.0 * (q[at] - goal(row)) / f32(params.batch);
  if (params.storeDQ != 0u) {
    dQ[at] = value;
  }
  return value;
}

// @include write_dz

fn write_dx(column: u32, row: u32, again: bool, value: f32) {}

var<workgroup> partial: array<f32, THREADS>;

// The first workgroup adds up the loss of the whole batch.
fn store_loss(thread: u32) {
  var sum = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    let y = goal(row);
    for (var net = 0u; net < params.nets; net++) {
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
  if (group.x + group.z == 0u && params.storeLoss != 0u) {
    store_loss(thread);
  }
  backward(first, thread);
}
