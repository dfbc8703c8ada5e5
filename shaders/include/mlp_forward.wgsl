// Two tiles, one read and one written in turn: column c of a tile is tile[2c] (rows 0–3) and tile[2c + 1].
// WIDTH is that of the widest layer.
var<workgroup> tile: array<vec4f, 4u * WIDTH>;

fn activate4(z: vec4f) -> vec4f {
  return vec4f(activate(z.x), activate(z.y), activate(z.z), activate(z.w));
}

// Column `column` of a row of the two input segments side by side. Rows past the end repeat the last one.
fn input(row_or_past: u32, column: u32) -> f32 {
  let row = min(row_or_past, params.rows - 1u);
  if (column < params.x0Width) {
    return x0[params.x0Offset + (row % params.x0Rows) * params.x0Stride + column];
  }
  return x1[params.x1Offset + (row % params.x1Rows) * params.x1Stride + column - params.x0Width];
}

// Writes one column of up to four rows.
fn write_saved(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (HALF == 1u) {
    if (rows > 0u) { saved[at] = to_pair(value.xy); }
    if (rows > 2u) { saved[at + stride] = to_pair(value.zw); }
    return;
  }
  if (rows > 0u) { saved[at] = to_word(value.x); }
  if (rows > 1u) { saved[at + stride] = to_word(value.y); }
  if (rows > 2u) { saved[at + 2u * stride] = to_word(value.z); }
  if (rows > 3u) { saved[at + 3u * stride] = to_word(value.w); }
}

// All layers of network `net` for the rows from `first` on. Where in `tile` the outputs lie; they are stored by
// `write_y`, which the kernel declares.
fn forward(net: u32, first: u32, thread: u32) -> u32 {
  let rows = min(ROWS, params.rows - first);
  let bottom_rows = max(rows, 4u) - 4u;

  for (var c = thread; c < params.d0; c += THREADS) {
    tile[2u * c] = vec4f(input(first, c), input(first + 1u, c), input(first + 2u, c), input(first + 3u, c));
    tile[2u * c + 1u] = vec4f(input(first + 4u, c), input(first + 5u, c), input(first + 6u, c), input(first + 7u, c));
  }

  var count = 0u;
  for (var layer = 0u; layer < LAYERS; layer++) {
    count += (dim(layer) + 1u) * dim(layer + 1u);
  }
  var weights = net * count;
  var saved_layer = 0u;
  var source = 0u;
  for (var layer = 0u; layer < LAYERS; layer++) {
    let inputs = dim(layer);
    let outputs = dim(layer + 1u);
    let biases = weights + inputs * outputs;
    let destination = 2u * WIDTH - source;
    let last = layer + 1u == LAYERS;
    workgroupBarrier();
    for (var c = thread; c < outputs; c += THREADS) {
      var top = vec4f(parameters[biases + c]);
      var bottom = top;
      for (var k = 0u; k < inputs; k++) {
        let weight = parameters[weights + k * outputs + c];
        top += weight * tile[source + 2u * k];
        bottom += weight * tile[source + 2u * k + 1u];
      }
      let at = (net * params.rows + first) * outputs + c;
      if (last) {
        tile[destination + 2u * c] = top;
        tile[destination + 2u * c + 1u] = bottom;
        write_y(at, outputs, rows, top);
        write_y(at + 4u * outputs, outputs, bottom_rows, bottom);
      } else {
        let top_value = activate4(top);
        let bottom_value = activate4(bottom);
        tile[destination + 2u * c] = top_value;
        tile[destination + 2u * c + 1u] = bottom_value;
        if (STORE_SAVED != 0u) {
          let here = hidden_row(saved_layer, net, first, outputs) + c;
          let below = hidden_row(saved_layer, net, first + 4u, outputs) + c;
          write_saved(here, outputs, rows, to_save(top, top_value));
          write_saved(below, outputs, bottom_rows, to_save(bottom, bottom_value));
        }
      }
    }
    weights = biases + outputs;
    saved_layer += NETS * params.rows * outputs;
    source = destination;
  }
  return source;
}
