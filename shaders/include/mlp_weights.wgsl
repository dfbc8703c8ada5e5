const SLICES = 4u;

// Slice, then row of the tile, then column in vectors of four.
var<workgroup> parts: array<vec4f, 256>;

// The input of a layer's four rows of W from `first` on: one for the bias, anything past it.
fn input4(row: u32, first: u32) -> vec4f {
  var value = vec4f(1.0);
  let at0 = params.x0Offset + (row % params.x0Rows) * params.x0Stride;
  for (var i = 0u; i < 4u; i++) {
    let column = first + i;
    if (column < params.x0Width) {
      value[i] = x0[at0 + column];
    } else if (column < params.d0) {
      value[i] = x1[params.x1Offset + (row % params.x1Rows) * params.x1Stride + column - params.x0Width];
    }
  }
  return value;
}

fn hidden4(at: u32, r: u32, first: u32, width: u32) -> vec4f {
  // A column past the end reads a neighbour, and the bias's one replaces it.
  let value = vec4f(
    from_saved(from_word(saved[at], r)),
    from_saved(from_word(saved[at + 1u], r)),
    from_saved(from_word(saved[at + 2u], r)),
    from_saved(from_word(saved[at + 3u], r)),
  );
  return select(vec4f(1.0), value, vec4u(first, first + 1u, first + 2u, first + 3u) < vec4u(width));
}

fn dy4(at: vec4u) -> vec4f {
  return vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
}

fn dz4(at: vec4u, r: u32) -> vec4f {
  return vec4f(from_word(dz[at.x], r), from_word(dz[at.y], r), from_word(dz[at.z], r), from_word(dz[at.w], r));
}

// One tile of the gradient of one network's parameters. The kernel declares `emit`, which gets each element once.
fn weight_tile(group: vec3u, groups: vec3u, thread: u32) {
  var tiles_of_net = 0u;
  for (var l = 0u; l < LAYERS; l++) {
    tiles_of_net += (dim(l) + TILE) / TILE * ((dim(l + 1u) + TILE - 1u) / TILE);
  }
  let net = (group.z * groups.x + group.x) / tiles_of_net;
  var number = (group.z * groups.x + group.x) % tiles_of_net;

  // Which layer the tile belongs to, and where that layer's things begin.
  var layer = 0u;
  var weights = 0u;
  var saved_layer = 0u;
  var dz_layer = 0u;
  var across = 0u;
  var count = 0u;
  var found = false;
  for (var l = 0u; l < LAYERS; l++) {
    let inputs = dim(l);
    let outputs = dim(l + 1u);
    let columns = (outputs + TILE - 1u) / TILE;
    let tiles = (inputs + TILE) / TILE * columns;
    if (!found) {
      if (number < tiles) {
        found = true;
        layer = l;
        across = columns;
        weights = count;
      } else {
        number -= tiles;
        saved_layer = dz_layer;
        dz_layer += NETS * params.rows * outputs;
      }
    }
    count += (inputs + 1u) * outputs;
  }
  if (!found || net >= NETS) {
    return;
  }
  let inputs = dim(layer);
  let outputs = dim(layer + 1u);
  let last = layer + 1u == LAYERS;
  let slice = thread / 16u;
  let row = (number / across) * TILE + (thread % 16u) / 4u * 4u;
  let column = (number % across) * TILE + thread % 4u * 4u;
  let columns4 = min(vec4u(column, column + 1u, column + 2u, column + 3u), vec4u(outputs - 1u));

  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  // Sums of sums of short sums, so that a long one loses no more than those.
  for (var begin = slice; begin < params.rows; begin += SLICES * 16384u) {
    let end = min(params.rows, begin + SLICES * 16384u);
    var blocks0 = vec4f();
    var blocks1 = vec4f();
    var blocks2 = vec4f();
    var blocks3 = vec4f();
    for (var start = begin; start < end; start += SLICES * 128u) {
      var block0 = vec4f();
      var block1 = vec4f();
      var block2 = vec4f();
      var block3 = vec4f();
      for (var r = start; r < min(end, start + SLICES * 128u); r += SLICES) {
        var left: vec4f;
        if (layer == 0u) {
          left = input4(r, row);
        } else {
          left = hidden4(hidden_row(saved_layer, net, r, inputs) + row, r, row, inputs);
        }
        var right: vec4f;
        if (last) {
          right = dy4((net * params.rows + r) * outputs + columns4);
        } else {
          right = dz4(hidden_row(dz_layer, net, r, outputs) + columns4, r);
        }
        block0 += left.x * right;
        block1 += left.y * right;
        block2 += left.z * right;
        block3 += left.w * right;
      }
      blocks0 += block0;
      blocks1 += block1;
      blocks2 += block2;
      blocks3 += block3;
    }
    sum0 += blocks0;
    sum1 += blocks1;
    sum2 += blocks2;
    sum3 += blocks3;
  }

  let at = slice * 64u + (thread % 16u) / 4u * 16u + thread % 4u;
  parts[at] = sum0;
  parts[at + 4u] = sum1;
  parts[at + 8u] = sum2;
  parts[at + 12u] = sum3;
  workgroupBarrier();
  let scale = select(1.0 / f32(SCALE), 1.0, last);
  let total = scale * (parts[thread] + parts[thread + 64u] + parts[thread + 128u] + parts[thread + 192u]);
  let i = (number / across) * TILE + thread / 4u;
  for (var j = 0u; j < 4u; j++) {
    let o = (number % across) * TILE + thread % 4u * 4u + j;
    if (i <= inputs && o < outputs) {
      emit(net * count + weights + i * outputs + o, total[j]);
    }
  }
}
