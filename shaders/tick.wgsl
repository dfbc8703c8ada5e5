// clock[2] += 1: the number of updates done, which every draw and Adam's step read. Before, the first of the watched
// scalars that is NaN or infinite is noted as in adam.wgsl.

@compute @workgroup_size(1)
fn main() {
  let scalars = array<f32, 6>(watched0[0], watched1[0], watched2[0], watched3[0], watched4[0], watched5[0]);
  for (var i = 0u; i < params.watched; i++) {
    if ((bitcast<u32>(scalars[i]) & 0x7f800000u) == 0x7f800000u && clock[4] == 0u) {
      clock[5] = params.place + i;
      clock[4] = clock[2] + 1u;
    }
  }
  clock[2] += 1u;
}
