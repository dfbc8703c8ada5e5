// Rows that each invocation takes through several layers. The host writes in, for each layer, what it binds and takes and its
// functions from the kernel of one; tiles are ROWS high in all of them. Past the last row neighbours' are read, which others
// may be writing, and nothing is made of them.
// @include math

const ROWS = 8u;

struct Params {
  nets: u32,
  rows: u32,
  parametersStride: u32,
  // layers: parameters
}

@group(0) @binding(0) var<storage, read> parameters: array<f32>;
// layers: bindings
@group(0) @binding(1) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
const parameters_begin = 0u;
// layers: beginnings

// layers: functions

// Four invocations have rows of one network below each other, and weights in common.
@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let number = group.z * groups.x + group.x;
  let blocks = (params.rows + 4u * ROWS - 1u) / (4u * ROWS);
  let net = number / blocks;
  let row = (number % blocks * 4u + local) * ROWS;
  if (net < params.nets) {
    // layers: calls
  }
}
