// clock[2] += 1: the number of updates done, which every draw and Adam's step read.

struct Params {
  unused: u32,
}

@group(0) @binding(0) var<storage, read_write> clock: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  clock[2] += 1u;
}
