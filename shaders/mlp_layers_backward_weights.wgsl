// The gradients of the weights and biases of several layers in one dispatch. The host writes in, for each layer, what it
// binds and takes and its functions from mlp_layer_backward_weights.wgsl.
// @include math
// @include made

struct Params {
  nets: u32,
  rows: u32,
  parametersStride: u32,
  // layers: parameters
}

@group(0) @binding(0) var<storage, read_write> dparameters: array<f32>;
// layers: bindings
@group(0) @binding(1) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
// layers: beginnings

fn emit(at: u32, value: f32) {
  dparameters[at] = value;
}

// layers: functions

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.z * groups.x + group.x) * 8u + local;
  var tile: Made;
  // layers: calls
  emit_made(tile);
}
