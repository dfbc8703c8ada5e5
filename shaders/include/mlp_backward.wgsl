// Two tiles, one read and one written in turn: column c of a tile is tile[2c] (rows 0–3) and tile[2c + 1].
// WIDTH is that of the widest layer.
var<workgroup> tile: array<vec4f, 4u * WIDTH>;

// The cotangents of one column of the outputs for up to four rows; the others are zero. The kernel declares
// `cotangent`, which is asked once for every element.
fn cotangents(net: u32, row: u32, rows: u32, column: u32) -> vec4f {
  var value = vec4f();
  if (rows > 0u) { value.x = cotangent(net, row, column); }
  if (rows > 1u) { value.y = cotangent(net, row + 1u, column); }
  if (rows > 2u) { value.z = cotangent(net, row + 2u, column); }
  if (rows > 3u) { value.w = cotangent(net, row + 3u, column); }
  return value;
}

// Slopes of one column of four rows; rows past the end repeat an earlier one.
fn slopes(at: u32, stride: u32, rows: u32) -> vec4f {
  let last = max(rows, 1u) - 1u;
  var value: vec4f;
  if (HALF == 1u) {
    value = vec4f(unpack2x16float(saved[at]), unpack2x16float(saved[at + min(1u, last / 2u) * stride]));
  } else {
    value = bitcast<vec4f>(vec4u(
      saved[at],
      saved[at + min(1u, last) * stride],
      saved[at + min(2u, last) * stride],
      saved[at + min(3u, last) * stride],
    ));
  }
  return vec4f(derivative(value.x), derivative(value.y), derivative(value.z), derivative(value.w));
}

// Σ over outputs of a tile's column times one row of W, for eight rows of the batch.
fn back_top_bottom(source: u32, weights: u32, outputs: u32) -> mat2x4f {
  var top = vec4f();
  var bottom = vec4f();
  for (var k = 0u; k < outputs; k++) {
    let weight = parameters[weights + k];
    top += weight * tile[source + 2u * k];
    bottom += weight * tile[source + 2u * k + 1u];
  }
  return mat2x4f(top, bottom);
}

// Carries the cotangents back for the rows from `first` on. The kernel declares `write_dz` and `write_dx`, which
// store what it is asked for.
fn backward(first: u32, thread: u32) {
  let rows = min(ROWS, params.rows - first);
  let bottom_rows = max(rows, 4u) - 4u;
  var count = 0u;
  var widths = 0u;
  for (var layer = 0u; layer < LAYERS; layer++) {
    count += (dim(layer) + 1u) * dim(layer + 1u);
    widths += select(0u, dim(layer), layer > 0u);
  }
  let width_y = dim(LAYERS);

  for (var net = 0u; net < NETS; net++) {
    // The tiles may still be read for the network before.
    workgroupBarrier();
    for (var i = thread; i < 2u * width_y; i += THREADS) {
      let below = (i & 1u) == 1u;
      let row = first + select(0u, 4u, below);
      tile[i] = cotangents(net, row, select(rows, bottom_rows, below), i / 2u);
    }

    var weights = (net + 1u) * count;
    var saved_layer = NETS * params.rows * widths;
    var source = 0u;
    for (var layer = LAYERS - 1u; layer > 0u; layer--) {
      let inputs = dim(layer);
      let outputs = dim(layer + 1u);
      let destination = 2u * WIDTH - source;
      weights -= (inputs + 1u) * outputs;
      saved_layer -= NETS * params.rows * inputs;
      workgroupBarrier();
      for (var c = thread; c < inputs; c += THREADS) {
        let at = hidden_row(saved_layer, net, first, inputs) + c;
        let below = hidden_row(saved_layer, net, first + select(0u, 4u, bottom_rows > 0u), inputs) + c;
        let sums = back_top_bottom(source, weights + c * outputs, outputs);
        let top = sums[0] * slopes(at, inputs, rows);
        let bottom = sums[1] * slopes(below, inputs, bottom_rows);
        tile[destination + 2u * c] = top;
        tile[destination + 2u * c + 1u] = bottom;
        if (STORE_DZ != 0u) {
          write_dz(at, inputs, rows, top);
          write_dz(below, inputs, bottom_rows, bottom);
        }
      }
      source = destination;
    }

    if (STORE_DX0 == 0u && STORE_DX1 == 0u) {
      continue;
    }
    weights -= (params.d0 + 1u) * params.d1;
    workgroupBarrier();
    // The same invocation meets the same element for every network, so it may add to what it wrote.
    let begin = select(params.x0Width, 0u, STORE_DX0 != 0u);
    let end = params.x0Width + select(0u, params.x1Width, STORE_DX1 != 0u);
    for (var c = begin + thread; c < end; c += THREADS) {
      let sums = back_top_bottom(source, weights + c * params.d1, params.d1);
      for (var r = 0u; r < rows; r++) {
        write_dx(c, first + r, net > 0u, select(sums[1][r & 3u], sums[0][r & 3u], r < 4u));
      }
    }
  }
}
