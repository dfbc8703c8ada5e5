// The gradient of a layer's weights, dW = xᵀ·dy, for the inputs of one segment, and that of its bias where asked for.
// An invocation makes ROWS inputs by COLUMNS outputs, or one element of the bias.
// @include activation
// @include tile
// @include made
// @include long_sum

struct Params {
  nets: u32,
  rows: u32,
  inputs: u32,
  outputs: u32,
  activation: u32,
  hasBias: u32,
  weightsOffset: u32,
  biasOffset: u32,
  parametersStride: u32,
  xOffset: u32,
  xNet: u32,
  xStride: u32,
  xRows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dparameters: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Where bindings begin: the host puts them into one buffer. Counted from there, an index needs no sum at every load.
const x_begin = 0u;
const dy_begin = 0u;

fn emit(at: u32, value: f32) {
  dparameters[at] = value;
}

fn weights(item: u32) -> Made {
  let tile = tile_of(item, params.inputs, params.outputs);
  let start = x_begin + params.xOffset + tile.net * params.xNet + tile.row + tile.rowPart * LOADED_ROWS;
  var cotangent = dy_begin + tile.net * params.rows * params.outputs + tile.column + tile.columnPart * LOADED_COLUMNS;

  // Sizes are read once: software adapters read parameters anew in every pass of a loop.
  let rows = params.rows;
  let outputs = params.outputs;
  let x_stride = params.xStride;
  let end = start + params.xRows * x_stride;
  var at = start;
  for (var r = 0u; r < ROWS * COLUMNS; r++) {
    made[r] = 0.0;
  }
  // Sums of sums of short sums, so that a long one loses no more than those.
  for (var begin = 0u; begin < rows; begin += 16384u) {
    let end_of_blocks = min(rows, begin + 16384u);
    var blocks = array<f32, ROWS * COLUMNS>();
    for (var first = begin; first < end_of_blocks; first += 128u) {
      var sums = array<f32, ROWS * COLUMNS>();
      for (var row = first; row < min(end_of_blocks, first + 128u); row++) {
        var right: array<f32, COLUMNS>;
        for (var c = 0u; c < LOADED_COLUMNS; c++) { // @unroll
          right[c] = dy[cotangent + c];
        }
        for (var c = LOADED_COLUMNS; c < PAIRED_COLUMNS; c++) { // @unroll
          right[c] = from_same_columns(right[c - LOADED_COLUMNS]);
        }
        for (var c = PAIRED_COLUMNS; c < COLUMNS; c++) { // @unroll
          right[c] = from_pair_of_same_columns(right[c - PAIRED_COLUMNS]);
        }
        for (var r = 0u; r < LOADED_ROWS; r++) { // @unroll
          var left = from_saved(x[at + r]);
          for (var part = 0u; part < ROW_SHARERS; part++) { // @unroll
            for (var c = 0u; c < COLUMNS; c++) { // @unroll
              sums[(part * LOADED_ROWS + r) * COLUMNS + c] += left * right[c];
            }
            left = from_same_rows(left);
          }
        }
        cotangent += outputs;
        // In place of row % xRows, a division each time.
        at += x_stride;
        at = select(at, start, at == end);
      }
      for (var i = 0u; i < TILE; i++) { // @unroll
        blocks[i] += sums[i];
      }
    }
    for (var i = 0u; i < TILE; i++) { // @unroll
      made[i] += blocks[i];
    }
  }
  let to = params.weightsOffset + tile.net * params.parametersStride + tile.row * params.outputs + tile.column;
  let inside = vec2u(params.inputs, params.outputs) - min(vec2u(tile.row, tile.column), vec2u(params.inputs, params.outputs));
  return Made(ROWS, COLUMNS, inside.x, inside.y, to, params.outputs, tile.rowPart * LOADED_ROWS, tile.columnPart * LOADED_COLUMNS);
}

fn bias(item: u32) -> Made {
  let net = item / params.outputs;
  if (params.hasBias == 0u || net >= params.nets) {
    return Made();
  }
  let column = item % params.outputs;
  var at = dy_begin + net * params.rows * params.outputs + column;
  let rows = params.rows;
  let outputs = params.outputs;
  var sum = LongSum();
  for (var row = 0u; row < rows; row++) {
    sum = add_term(sum, row, dy[at]);
    at += outputs;
  }
  made[0] = sum_of(sum);
  return Made(1u, 1u, 1u, 1u, params.biasOffset + net * params.parametersStride + column, 0u, 0u, 0u);
}

// Invocations that a kernel of several layers gives this one: for tiles, then for elements of the bias.
fn layer_items() -> u32 {
  return tile_count(params.nets, params.inputs, params.outputs) + params.hasBias * params.nets * params.outputs;
}

fn layer(item: u32) -> Made {
  let tiles = tile_count(params.nets, params.inputs, params.outputs);
  if (item < tiles) {
    return weights(item);
  }
  return bias(item - tiles);
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  emit_made(layer((group.z * groups.x + group.x) * 8u + local));
}
