// The sum of `sum`, over subgroups where the device offers them: two barriers instead of five. Nothing is assumed of
// which invocations share a subgroup: each subgroup's total lies at its smallest invocation, among zeros.
const THREADS = 256u;
var<workgroup> parts: array<f32, THREADS>;

// Every invocation calls it; only the first gets the sum.
fn sum_workgroup(thread: u32, value: f32) -> f32 {
  let total = subgroupAdd(value);
  let first = subgroupMin(thread);
  let rank = subgroupExclusiveAdd(1u);
  let size = subgroupAdd(1u);
  workgroupBarrier();
  parts[thread] = select(0.0, total, thread == first);
  workgroupBarrier();
  var strip = 0.0;
  if (first == 0u) {
    for (var i = rank; i < THREADS; i += size) {
      strip += parts[i];
    }
  }
  return subgroupAdd(strip);
}
