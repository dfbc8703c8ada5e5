// Sum over a workgroup of THREADS invocations.
const STRIP = 16u;
var<workgroup> parts: array<f32, THREADS>;

// Every invocation calls it; only the first gets the sum. Two levels: fewer barriers than a binary tree.
fn sum_workgroup(thread: u32, value: f32) -> f32 {
  workgroupBarrier();
  parts[thread] = value;
  workgroupBarrier();
  var strip = 0.0;
  if (thread < STRIP) {
    for (var i = thread; i < THREADS; i += STRIP) {
      strip += parts[i];
    }
  }
  workgroupBarrier();
  if (thread < STRIP) {
    parts[thread] = strip;
  }
  workgroupBarrier();
  var total = 0.0;
  if (thread == 0u) {
    for (var i = 0u; i < STRIP; i++) {
      total += parts[i];
    }
  }
  return total;
}
