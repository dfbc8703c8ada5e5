// Carries the cotangent of y back through all layers for eight rows of the batch: the gradient before each
// hidden activation (dz), and that of the inputs, summed over networks. Tiles are as in mlp_forward.
// @include activation

struct Params {
  nets: u32,
  rows: u32,
  layers: u32,
  activation: u32,
  storeDz: u32,
  storeDx0: u32,
  storeDx1: u32,
  x0Width: u32,
  x1Width: u32,
  d0: u32,
  d1: u32,
  d2: u32,
  d3: u32,
  d4: u32,
  d5: u32,
  d6: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read> saved: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx0: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx1: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

const THREADS = 64u;
const ROWS = 8u;
// Widest layer; the host writes the network's own here.
const WIDTH = 256u;

// Two tiles, one read and one written in turn: column c of a tile is tile[2c] (rows 0–3) and tile[2c + 1].
var<workgroup> tile: array<vec4f, 4u * WIDTH>;

fn dim(i: u32) -> u32 {
  return array(params.d0, params.d1, params.d2, params.d3, params.d4, params.d5, params.d6)[i];
}

// Reads one column of up to four rows of dy; the others are zero.
fn read_dy(at: u32, stride: u32, rows: u32) -> vec4f {
  var value = vec4f();
  if (rows > 0u) { value.x = dy[at]; }
  if (rows > 1u) { value.y = dy[at + stride]; }
  if (rows > 2u) { value.z = dy[at + 2u * stride]; }
  if (rows > 3u) { value.w = dy[at + 3u * stride]; }
  return value;
}

// Slopes of one column of four rows; rows past the end repeat an earlier one.
fn slopes(at: u32, stride: u32, rows: u32) -> vec4f {
  let last = max(rows, 1u) - 1u;
  return vec4f(
    derivative(saved[at]),
    derivative(saved[at + min(1u, last) * stride]),
    derivative(saved[at + min(2u, last) * stride]),
    derivative(saved[at + min(3u, last) * stride]),
  );
}

fn write_dz(at: u32, stride: u32, rows: u32, value: vec4f) {
  if (rows > 0u) { dz[at] = value.x; }
  if (rows > 1u) { dz[at + stride] = value.y; }
  if (rows > 2u) { dz[at + 2u * stride] = value.z; }
  if (rows > 3u) { dz[at + 3u * stride] = value.w; }
}

fn write_dx(column: u32, row: u32, again: bool, value: f32) {
  if (column < params.x0Width) {
    let at = row * params.x0Width + column;
    dx0[at] = select(0.0, dx0[at], again) + value;
  } else {
    let at = row * params.x1Width + column - params.x0Width;
    dx1[at] = select(0.0, dx1[at], again) + value;
  }
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

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.z * groups.x + group.x) * ROWS;
  if (first >= params.rows) {
    return;
  }
  let rows = min(ROWS, params.rows - first);
  let bottom_rows = max(rows, 4u) - 4u;
  var count = 0u;
  var widths = 0u;
  for (var layer = 0u; layer < params.layers; layer++) {
    count += (dim(layer) + 1u) * dim(layer + 1u);
    widths += select(0u, dim(layer), layer > 0u);
  }
  let width_y = dim(params.layers);

  for (var net = 0u; net < params.nets; net++) {
    // The tiles may still be read for the network before.
    workgroupBarrier();
    for (var c = thread; c < width_y; c += THREADS) {
      let at = (net * params.rows + first) * width_y + c;
      tile[2u * c] = read_dy(at, width_y, rows);
      tile[2u * c + 1u] = read_dy(at + 4u * width_y, width_y, bottom_rows);
    }

    var weights = (net + 1u) * count;
    var saved_layer = params.nets * params.rows * widths;
    var source = 0u;
    for (var layer = params.layers - 1u; layer > 0u; layer--) {
      let inputs = dim(layer);
      let outputs = dim(layer + 1u);
      let destination = 2u * WIDTH - source;
      weights -= (inputs + 1u) * outputs;
      saved_layer -= params.nets * params.rows * inputs;
      workgroupBarrier();
      for (var c = thread; c < inputs; c += THREADS) {
        let at = saved_layer + (net * params.rows + first) * inputs + c;
        let below = at + select(0u, 4u * inputs, bottom_rows > 0u);
        let sums = back_top_bottom(source, weights + c * outputs, outputs);
        let top = sums[0] * slopes(at, inputs, rows);
        let bottom = sums[1] * slopes(below, inputs, bottom_rows);
        tile[destination + 2u * c] = top;
        tile[destination + 2u * c + 1u] = bottom;
        if (params.storeDz != 0u) {
          write_dz(at, inputs, rows, top);
          write_dz(below, inputs, bottom_rows, bottom);
        }
      }
      source = destination;
    }

    if (params.storeDx0 == 0u && params.storeDx1 == 0u) {
      continue;
    }
    weights -= (params.d0 + 1u) * params.d1;
    workgroupBarrier();
    // The same invocation meets the same element for every network, so it may add to what it wrote.
    let begin = select(params.x0Width, 0u, params.storeDx0 != 0u);
    let end = params.x0Width + select(0u, params.x1Width, params.storeDx1 != 0u);
    for (var c = begin + thread; c < end; c += THREADS) {
      let sums = back_top_bottom(source, weights + c * params.d1, params.d1);
      for (var r = 0u; r < rows; r++) {
        write_dx(c, first + r, net > 0u, select(sums[1][r & 3u], sums[0][r & 3u], r < 4u));
      }
    }
  }
}
