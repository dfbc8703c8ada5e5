// One layer of one or more networks: y = activation(x·W + b), z the sum before the activation, a tile an invocation. x is
// one segment, whose networks may differ, or two side by side that all networks share.
// @include activation

struct Params {
  nets: u32,
  rows: u32,
  outputs: u32,
  activation: u32,
  parametersOffset: u32,
  parametersStride: u32,
  storeZ: u32,
  x0Offset: u32,
  x0Net: u32,
  x0Stride: u32,
  x0Rows: u32,
  x0Width: u32,
  hasX1: u32,
  x1Offset: u32,
  x1Stride: u32,
  x1Rows: u32,
  x1Width: u32,
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
const x0_begin = 0u;
const x1_begin = 0u;
const parameters_begin = 0u;
const y_begin = 0u;
const z_begin = 0u;

// @include layer_forward

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  let tile = tile_of(item, params.rows, params.outputs);
  if (tile.net < params.nets) {
    layer_forward(tile);
  }
}
