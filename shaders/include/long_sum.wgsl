// A sum of many terms in float32: of blocks of 128 terms, of blocks of 128 blocks, and of those. Each of the three has few
// terms, so that rounding stays as small as in a short sum. No compensation: a compiler may reorder that away.
struct LongSum {
  block: f32,
  blocks: f32,
  total: f32,
}

// The sum with term `i`, counted from 0.
fn add_term(sum: LongSum, i: u32, term: f32) -> LongSum {
  var next = LongSum(sum.block + term, sum.blocks, sum.total);
  if ((i & 127u) == 127u) {
    next.blocks += next.block;
    next.block = 0.0;
  }
  if ((i & 16383u) == 16383u) {
    next.total += next.blocks;
    next.blocks = 0.0;
  }
  return next;
}

fn sum_of(sum: LongSum) -> f32 {
  return sum.total + (sum.blocks + sum.block);
}
