// The instructions of the interpreter in assembly/generated.ts.
import type { ElementwiseName, ReductionKind } from '../../tape/index.ts';

export const PLACE = 0;
export const POINT = 1;
export const GATHER = 2;
export const WRITE = 3;
export const SPLAT = 4;
/** The elementwise operations begin here, in the order of {@link opcodes}. */
export const OPERATIONS = 8;
/** Words of an instruction. */
export const INSTRUCTION = 6;

/** The numbers of the operations in assembly/generated.ts. */
export const opcodes: Record<ElementwiseName, number> = {
  neg: 0,
  abs: 1,
  sign: 2,
  exp: 3,
  expm1: 4,
  log: 5,
  log1p: 6,
  sqrt: 7,
  square: 8,
  reciprocal: 9,
  sin: 10,
  cos: 11,
  tanh: 12,
  sigmoid: 13,
  logSigmoid: 14,
  softplus: 15,
  relu: 16,
  elu: 17,
  erf: 18,
  logGamma: 19,
  digamma: 20,
  trigamma: 21,
  add: 22,
  sub: 23,
  mul: 24,
  div: 25,
  pow: 26,
  minimum: 27,
  maximum: 28,
  greater: 29,
  greaterEqual: 30,
  equal: 31,
  where: 32,
  clamp: 33,
};

/** Rough nanoseconds for an element, where an operation is dearer than a load and a store. */
export const costs: Partial<Record<ElementwiseName, number>> = {
  erf: 40,
  logGamma: 50,
  digamma: 50,
  trigamma: 50,
  pow: 50,
  exp: 2,
  expm1: 2,
  log: 2,
  log1p: 4,
  sin: 3,
  cos: 3,
  tanh: 4,
  sigmoid: 3,
  logSigmoid: 6,
  softplus: 6,
  elu: 3,
};

export const reductionKinds: Record<ReductionKind, number> = {
  sum: 0,
  max: 1,
  min: 2,
  logSumExp: 3,
  argMax: 4,
};
