// Soft Bellman target y = reward + discount·(1 − terminated)(min nextQ − temperature·nextLogProb), and
// loss = Σ over networks of mean (q − y)² with its gradient; the target is a constant.
// @include math
// @include sum

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
}

@group(0) @binding(0) var<storage, read> transition: array<f32>;
@group(0) @binding(1) var<storage, read> nextLogProb: array<f32>;
@group(0) @binding(2) var<storage, read> nextQ: array<f32>;
@group(0) @binding(3) var<storage, read> q: array<f32>;
@group(0) @binding(4) var<storage, read> temperature: array<f32>;
@group(0) @binding(5) var<storage, read_write> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> dQ: array<f32>;
@group(0) @binding(7) var<storage, read_write> target_: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

// The smallest of the networks' values for one item.
fn smallest(item: u32, count: u32) -> f32 {
  var least = nextQ[item];
  for (var net = 1u; net < params.nets; net++) {
    least = safe_min(least, nextQ[net * count + item]);
  }
  return least;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32) {
  let batch = f32(params.batch);
  var total = 0.0;
  for (var row = thread; row < params.batch; row += THREADS) {
    let at = params.transitionOffset + row * params.transitionStride;
    let reward = transition[at + params.rewardColumn];
    let terminated = transition[at + params.terminatedColumn];
    let next = smallest(row, params.batch) - temperature[0] * nextLogProb[params.nextLogProbOffset + row];
    let goal = reward + params.discount * (1.0 - terminated) * next;
    if (params.storeTarget != 0u) {
      target_[row] = goal;
    }
    for (var net = 0u; net < params.nets; net++) {
      let error = q[net * params.batch + row] - goal;
      total += error * error;
      if (params.storeDQ != 0u) {
        dQ[net * params.batch + row] = 2.0 * error / batch;
      }
    }
  }
  let sum = sum_workgroup(thread, total);
  if (thread == 0u && params.storeLoss != 0u) {
    loss[0] = sum / batch;
  }
}
