// All layers of one or more networks over eight rows of the batch. The activations of the eight rows stay in
// workgroup memory, packed so that two vectors hold one column: each weight streamed from storage then serves
// eight multiply-adds, and the batch of a whole forward pass needs one dispatch.
// @include mlp_forward

struct Params {
  nets: u32,
  rows: u32,
  layers: u32,
  activation: u32,
  storeSaved: u32,
  x0Offset: u32,
  x0Stride: u32,
  x0Rows: u32,
  x0Width: u32,
  x1Offset: u32,
  x1Stride: u32,
  x1Rows: u32,
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

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> saved: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

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
  if (net >= params.nets) {
    return;
  }
  forward(net, number % blocks * ROWS, thread);
}
