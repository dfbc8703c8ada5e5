// Widths of the layers, from the inputs to the outputs.
fn dim(i: u32) -> u32 {
  return array(
    params.d0, params.d1, params.d2, params.d3, params.d4, params.d5, params.d6, params.d7, params.d8, params.d9,
    params.d10, params.d11, params.d12,
  )[i];
}
