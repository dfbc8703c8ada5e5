// y = activation(a·b + bias) over a batch of matrices with any strides.
// A workgroup of 8×4 invocations makes a tile of y, each invocation 8×8 of it in registers: sixteen loads serve sixty-four
// multiply-adds. No workgroup memory and no barriers.

// Quarters of four rows by four columns; a row of a quarter is a column of its matrix.
struct Tile {
  topLeft: mat4x4f,
  topRight: mat4x4f,
  bottomLeft: mat4x4f,
  bottomRight: mat4x4f,
}

fn both(x: Tile, y: Tile) -> Tile {
  return Tile(
    x.topLeft + y.topLeft,
    x.topRight + y.topRight,
    x.bottomLeft + y.bottomLeft,
    x.bottomRight + y.bottomRight,
  );
}

fn outer(left: vec4f, right: vec4f) -> mat4x4f {
  return mat4x4f(left.x * right, left.y * right, left.z * right, left.w * right);
}

// Four rows or columns: past the edge the last one again.
fn four(first: u32, count: u32) -> vec4u {
  return min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(count - 1u));
}

fn four_of_a(at: vec4u) -> vec4f {
  return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn four_of_b(at: vec4u) -> vec4f {
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn store(batch: u32, first_row: u32, first_column: u32, part: mat4x4f) {
  for (var i = 0u; i < 4u && first_row + i < params.rows; i++) {
    for (var j = 0u; j < 4u && first_column + j < params.columns; j++) {
      let column = first_column + j;
      var value = part[i][j];
      if (HAS_BIAS != 0u) {
        value += bias[params.biasOffset + batch * params.biasBatch + column];
      }
      let at = (batch * params.rows + first_row + i) * params.columns + column;
      if (STORE_Z != 0u) {
        z[at] = value;
      }
      y[at] = activate(value);
    }
  }
}

@compute @workgroup_size(8, 4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let number = group.z * groups.x + group.x;
  let across = (params.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
  let down = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let batch = number / across / down;
  let row = number / across % down * TILE_ROWS + local.y * 8u;
  let column = number % across * TILE_COLUMNS + local.x * 8u;
  if (batch >= params.batch || row >= params.rows || column >= params.columns) {
    return;
  }
  let begin_a = params.aOffset + batch * params.aBatch;
  var at_top = begin_a + four(row, params.rows) * params.aRow;
  var at_bottom = begin_a + four(row + 4u, params.rows) * params.aRow;
  let begin_b = params.bOffset + batch * params.bBatch;
  var at_left = begin_b + four(column, params.columns) * params.bColumn;
  var at_right = begin_b + four(column + 4u, params.columns) * params.bColumn;
  let step_a = params.aColumn;
  let step_b = params.bRow;
  let inner = params.inner;
  // Sums of sums of short sums, so that a long one loses no more than those.
  var total = Tile();
  for (var begin = 0u; begin < inner; begin += 16384u) {
    let end = min(inner, begin + 16384u);
    var blocks = Tile();
    for (var first = begin; first < end; first += 128u) {
      let last = min(end, first + 128u);
      var block = Tile();
      for (var k = first; k < last; k++) {
        let top = four_of_a(at_top);
        let left = four_of_b(at_left);
        block.topLeft += outer(top, left);
        // Quarters past the edge of every tile are left out.
        if (HAS_BOTTOM != 0u) {
          block.bottomLeft += outer(four_of_a(at_bottom), left);
        }
        if (HAS_RIGHT != 0u) {
          let right = four_of_b(at_right);
          block.topRight += outer(top, right);
          if (HAS_BOTTOM != 0u) {
            block.bottomRight += outer(four_of_a(at_bottom), right);
          }
        }
        at_top += step_a;
        at_bottom += step_a;
        at_left += step_b;
        at_right += step_b;
      }
      blocks = both(blocks, block);
    }
    total = both(total, blocks);
  }
  store(batch, row, column, total.topLeft);
  store(batch, row, column + 4u, total.topRight);
  store(batch, row + 4u, column, total.bottomLeft);
  store(batch, row + 4u, column + 4u, total.bottomRight);
}
