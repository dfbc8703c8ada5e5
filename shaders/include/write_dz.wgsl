// Writes one column of up to four rows of the cotangents of a hidden layer, in the binding `dz`.
fn write_dz(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (HALF == 1u) {
    if (rows > 0u) { dz[at] = to_pair(f32(SCALE) * value.xy); }
    if (rows > 2u) { dz[at + stride] = to_pair(f32(SCALE) * value.zw); }
    return;
  }
  if (rows > 0u) { dz[at] = to_word(value.x); }
  if (rows > 1u) { dz[at + stride] = to_word(value.y); }
  if (rows > 2u) { dz[at + 2u * stride] = to_word(value.z); }
  if (rows > 3u) { dz[at + 3u * stride] = to_word(value.w); }
}
