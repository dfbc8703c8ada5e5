// Rows drawn evenly, with replacement, from the filled part of a replay buffer: row i is
// storage[⌊bits_i·fill[0]/2^32⌋], bits_i the words of draw `draw`.
// An invocation copies COLUMNS of a row, since the words of a draw cost more than a few copies.

fn run(item: u32) {
  let runs = (params.width + COLUMNS - 1u) / COLUMNS;
  let row = item / runs;
  if (row >= params.batch) {
    return;
  }
  let first = item % runs * COLUMNS;
  let words = philox(vec4u(row / 4u, clock[2], params.draw, clock[3]), vec2u(clock[0], clock[1]));
  let entry = mul_high(words[row % 4u], fill[0]);
  for (var column = first; column < min(first + COLUMNS, params.width); column++) {
    y[row * params.width + column] = storage_[entry * params.width + column];
  }
}
