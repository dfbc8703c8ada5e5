// y = activation(a·b + bias) over a batch of matrices with any strides.
// A workgroup of 8×8 invocations makes a 32×32 tile of y, each invocation 4×4 of it in registers: eight loads
// serve sixteen multiply-adds. No workgroup memory and no barriers, which software adapters pay dearly for.
// @include activation

struct Params {
  batch: u32,
  rows: u32,
  columns: u32,
  inner: u32,
  aOffset: u32,
  aBatch: u32,
  aRow: u32,
  aColumn: u32,
  bOffset: u32,
  bBatch: u32,
  bRow: u32,
  bColumn: u32,
  biasOffset: u32,
  biasBatch: u32,
  hasBias: u32,
  activation: u32,
  storeZ: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// The rows of a, and columns of b, of this invocation: indices past the edge repeat the last one.
fn four(first: u32, count: u32) -> vec4u {
  return min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(count - 1u));
}

fn store(batch: u32, row: u32, first: u32, sum: vec4f) {
  if (row >= params.rows) {
    return;
  }
  for (var j = 0u; j < 4u; j++) {
    let column = first + j;
    if (column < params.columns) {
      var value = sum[j];
      if (params.hasBias != 0u) {
        value += bias[params.biasOffset + batch * params.biasBatch + column];
      }
      let at = (batch * params.rows + row) * params.columns + column;
      if (params.storeZ != 0u) {
        z[at] = value;
      }
      y[at] = activate(value);
    }
  }
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let number = group.z * groups.x + group.x;
  let across = (params.columns + 31u) / 32u;
  let down = (params.rows + 31u) / 32u;
  let batch = number / across / down;
  let row = number / across % down * 32u + local.y * 4u;
  let column = number % across * 32u + local.x * 4u;
  if (batch >= params.batch || row >= params.rows || column >= params.columns) {
    return;
  }
  var at_a = params.aOffset + batch * params.aBatch + four(row, params.rows) * params.aRow;
  var at_b = params.bOffset + batch * params.bBatch + four(column, params.columns) * params.bColumn;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  // Sums of sums of short sums, so that a long one loses no more than those.
  for (var begin = 0u; begin < params.inner; begin += 16384u) {
    let end = min(params.inner, begin + 16384u);
    var blocks0 = vec4f();
    var blocks1 = vec4f();
    var blocks2 = vec4f();
    var blocks3 = vec4f();
    for (var first = begin; first < end; first += 128u) {
      var block0 = vec4f();
      var block1 = vec4f();
      var block2 = vec4f();
      var block3 = vec4f();
      for (var k = first; k < min(end, first + 128u); k++) {
        let right = vec4f(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
        block0 += a[at_a.x] * right;
        block1 += a[at_a.y] * right;
        block2 += a[at_a.z] * right;
        block3 += a[at_a.w] * right;
        at_a += params.aColumn;
        at_b += params.bRow;
      }
      blocks0 += block0;
      blocks1 += block1;
      blocks2 += block2;
      blocks3 += block3;
    }
    sum0 += blocks0;
    sum1 += blocks1;
    sum2 += blocks2;
    sum3 += blocks3;
  }
  store(batch, row, column, sum0);
  store(batch, row + 1u, column, sum1);
  store(batch, row + 2u, column, sum2);
  store(batch, row + 3u, column, sum3);
}
