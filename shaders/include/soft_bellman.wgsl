// The soft Bellman target of a row: a constant.
fn goal(row: u32) -> f32 {
  let at = params.transitionOffset + row * params.transitionStride;
  var next = nextQ[row];
  for (var net = 1u; net < NETS; net++) {
    next = safe_min(next, nextQ[net * params.batch + row]);
  }
  next -= temperature[0] * nextLogProb[params.nextLogProbOffset + row];
  let goes_on = 1.0 - transition[at + params.terminatedColumn];
  return transition[at + params.rewardColumn] + params.discount * goes_on * next;
}
