// Nodes of a quadrature that gather around centres: see src/backend/cpu/gathered-nodes.ts. A vector holds lanes that lie beside
// each other; each node takes as long as the slowest of them.
import { GatheredNodes } from './layouts';
import { address, bytes, word } from './block';
import { log } from './math';
import {
  abs, add, any, div, eq, firstLanes, ge, gt, LANES, load, lt, M, max, min, mul, neg, select, SIZE, splat, sqrt, storePart, sub,
  V,
} from './vec';

/** As the cpu's, but as close as float32 can tell. */
const CLOSE: f32 = 1e-4;
const MOST: i32 = 24;
const ROUNDING: f32 = 2.384185791015625e-7;

/** y(u); its slope goes to `slope`. */
function measure(p: usize, first: i32, u: V, slope: usize): V {
  const centres = word(p, GatheredNodes.centres);
  const row = bytes(word(p, GatheredNodes.lanes));
  let at = bytes(first);
  let y = splat(0);
  let steepness = splat(0);
  const one = splat(1);
  for (let k: i32 = 0; k < centres; ++k) {
    const scale = load(address(p, GatheredNodes.scale) + at);
    const far = load(address(p, GatheredNodes.far) + at);
    const weight = load(address(p, GatheredNodes.weight) + at);
    const distance = sub(u, load(address(p, GatheredNodes.centre) + at));
    const size = abs(distance);
    const squared = mul(size, size);
    const near = sqrt(add(squared, mul(scale, scale)));
    const away = sqrt(add(squared, mul(far, far)));
    const part = log(mul(div(add(size, near), add(size, away)), div(far, scale)));
    y = add(y, mul(weight, select(lt(distance, splat(0)), neg(part), part)));
    steepness = add(steepness, mul(weight, sub(div(one, near), div(one, away))));
    at += row;
  }
  storePart(slope, steepness, LANES);
  return y;
}

/** An item is 4 lanes. */
export function gatheredNodes(p: usize, item: i32, scratch: usize): void {
  const lanes = word(p, GatheredNodes.lanes);
  const end = 4 * item + 4 < lanes ? 4 * item + 4 : lanes;
  for (let first = GatheredNodes.NODE_LANES * item; first < end; first += LANES) walk(p, first, scratch);
}

function walk(p: usize, first: i32, scratch: usize): void {
  const lanes = word(p, GatheredNodes.lanes);
  const count = word(p, GatheredNodes.count);
  const part = LANES < lanes - first ? LANES : lanes - first;
  const row = bytes(lanes);
  let nodes = address(p, GatheredNodes.nodes) + bytes(first);
  let lengths = address(p, GatheredNodes.logLength) + bytes(first);
  const last = load(address(p, GatheredNodes.reach) + bytes(first));
  const high = measure(p, first, last, scratch);
  const low = measure(p, first, neg(last), scratch);
  const step = div(sub(high, low), splat(<f32>count));
  const close = mul(splat(CLOSE), step);
  const half = splat(0.5);
  let u = neg(last);
  let length = div(step, load(scratch));
  let growth = splat(1);
  storePart(nodes, u, part);
  // How short of its place the node before lies, and the one before that, and the former's log(step/y′).
  let short = splat(0);
  let shortBefore = splat(0);
  let plain = log(length);
  for (let i: i32 = 1; i < count; ++i) {
    const wanted = add(low, mul(splat(<f32>i), step));
    let lower = u;
    let upper = last;
    u = min(add(u, mul(length, growth)), last);
    let slope = u;
    let lacks = splat(0);
    let moved = splat(3e38);
    let open: M = firstLanes(part);
    for (let k: i32 = 0; k < MOST && any(open); ++k) {
      const gap = sub(wanted, measure(p, first, u, scratch));
      const steepness = load(scratch);
      const above = ge(gap, splat(0));
      lower = select(above, u, lower);
      upper = select(above, upper, u);
      const newton = add(u, div(gap, steepness));
      // By halves where Newton's method leaves the bracket or does not slow down.
      const inside = eq(max(min(newton, upper), lower), newton);
      const slower = select(inside, abs(sub(newton, u)), splat(Infinity));
      const converges = ge(mul(half, moved), slower);
      const next = select(converges, newton, mul(half, add(lower, upper)));
      moved = abs(sub(next, u));
      lacks = select(open, div(sub(gap, mul(sub(next, u), steepness)), step), lacks);
      const still = select(converges, select(gt(abs(gap), close), splat(1), splat(0)), splat(1));
      const moves = select(gt(moved, mul(splat(ROUNDING), abs(next))), still, splat(0));
      u = select(open, next, u);
      slope = select(open, steepness, slope);
      open = gt(select(open, moves, splat(0)), splat(0));
    }
    const now = div(step, slope);
    growth = sqrt(div(now, length));
    length = now;
    nodes += row;
    storePart(nodes, u, part);
    storePart(lengths, add(plain, mul(half, sub(shortBefore, lacks))), part);
    lengths += row;
    shortBefore = short;
    short = lacks;
    plain = log(length);
  }
  storePart(lengths, add(plain, mul(half, shortBefore)), part);
}
