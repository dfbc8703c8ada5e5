// The cotangent of a layer's inputs, dx = dy·Wᵀ, for `columns` of them from `firstInput` on: times the activation's
// derivative where the inputs are a hidden layer's outputs, or summed over networks where they are all networks' own.
// @include activation

struct Params {
  nets: u32,
  rows: u32,
  outputs: u32,
  firstInput: u32,
  columns: u32,
  activation: u32,
  hasSaved: u32,
  sumNets: u32,
  parametersOffset: u32,
  parametersStride: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
const dy_begin = 0u;
const parameters_begin = 0u;
const saved_begin = 0u;
const dx_begin = 0u;

fn write_dx(row: u32, column: u32, at: u32, value: f32) {
  switch params.hasSaved {
    case 0u: { dx[dx_begin + at] = value; }
    default: { dx[dx_begin + at] = value * derivative(saved[saved_begin + at]); }
  }
}

// @include layer_backward

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  layer_backward_at((group.z * groups.x + group.x) * 8u + local);
}
