import { ceilDivide, fields, kernel, one, sumConstants, sumThreads } from './layout.ts';

/** Parameters that one invocation of `adam` takes. */
export const ADAM_ITEMS = 8;

// With 1 − β given: float32 would lose five digits of it.
const rates = fields('f32', [
  'learningRate',
  'beta1',
  'beta2',
  'epsilon',
  'weightDecay',
  'tau',
  'beta1Complement',
  'beta2Complement',
]);

/**
 * moments [2, count]: m, then v. t = clock[2] + 1. g = gradient·scale; decoupled 1: p ·= 1 − learningRate·weightDecay, else
 * g += weightDecay·p; m, v, p as Kingma & Ba. With hasTarget: target += tau·(p − target), after the step.
 * Where the new p or v is NaN or infinite, and clock[4] still 0: clock[5] = place, clock[4] = t. A gradient that is not
 * finite leaves v so, too.
 */
export const adam = kernel({
  name: 'adam',
  bindings: {
    parameters: 'update',
    moments: 'update',
    gradient: 'read',
    target: 'update',
    scale: 'read',
    clock: 'update atomic',
  },
  params: {
    count: 'u32',
    hasTarget: 'choice',
    hasScale: 'choice',
    decoupled: 'choice',
    ...rates,
    place: 'u32',
  },
  grid: ({ count }) => ({ items: ceilDivide(count, ADAM_ITEMS) }),
  flops: ({ count, hasTarget }) => (14 + 3 * hasTarget) * count,
  constants: () => ({ ITEMS: ADAM_ITEMS }),
  passes: () => ADAM_ITEMS,
  watches: ['parameters'],
});

/**
 * entropy = −mean logProb [samples]; then the step of adam on log α with the gradient entropy − targetEntropy. hasTarget and
 * decoupled are 0. Then log α is brought within logMin and logMax; NaN stays.
 */
export const temperatureStep = kernel({
  name: 'temperature_step',
  bindings: {
    parameters: 'update',
    moments: 'update',
    logProb: 'read',
    entropy: 'write',
    clock: 'update atomic',
  },
  params: {
    samples: 'u32',
    decoupled: 'choice',
    hasTarget: 'choice',
    targetEntropy: 'f32',
    ...rates,
    place: 'u32',
    logMin: 'f32',
    logMax: 'f32',
  },
  grid: one,
  flops: ({ samples }) => samples + 17,
  constants: ({ samples = 1 }) => sumConstants(samples),
  passes: ({ samples }) => ceilDivide(samples, sumThreads(samples)) + 64,
  watches: ['parameters'],
});

/**
 * clock[2] += 1, the last kernel of every update. Before, as `adam` does, if clock[4] is 0: the first of the watched scalars
 * that is NaN or infinite gives clock[5] = place + its index, clock[4] = clock[2] + 1.
 */
export const tick = kernel({
  name: 'tick',
  bindings: {
    clock: 'update u32',
    watched0: 'read',
    watched1: 'read',
    watched2: 'read',
    watched3: 'read',
    watched4: 'read',
    watched5: 'read',
  },
  params: { watched: 'u32', place: 'u32' },
  grid: one,
  flops: () => 0,
  passes: ({ watched }) => watched,
  watches: ['watched0', 'watched1', 'watched2', 'watched3', 'watched4', 'watched5'],
});
