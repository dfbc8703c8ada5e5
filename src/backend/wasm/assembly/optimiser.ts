import { Adam, TemperatureStep, Tick } from './layouts';
import { address, bytes, double, word } from './block';
import {
  abs, add, any, div, firstLanes, keep, LANES, load, lt, madd, mul, ne, select, SIZE, splat, sqrt, storePart, sub, V,
} from './vec';

/** Smallest normal float. The moments of a unit that is dead for long fall below, where arithmetic takes ten times as long. */
const SMALLEST: f32 = 1.1754944e-38;

@inline function flush(x: V, smallest: V, zero: V): V {
  return select(lt(abs(x), smallest), zero, x);
}

/**
 * Adam as in src/backend/cpu/optimiser.ts. The rates are read as float64 behind the parameters, because
 * 1 − 0.999 has lost 1.3e-5 of itself once 0.999 is a float32.
 */
export function adam(p: usize, item: i32): void {
  const count = word(p, Adam.count);
  const hasTarget = word(p, Adam.hasTarget) != 0;
  const decoupled = word(p, Adam.decoupled) != 0;
  const learningRate = double(p, Adam.learningRate64);
  const beta1 = double(p, Adam.beta164);
  const beta2 = double(p, Adam.beta264);
  const epsilon = splat(<f32>double(p, Adam.epsilon64));
  const weightDecay = double(p, Adam.weightDecay64);
  const tau = splat(<f32>double(p, Adam.tau64));
  const t = <f64>i64.load32_u(address(p, Adam.clock), 8) + 1;
  const step = splat(<f32>(learningRate / (1 - Math.pow(beta1, t))));
  const correction = splat(<f32>(1 / (1 - Math.pow(beta2, t))));
  const factor = splat(word(p, Adam.hasScale) ? f32.load(address(p, Adam.scale)) : 1);
  const shrink = splat(<f32>(decoupled ? 1 - learningRate * weightDecay : 1));
  const decay = splat(<f32>(decoupled ? 0 : weightDecay));
  const keep1 = splat(<f32>beta1);
  const take1 = splat(<f32>double(p, Adam.beta1Complement64));
  const keep2 = splat(<f32>beta2);
  const take2 = splat(<f32>double(p, Adam.beta2Complement64));
  const first = item * Adam.ADAM_BLOCK;
  const begin = bytes(first);
  let parameters = address(p, Adam.parameters) + begin;
  let firstMoment = address(p, Adam.moments) + begin;
  let secondMoment = firstMoment + bytes(count);
  let gradient = address(p, Adam.gradient) + begin;
  let target = address(p, Adam.target) + begin;
  // 0 while all is finite: 0·x is NaN for NaN and infinity.
  const zero = splat(0);
  const smallest = splat(SMALLEST);
  let oddValue = zero;
  let oddMoment = zero;
  for (let left = min(Adam.ADAM_BLOCK, count - first); left > 0; left -= LANES) {
    const old = load(parameters);
    const g = madd(decay, old, mul(load(gradient), factor));
    const m = flush(madd(take1, g, mul(keep1, load(firstMoment))), smallest, zero);
    const v = flush(madd(mul(take2, g), g, mul(keep2, load(secondMoment))), smallest, zero);
    const move = div(mul(m, step), add(sqrt(mul(v, correction)), epsilon));
    const x = sub(mul(old, shrink), move);
    storePart(firstMoment, m, left);
    storePart(secondMoment, v, left);
    storePart(parameters, x, left);
    if (left >= LANES) {
      oddValue = madd(zero, x, oddValue);
      oddMoment = madd(zero, v, oddMoment);
    } else {
      // What lies beyond the end does not count.
      oddValue = add(oddValue, keep(firstLanes(left), add(sub(x, x), sub(v, v))));
    }
    if (hasTarget) {
      const y = load(target);
      storePart(target, madd(tau, sub(x, y), y), left);
      target += SIZE;
    }
    parameters += SIZE;
    firstMoment += SIZE;
    secondMoment += SIZE;
    gradient += SIZE;
  }
  if (any(ne(add(oddValue, oddMoment), zero))) note(address(p, Adam.clock), word(p, Adam.place));
}

/** Notes in the clock where this update has met NaN or infinity, unless it happened before. */
function note(clock: usize, place: i32): void {
  if (i32.load(clock, 16)) return;
  i32.store(clock, place, 20);
  i32.store(clock, i32.load(clock, 8) + 1, 16);
}

export function tick(p: usize): void {
  const clock = address(p, Tick.clock);
  const watched = word(p, Tick.watched);
  for (let i = 0; i < watched; i++) {
    const x = f32.load(address(p, Tick.watched0 + i));
    if (x - x != 0) {
      note(clock, word(p, Tick.place) + i);
      break;
    }
  }
  i32.store(clock, i32.load(clock, 8) + 1, 8);
}

/** Entropy and the step of log α, as in src/backend/cpu/optimiser.ts. */
export function temperatureStep(p: usize): void {
  const parameter = address(p, TemperatureStep.parameters);
  const first = address(p, TemperatureStep.moments);
  const second = first + bytes(1);
  const logProb = address(p, TemperatureStep.logProb);
  const clock = address(p, TemperatureStep.clock);
  const samples = word(p, TemperatureStep.samples);
  const beta1 = double(p, TemperatureStep.beta164);
  const beta2 = double(p, TemperatureStep.beta264);
  let total: f64 = 0;
  for (let i: i32 = 0; i < samples; ++i) total -= <f64>f32.load(logProb + bytes(i));
  const entropy = total / samples;
  f32.store(address(p, TemperatureStep.entropy), <f32>entropy);
  const x = <f64>f32.load(parameter);
  const g = entropy - double(p, TemperatureStep.targetEntropy64) + double(p, TemperatureStep.weightDecay64) * x;
  const m = beta1 * f32.load(first) + double(p, TemperatureStep.beta1Complement64) * g;
  const v = beta2 * f32.load(second) + double(p, TemperatureStep.beta2Complement64) * g * g;
  const t = <f64>i64.load32_u(clock, 8) + 1;
  const step = double(p, TemperatureStep.learningRate64) * m / (1 - Math.pow(beta1, t));
  const next = <f32>(x - step / (Math.sqrt(v / (1 - Math.pow(beta2, t))) + double(p, TemperatureStep.epsilon64)));
  f32.store(first, <f32>m);
  f32.store(second, <f32>v);
  // Both keep NaN.
  const y = min(max(next, <f32>double(p, TemperatureStep.logMin64)), <f32>double(p, TemperatureStep.logMax64));
  f32.store(parameter, y);
  if (next - next + (<f32>v - <f32>v) != 0) note(clock, word(p, TemperatureStep.place));
}
