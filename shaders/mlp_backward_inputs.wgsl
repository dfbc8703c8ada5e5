// Carries the cotangent of y back through all layers for eight rows of the batch: the gradient before each
// hidden activation (dz), and that of the inputs, summed over networks. Tiles are as in mlp_forward.
// @include mlp_backward

struct Params {
  nets: u32,
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

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<u32>;
@group(0) @binding(3) var<storage, read_write> dz: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx0: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx1: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

fn cotangent(net: u32, row: u32, column: u32) -> f32 {
  return dy[(net * params.rows + row) * dim(params.layers) + column];
}

// @include write_dz

fn write_dx(column: u32, row: u32, again: bool, value: f32) {
  if (column < params.x0Width) {
    let at = row * params.x0Width + column;
    dx0[at] = select(0.0, dx0[at], again) + value;
  } else {
    let at = row * params.x1Width + column - params.x0Width;
    dx1[at] = select(0.0, dx1[at], again) + value;
  }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.z * groups.x + group.x) * ROWS;
  if (first < params.rows) {
    backward(first, thread);
  }
}
