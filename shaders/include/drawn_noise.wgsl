// Standard normals drawn where they are used: word `at` of the draws that follow each other, as philox.wgsl makes them.
// Stored only where something else reads them.
fn noise_at(at: u32) -> f32 {
  let word = at % params.each;
  let draw = params.draw + at / params.each * params.drawStep;
  let words = philox(vec4u(word / 4u, clock[2], draw, clock[3]), vec2u(clock[0], clock[1]));
  let pair = select(normals(words.x, words.y), normals(words.z, words.w), word % 4u > 1u);
  let e = pair[word % 2u];
  if (STORE_NOISE != 0u) {
    noise[at] = e;
  }
  return e;
}
