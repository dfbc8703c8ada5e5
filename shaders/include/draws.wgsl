// The 23 high bits and a half: every step is exact, and neither 0 nor 1 can come out.
fn uniform_of(word: u32) -> f32 {
  return (f32(word >> 9u) + 0.5) * 1.1920929e-7;
}

// Box & Muller.
fn normals(word0: u32, word1: u32) -> vec2f {
  return sqrt(-2.0 * safe_log(uniform_of(word0))) * cos_sin_turns(uniform_of(word1));
}
