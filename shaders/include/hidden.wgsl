// How hidden layers' values lie between kernels, [layers, nets, rows, width]: words that hold a float32 each or, to
// halve what passes through memory, two rows of a column as float16. Arithmetic is in float32 all the same.
// HALF says whether two rows share a word, SCALE by what cotangents are multiplied before they become so small a number: the
// rows by which a loss divides them, rounded up to a power of two.

// Where a row of a hidden layer begins; with HALF that of its pair. `layer`: where its layer begins among float32.
fn hidden_row(layer: u32, net: u32, row: u32, width: u32) -> u32 {
  if (HALF == 1u) {
    return (layer / params.rows + net * width) * ((params.rows + 1u) / 2u) + row / 2u * width;
  }
  return layer + (net * params.rows + row) * width;
}

fn to_word(value: f32) -> u32 {
  return bitcast<u32>(value);
}

// Two rows in a word; past the last row the second is never read. What is finite stays so.
fn to_pair(value: vec2f) -> u32 {
  let size = abs(value);
  let past = (size > vec2f(65504.0)) & (size <= vec2f(3.4028234e38));
  return pack2x16float(select(value, sign(value) * 65504.0, past));
}

// The value of one row in a word.
fn from_word(word: u32, row: u32) -> f32 {
  if (HALF == 1u) {
    let pair = unpack2x16float(word);
    return select(pair.x, pair.y, (row & 1u) == 1u);
  }
  return bitcast<f32>(word);
}
