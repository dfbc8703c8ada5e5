// One Philox block an invocation: four words with counter (block, clock[2], draw, clock[3]) and key
// (clock[0], clock[1]), as bits (0), uniforms in (0, 1) (1) or standard normals (2), stored by their bits. Draws of `each`
// words follow each other.

fn run(item: u32) {
  if (item * 4u >= params.count) {
    return;
  }
  let draw = params.draw + item * 4u / params.each * params.drawStep;
  let block = item * 4u % params.each / 4u;
  var words = philox(vec4u(block, clock[2], draw, clock[3]), vec2u(clock[0], clock[1]));
  if (KIND == 1u) {
    words = bitcast<vec4u>(vec4f(uniform_of(words.x), uniform_of(words.y), uniform_of(words.z), uniform_of(words.w)));
  } else if (KIND == 2u) {
    words = bitcast<vec4u>(vec4f(normals(words.x, words.y), normals(words.z, words.w)));
  }
  for (var j = 0u; j < 4u; j++) {
    if (item * 4u + j < params.count) {
      y[item * 4u + j] = words[j];
    }
  }
}
