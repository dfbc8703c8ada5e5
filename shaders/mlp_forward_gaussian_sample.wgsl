// A policy network and samples from the Gaussians it describes: mlp_forward, philox and gaussian_sample in one. A
// workgroup samples for the eight rows whose outputs it has just made. `head` and `noise` are stored only where
// something else reads them.
// @include mlp_forward
// @include drawn_noise
// @include gaussian_sample

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
  count: u32,
  draw: u32,
  kind: u32,
  each: u32,
  drawStep: u32,
  batch: u32,
  samples: u32,
  actions: u32,
  squash: u32,
  storeAction: u32,
  storePreTanh: u32,
  storeLogProb: u32,
  logStdMin: f32,
  logStdMax: f32,
  noiseOffset: u32,
  storeHead: u32,
  storeNoise: u32,
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> head: array<f32>;
@group(0) @binding(3) var<storage, read_write> saved: array<u32>;
@group(0) @binding(4) var<storage, read> clock: array<u32>;
@group(0) @binding(5) var<storage, read_write> noise: array<f32>;
@group(0) @binding(6) var<storage, read_write> action: array<f32>;
@group(0) @binding(7) var<storage, read_write> preTanh: array<f32>;
@group(0) @binding(8) var<storage, read_write> logProb: array<f32>;
@group(0) @binding(9) var<uniform> params: Params;

// A policy has one segment of inputs.
const x1 = array<f32, 1>();

// Where the outputs of the workgroup's rows lie in `tile`, and the first of those rows.
var<private> outputs_at: u32;
var<private> first_row: u32;

fn write_y(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (params.storeHead == 0u) {
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
