// Diagonal Gaussians over actions, optionally squashed by tanh; formulas as in src/backend/cpu/gaussian.ts. An item
// is a block of batch rows: their means and log-stds are gathered once, then each sample is one pass over
// contiguous floats. Scratch holds eight arrays of the block's size.
import { GaussianLogProb, GaussianLogProbBackward, GaussianSample, GaussianSampleBackward } from './layouts';
import { address, bytes, float, word } from './block';
import { exp, logJacobian, tanh, tanhSlope } from './math';
import {
  add, atLeast, atMost, LANES, load, madd, mul, neg, nmadd, SIZE, splat, store, storePart, sub, V,
} from './vec';

const HALF_LOG_TWO_PI: f32 = 0.9189385332046728;

/** Bytes between two scratch arrays of `count` floats. */
@inline function pitchOf(count: i32): usize {
  return (bytes(count) + 127) & ~63;
}

/** mean [rows, actions] and the clamped log-std of the head's rows, and the raw log-std when wanted. */
function readHead(
  head: usize, rows: i32, actions: i32, mean: usize, logStd: usize, low: f32, high: f32,
): void {
  let m = mean;
  let l = logStd;
  for (let row: i32 = 0; row < rows; ++row) {
    for (let a: i32 = 0; a < actions; ++a) {
      f32.store(m, f32.load(head));
      f32.store(l, f32.load(head + bytes(actions)));
      m += 4;
      l += 4;
      head += 4;
    }
    head += bytes(actions);
  }
  const count = rows * actions;
  for (let i: i32 = 0; i < count; i += LANES) {
    store(logStd, atLeast(atMost(load(logStd), splat(high)), splat(low)));
    logStd += SIZE;
  }
}

/** y[row] = −Σ_a x[row, a] */
function negatedRowSums(x: usize, rows: i32, actions: i32, y: usize): void {
  for (let row: i32 = 0; row < rows; ++row) {
    let total: f64 = 0;
    for (let a: i32 = 0; a < actions; ++a) {
      total -= f32.load(x);
      x += 4;
    }
    f32.store(y, <f32>total);
    y += 4;
  }
}

/** Samples whose gradients are summed before they join the others: no sum has many terms. */
const SAMPLES: i32 = 128;

/** Adds `count` floats to those at `to`, and sets them to 0. */
function flush(from: usize, to: usize, count: i32): void {
  for (let at: usize = 0; at < bytes(count); at += SIZE) {
    store(to + at, add(load(to + at), load(from + at)));
    store(from + at, splat(0));
  }
}

export function gaussianSample(p: usize, item: i32, scratch: usize): void {
  const batch = word(p, GaussianSample.batch);
  const samples = word(p, GaussianSample.samples);
  const actions = word(p, GaussianSample.actions);
  const squash = word(p, GaussianSample.squash) != 0;
  const storeAction = word(p, GaussianSample.storeAction) != 0;
  const storePreTanh = word(p, GaussianSample.storePreTanh) != 0;
  const storeLogProb = word(p, GaussianSample.storeLogProb) != 0;
  const noiseAt = bytes(word(p, GaussianSample.noiseOffset));
  const rowBlock = word(p, GaussianSample.rowBlock);
  const first = item * rowBlock;
  const rows = min(rowBlock, batch - first);
  const count = rows * actions;
  const pitch = pitchOf(count);
  const mean = scratch;
  const logStd = mean + pitch;
  const std = logStd + pitch;
  const terms = std + pitch;
  readHead(address(p, GaussianSample.head) + <usize>(first * actions) * 8, rows, actions, mean, logStd, float(p, GaussianSample.logStdMin), float(p, GaussianSample.logStdMax));
  for (let at: usize = 0; at < bytes(count); at += SIZE) store(std + at, exp(load(logStd + at)));
  for (let sample: i32 = 0; sample < samples; ++sample) {
    const row = sample * batch + first;
    const base = bytes(row * actions);
    const noise = address(p, GaussianSample.noise) + noiseAt + base;
    const action = address(p, GaussianSample.action) + base;
    const preTanh = address(p, GaussianSample.preTanh) + base;
    for (let i: i32 = 0; i < count; i += LANES) {
      const at = bytes(i);
      const n = load(noise + at);
      const u = madd(load(std + at), n, load(mean + at));
      if (storeAction) storePart(action + at, squash ? tanh(u) : u, count - i);
      if (storePreTanh) storePart(preTanh + at, u, count - i);
      if (storeLogProb) {
        let term = madd(mul(splat(0.5), n), n, add(load(logStd + at), splat(HALF_LOG_TWO_PI)));
        if (squash) term = add(term, logJacobian(u));
        store(terms + at, term);
      }
    }
    if (storeLogProb) negatedRowSums(terms, rows, actions, address(p, GaussianSample.logProb) + bytes(row));
  }
}

/** Repeats each of [rows] `actions` times. */
function repeatRows(x: usize, rows: i32, actions: i32, y: usize): void {
  if (actions == 1) {
    memory.copy(y, x, bytes(rows));
    return;
  }
  for (let row: i32 = 0; row < rows; ++row) {
    const value = f32.load(x);
    for (let a: i32 = 0; a < actions; ++a) {
      f32.store(y, value);
      y += 4;
    }
    x += 4;
  }
}

/** dHead rows = [toMean, toLogStd], the latter 0 where the raw log-std lies outside the clamp's bounds. */
function writeHeadGradient(
  head: usize, dHead: usize, rows: i32, actions: i32, toMean: usize, toLogStd: usize, low: f32, high: f32,
): void {
  const half = bytes(actions);
  for (let row: i32 = 0; row < rows; ++row) {
    for (let a: i32 = 0; a < actions; ++a) {
      f32.store(dHead, f32.load(toMean));
      const raw = f32.load(head + half);
      f32.store(dHead + half, raw < low || raw > high ? 0 : f32.load(toLogStd));
      head += 4;
      dHead += 4;
      toMean += 4;
      toLogStd += 4;
    }
    head += half;
    dHead += half;
  }
}

export function gaussianSampleBackward(p: usize, item: i32, scratch: usize): void {
  const batch = word(p, GaussianSampleBackward.batch);
  const samples = word(p, GaussianSampleBackward.samples);
  const actions = word(p, GaussianSampleBackward.actions);
  const squash = word(p, GaussianSampleBackward.squash) != 0;
  const hasAction = word(p, GaussianSampleBackward.hasAction) != 0;
  const hasPreTanh = word(p, GaussianSampleBackward.hasPreTanh) != 0;
  const hasLogProb = word(p, GaussianSampleBackward.hasLogProb) != 0;
  const low = float(p, GaussianSampleBackward.logStdMin);
  const high = float(p, GaussianSampleBackward.logStdMax);
  const rowBlock = word(p, GaussianSampleBackward.rowBlock);
  const first = item * rowBlock;
  const rows = min(rowBlock, batch - first);
  const count = rows * actions;
  const pitch = pitchOf(count);
  const mean = scratch;
  const std = mean + pitch;
  const toMean = std + pitch;
  const toLogStd = toMean + pitch;
  const g = toLogStd + pitch;
  const meanTotal = g + pitch;
  const logStdTotal = meanTotal + pitch;
  const head = address(p, GaussianSampleBackward.head) + <usize>(first * actions) * 8;
  readHead(head, rows, actions, mean, std, low, high);
  for (let at: usize = 0; at < bytes(count); at += SIZE) {
    store(std + at, exp(load(std + at)));
    store(toMean + at, splat(0));
    store(toLogStd + at, splat(0));
    store(meanTotal + at, splat(0));
    store(logStdTotal + at, splat(0));
  }
  for (let sample: i32 = 0; sample < samples; ++sample) {
    const row = sample * batch + first;
    const base = bytes(row * actions);
    const noise = address(p, GaussianSampleBackward.noise) + base;
    const dAction = address(p, GaussianSampleBackward.dAction) + base;
    const dPreTanh = address(p, GaussianSampleBackward.dPreTanh) + base;
    if (hasLogProb) repeatRows(address(p, GaussianSampleBackward.dLogProb) + bytes(row), rows, actions, g);
    for (let at: usize = 0; at < bytes(count); at += SIZE) {
      const n = load(noise + at);
      const s = load(std + at);
      const u = madd(s, n, load(mean + at));
      let du = splat(0);
      let dl = load(toLogStd + at);
      if (hasAction) du = squash ? mul(load(dAction + at), tanhSlope(u)) : load(dAction + at);
      if (hasPreTanh) du = add(du, load(dPreTanh + at));
      if (hasLogProb) {
        const d = load(g + at);
        if (squash) du = madd(mul(splat(2), tanh(u)), d, du);
        dl = sub(dl, d);
      }
      store(toMean + at, add(load(toMean + at), du));
      store(toLogStd + at, madd(mul(du, s), n, dl));
    }
    if ((sample + 1) % SAMPLES == 0 || sample + 1 == samples) {
      flush(toMean, meanTotal, count);
      flush(toLogStd, logStdTotal, count);
    }
  }
  writeHeadGradient(
    head, address(p, GaussianSampleBackward.dHead) + <usize>(first * actions) * 8, rows, actions, meanTotal, logStdTotal, low, high,
  );
}

export function gaussianLogProb(p: usize, item: i32, scratch: usize): void {
  const batch = word(p, GaussianLogProb.batch);
  const samples = word(p, GaussianLogProb.samples);
  const actions = word(p, GaussianLogProb.actions);
  const squash = word(p, GaussianLogProb.squash) != 0;
  const rowBlock = word(p, GaussianLogProb.rowBlock);
  const first = item * rowBlock;
  const rows = min(rowBlock, batch - first);
  const count = rows * actions;
  const pitch = pitchOf(count);
  const mean = scratch;
  const logStd = mean + pitch;
  const precision = logStd + pitch;
  const terms = precision + pitch;
  readHead(address(p, GaussianLogProb.head) + <usize>(first * actions) * 8, rows, actions, mean, logStd, float(p, GaussianLogProb.logStdMin), float(p, GaussianLogProb.logStdMax));
  for (let at: usize = 0; at < bytes(count); at += SIZE) store(precision + at, exp(neg(load(logStd + at))));
  for (let sample: i32 = 0; sample < samples; ++sample) {
    const row = sample * batch + first;
    const value = address(p, GaussianLogProb.value) + bytes(row * actions);
    for (let at: usize = 0; at < bytes(count); at += SIZE) {
      const u = load(value + at);
      const z = mul(sub(u, load(mean + at)), load(precision + at));
      let term = madd(mul(splat(0.5), z), z, add(load(logStd + at), splat(HALF_LOG_TWO_PI)));
      if (squash) term = add(term, logJacobian(u));
      store(terms + at, term);
    }
    negatedRowSums(terms, rows, actions, address(p, GaussianLogProb.logProb) + bytes(row));
  }
}

export function gaussianLogProbBackward(p: usize, item: i32, scratch: usize): void {
  const batch = word(p, GaussianLogProbBackward.batch);
  const samples = word(p, GaussianLogProbBackward.samples);
  const actions = word(p, GaussianLogProbBackward.actions);
  const squash = word(p, GaussianLogProbBackward.squash) != 0;
  const storeDHead = word(p, GaussianLogProbBackward.storeDHead) != 0;
  const storeDValue = word(p, GaussianLogProbBackward.storeDValue) != 0;
  const low = float(p, GaussianLogProbBackward.logStdMin);
  const high = float(p, GaussianLogProbBackward.logStdMax);
  const rowBlock = word(p, GaussianLogProbBackward.rowBlock);
  const first = item * rowBlock;
  const rows = min(rowBlock, batch - first);
  const count = rows * actions;
  const pitch = pitchOf(count);
  const mean = scratch;
  const precision = mean + pitch;
  const toMean = precision + pitch;
  const toLogStd = toMean + pitch;
  const g = toLogStd + pitch;
  const meanTotal = g + pitch;
  const logStdTotal = meanTotal + pitch;
  const head = address(p, GaussianLogProbBackward.head) + <usize>(first * actions) * 8;
  readHead(head, rows, actions, mean, precision, low, high);
  for (let at: usize = 0; at < bytes(count); at += SIZE) {
    store(precision + at, exp(neg(load(precision + at))));
    store(toMean + at, splat(0));
    store(toLogStd + at, splat(0));
    store(meanTotal + at, splat(0));
    store(logStdTotal + at, splat(0));
  }
  for (let sample: i32 = 0; sample < samples; ++sample) {
    const row = sample * batch + first;
    const base = bytes(row * actions);
    const value = address(p, GaussianLogProbBackward.value) + base;
    const dValue = address(p, GaussianLogProbBackward.dValue) + base;
    repeatRows(address(p, GaussianLogProbBackward.dLogProb) + bytes(row), rows, actions, g);
    for (let i: i32 = 0; i < count; i += LANES) {
      const at = bytes(i);
      const u = load(value + at);
      const q = load(precision + at);
      const d = load(g + at);
      const z = mul(sub(u, load(mean + at)), q);
      const pull = mul(z, q);
      store(toMean + at, madd(d, pull, load(toMean + at)));
      store(toLogStd + at, madd(d, sub(mul(z, z), splat(1)), load(toLogStd + at)));
      if (storeDValue) {
        const push: V = squash ? mul(splat(2), tanh(u)) : splat(0);
        storePart(dValue + at, mul(d, sub(push, pull)), count - i);
      }
    }
    if ((sample + 1) % SAMPLES == 0 || sample + 1 == samples) {
      flush(toMean, meanTotal, count);
      flush(toLogStd, logStdTotal, count);
    }
  }
  if (storeDHead) {
    writeHeadGradient(
      head, address(p, GaussianLogProbBackward.dHead) + <usize>(first * actions) * 8, rows, actions, meanTotal, logStdTotal, low, high,
    );
  }
}
