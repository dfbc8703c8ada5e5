// Losses with their gradients; formulas as in src/backend/cpu/losses.ts. Lanes run over the batch. Sums over the
// batch are in float64, so that a large batch loses nothing.
import { LossReverseKl, LossScore, LossSnis, LossSoftBellman } from './layouts';
import { address, bytes, float, word } from './block';
import { exp } from './math';
import {
  add, div, eq, firstLanes, keep, LANES, load, max, min, mul, ne, select, SIZE, splat, store, storePart, sub,
  sumLanes, V,
} from './vec';

const BASELINE_MEAN: i32 = 1;
const BASELINE_LOO: i32 = 2;
const BASELINE_VALUE: i32 = 3;

/** Samples that are summed before they join the others: no sum in float32 has many terms. */
const SAMPLES: i32 = 128;

@inline function min32(a: i32, b: i32): i32 {
  return a < b ? a : b;
}

/** Smallest over the nets, `stride` bytes apart; NaN if any is NaN. */
@inline function smallest(q: usize, stride: usize, nets: i32): V {
  let least = load(q);
  for (let net: i32 = 1; net < nets; ++net) {
    q += stride;
    least = min(least, load(q));
  }
  return least;
}

/** dq of each net = g·share of the minimum, where ties share evenly; a NaN among the nets makes all NaN. */
@inline function spread(dq: usize, q: usize, stride: usize, nets: i32, g: V, lanes: i32): void {
  const least = smallest(q, stride, nets);
  const one = splat(1);
  let ties = splat(0);
  let from = q;
  for (let net: i32 = 0; net < nets; ++net) {
    ties = add(ties, keep(eq(load(from), least), one));
    from += stride;
  }
  const share = div(g, ties);
  for (let net: i32 = 0; net < nets; ++net) {
    const mine = keep(eq(load(q), least), share);
    storePart(dq, select(ne(least, least), least, mine), lanes);
    q += stride;
    dq += stride;
  }
}

/** The sum of the first lanes. */
@inline function sumFirst(x: V, lanes: i32): f64 {
  return <f64>sumLanes(lanes < LANES ? keep(firstLanes(lanes), x) : x);
}

export function lossReverseKl(p: usize): void {
  const nets = word(p, LossReverseKl.nets);
  const count = word(p, LossReverseKl.samples) * word(p, LossReverseKl.batch);
  const storeLoss = word(p, LossReverseKl.storeLoss) != 0;
  const storeDLogProb = word(p, LossReverseKl.storeDLogProb) != 0;
  const storeDQ = word(p, LossReverseKl.storeDQ) != 0;
  const logProb = address(p, LossReverseKl.logProb);
  const q = address(p, LossReverseKl.q);
  const temperature = f32.load(address(p, LossReverseKl.temperature));
  const stride = bytes(count);
  const dLogProb = splat(<f32>(1 / <f64>count));
  const g = splat(<f32>(-1 / (<f64>count * <f64>temperature)));
  let total: f64 = 0;
  for (let i: i32 = 0; i < count; i += LANES) {
    const at = bytes(i);
    const lanes = count - i;
    if (storeLoss) {
      const f = sub(load(logProb + at), div(smallest(q + at, stride, nets), splat(temperature)));
      total += sumFirst(f, lanes);
    }
    if (storeDLogProb) storePart(address(p, LossReverseKl.dLogProb) + at, dLogProb, lanes);
    if (storeDQ) spread(address(p, LossReverseKl.dQ) + at, q + at, stride, nets, g, lanes);
  }
  if (storeLoss) f32.store(address(p, LossReverseKl.loss), <f32>(total / <f64>count));
}

export function lossScore(p: usize, scratch: usize): void {
  const nets = word(p, LossScore.nets);
  const samples = word(p, LossScore.samples);
  const batch = word(p, LossScore.batch);
  const baseline = word(p, LossScore.baseline);
  const storeDLogProb = word(p, LossScore.storeDLogProb) != 0;
  const logProb = address(p, LossScore.logProb);
  const q = address(p, LossScore.q);
  const temperature = splat(f32.load(address(p, LossScore.temperature)));
  const count = samples * batch;
  const stride = bytes(count);
  const row = bytes(batch);
  const scale = splat(<f32>(1 / <f64>count));
  let sum: f64 = 0;
  for (let b: i32 = 0; b < batch; b += LANES) {
    const lanes = batch - b;
    let at = bytes(b);
    let total = splat(0);
    for (let s: i32 = 0; s < samples; ) {
      const end = min32(samples, s + SAMPLES);
      let block = splat(0);
      for (; s < end; ++s) {
        const f = sub(load(logProb + at), div(smallest(q + at, stride, nets), temperature));
        store(scratch + <usize>s * SIZE, f);
        block = add(block, f);
        at += row;
      }
      total = add(total, block);
    }
    sum += sumFirst(total, lanes);
    if (!storeDLogProb) continue;
    at = bytes(b);
    for (let s: i32 = 0; s < samples; ++s) {
      const f = load(scratch + <usize>s * SIZE);
      let centre = splat(0);
      if (baseline == BASELINE_MEAN) centre = div(total, splat(<f32>samples));
      else if (baseline == BASELINE_LOO) centre = div(sub(total, f), splat(<f32>(samples - 1)));
      else if (baseline == BASELINE_VALUE) centre = load(address(p, LossScore.value) + bytes(b));
      storePart(address(p, LossScore.dLogProb) + at, mul(sub(f, centre), scale), lanes);
      at += row;
    }
  }
  if (word(p, LossScore.storeLoss)) f32.store(address(p, LossScore.loss), <f32>(sum / <f64>count));
}

export function lossSnis(p: usize, scratch: usize): void {
  const nets = word(p, LossSnis.nets);
  const samples = word(p, LossSnis.samples);
  const batch = word(p, LossSnis.batch);
  const storeLoss = word(p, LossSnis.storeLoss) != 0;
  const storeDLogProb = word(p, LossSnis.storeDLogProb) != 0;
  const logProb = address(p, LossSnis.logProb);
  const q = address(p, LossSnis.q);
  const logProposal = address(p, LossSnis.logProposal);
  const temperature = splat(f32.load(address(p, LossSnis.temperature)));
  const stride = bytes(samples * batch);
  const row = bytes(batch);
  const scale = splat(<f32>(-1 / <f64>batch));
  let lossSum: f64 = 0;
  let sizeSum: f64 = 0;
  for (let b: i32 = 0; b < batch; b += LANES) {
    const lanes = batch - b;
    const begin = bytes(b);
    let largest = splat(-Infinity);
    let at = begin;
    for (let s: i32 = 0; s < samples; ++s) {
      const w = sub(div(smallest(q + at, stride, nets), temperature), load(logProposal + at));
      store(scratch + <usize>s * SIZE, w);
      largest = max(largest, w);
      at += row;
    }
    let total = splat(0);
    for (let s: i32 = 0; s < samples; ) {
      const end = min32(samples, s + SAMPLES);
      let block = splat(0);
      for (; s < end; ++s) {
        const w = exp(sub(load(scratch + <usize>s * SIZE), largest));
        store(scratch + <usize>s * SIZE, w);
        block = add(block, w);
      }
      total = add(total, block);
    }
    let squares = splat(0);
    let loss = splat(0);
    at = begin;
    for (let s: i32 = 0; s < samples; ) {
      const end = min32(samples, s + SAMPLES);
      let squaresBlock = splat(0);
      let lossBlock = splat(0);
      for (; s < end; ++s) {
        const w = div(load(scratch + <usize>s * SIZE), total);
        squaresBlock = add(squaresBlock, mul(w, w));
        if (storeLoss) lossBlock = sub(lossBlock, mul(w, load(logProb + at)));
        if (storeDLogProb) storePart(address(p, LossSnis.dLogProb) + at, mul(w, scale), lanes);
        at += row;
      }
      squares = add(squares, squaresBlock);
      loss = add(loss, lossBlock);
    }
    lossSum += sumFirst(loss, lanes);
    sizeSum += sumFirst(div(splat(1), squares), lanes);
  }
  if (storeLoss) f32.store(address(p, LossSnis.loss), <f32>(lossSum / <f64>batch));
  if (word(p, LossSnis.storeEss)) f32.store(address(p, LossSnis.effectiveSampleSize), <f32>(sizeSum / <f64>batch));
}

/** Rewards and terminations lie apart in the rows of `transition`; they are first put side by side. */
export function lossSoftBellman(p: usize, scratch: usize): void {
  const nets = word(p, LossSoftBellman.nets);
  const batch = word(p, LossSoftBellman.batch);
  const stride = bytes(word(p, LossSoftBellman.transitionStride));
  const storeDQ = word(p, LossSoftBellman.storeDQ) != 0;
  const storeTarget = word(p, LossSoftBellman.storeTarget) != 0;
  const discount = splat(float(p, LossSoftBellman.discount));
  const transition = address(p, LossSoftBellman.transition) + bytes(word(p, LossSoftBellman.transitionOffset));
  const nextLogProb = address(p, LossSoftBellman.nextLogProb) + bytes(word(p, LossSoftBellman.nextLogProbOffset));
  const nextQ = address(p, LossSoftBellman.nextQ);
  const q = address(p, LossSoftBellman.q);
  const temperature = splat(f32.load(address(p, LossSoftBellman.temperature)));
  const net = bytes(batch);
  const scale = splat(<f32>(2 / <f64>batch));
  const rewards = scratch;
  const going = scratch + SIZE;
  let total: f64 = 0;
  for (let b: i32 = 0; b < batch; b += LANES) {
    const lanes = batch - b;
    const at = bytes(b);
    for (let lane: i32 = 0; lane < LANES && lane < lanes; ++lane) {
      const row = transition + <usize>(b + lane) * stride;
      f32.store(rewards + bytes(lane), f32.load(row + bytes(word(p, LossSoftBellman.rewardColumn))));
      f32.store(going + bytes(lane), 1 - f32.load(row + bytes(word(p, LossSoftBellman.terminatedColumn))));
    }
    const next = sub(smallest(nextQ + at, net, nets), mul(temperature, load(nextLogProb + at)));
    const y = add(load(rewards), mul(mul(discount, load(going)), next));
    if (storeTarget) storePart(address(p, LossSoftBellman.target) + at, y, lanes);
    let from = at;
    for (let i: i32 = 0; i < nets; ++i) {
      const error = sub(load(q + from), y);
      total += sumFirst(mul(error, error), lanes);
      if (storeDQ) storePart(address(p, LossSoftBellman.dQ) + from, mul(error, scale), lanes);
      from += net;
    }
  }
  if (word(p, LossSoftBellman.storeLoss)) f32.store(address(p, LossSoftBellman.loss), <f32>(total / <f64>batch));
}
