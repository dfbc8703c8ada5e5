// Gradients of all weights and biases: a workgroup makes one 16×16 tile of one layer of one network, summed over
// the batch. The bias is the row after the last weight, whose input is one. Sixteen invocations hold 4×4 of the
// tile each; four such slices take every fourth row of the batch, and meet in workgroup memory once at the end.
// @include mlp_weights

struct Params {
  nets: u32,
  rows: u32,
  layers: u32,
  activation: u32,
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
@group(0) @binding(2) var<storage, read> saved: array<u32>;
@group(0) @binding(3) var<storage, read> dz: array<u32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dparameters: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

fn emit(at: u32, value: f32) {
  dparameters[at] = value;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  weight_tile(group, groups, thread);
}
