// What the host calls. A program is a table of steps in memory; `execute` runs all of it any number of times, so that an
// update costs one call. Every thread has an instance of this module over the same memory and runs the same table.
import { generated } from './generated';
import { gaussianLogProb, gaussianLogProbBackward, gaussianSample, gaussianSampleBackward } from './gaussian';
import { lossReverseKl, lossScore, lossSnis, lossSoftBellman } from './losses';
import { assign, gather, matmul, scatterAdd } from './matrix';
import { mlpBackwardInputs, mlpBackwardWeights, mlpForward } from './mlp';
import { gatheredNodes } from './nodes';
import { adam, temperatureStep, tick } from './optimiser';
import { philox, replaySample } from './random';
import { address, bytes, word } from './block';
import { Kernel } from './layouts';

import { GEMM_SCRATCH } from './gemm';

/** Bytes of scratch memory a matrix product needs. */
export function gemmScratch(): usize {
  return GEMM_SCRATCH;
}

/** Where memory that the module does not use itself begins. */
export function heapBase(): usize {
  return __heap_base;
}

/** Bytes of a step in the table: kernel, parameter block, items, items taken at a time (0: all by the first thread). */
const STEP: usize = 16;

/** Runs items of the kernel of a number. */
function runItems(kernel: i32, p: usize, from: i32, to: i32, scratch: usize): void {
  for (let item = from; item < to; ++item) {
    switch (kernel) {
      case Kernel.generated: generated(p, item, scratch); break;
      case Kernel.matmul: matmul(p, item, scratch); break;
      case Kernel.mlpForward: mlpForward(p, item, scratch); break;
      case Kernel.mlpBackwardInputs: mlpBackwardInputs(p, item, scratch); break;
      case Kernel.mlpBackwardWeights: mlpBackwardWeights(p, item, scratch); break;
      case Kernel.gaussianSample: gaussianSample(p, item, scratch); break;
      case Kernel.gaussianSampleBackward: gaussianSampleBackward(p, item, scratch); break;
      case Kernel.gaussianLogProb: gaussianLogProb(p, item, scratch); break;
      case Kernel.gaussianLogProbBackward: gaussianLogProbBackward(p, item, scratch); break;
      case Kernel.lossReverseKl: lossReverseKl(p); break;
      case Kernel.lossScore: lossScore(p, scratch); break;
      case Kernel.lossSnis: lossSnis(p, scratch); break;
      case Kernel.lossSoftBellman: lossSoftBellman(p, scratch); break;
      case Kernel.adam: adam(p, item); break;
      case Kernel.philox: philox(p, item); break;
      case Kernel.replaySample: replaySample(p, item, scratch); break;
      case Kernel.gather: gather(p, item); break;
      case Kernel.scatterAdd: scatterAdd(p, item, scratch); break;
      case Kernel.assign: assign(p); break;
      case Kernel.tick: tick(p); break;
      case Kernel.temperatureStep: temperatureStep(p); break;
      case Kernel.gatheredNodes: gatheredNodes(p, item, scratch); break;
    }
  }
}

/** Runs the steps of a table `times` times on the calling thread. */
export function execute(table: usize, steps: i32, times: i32, scratch: usize): void {
  for (; times > 0; --times) {
    let at = table;
    for (let step: i32 = 0; step < steps; ++step) {
      runItems(word(at, 0), address(at, 1), 0, word(at, 2), scratch);
      at += STEP;
    }
  }
}

// ---- threads

// The first thread runs the table; for a step that is shared it publishes the items, takes some itself and waits until all
// are done. Workers take items of whatever step is published. So a worker that sleeps, or that a busy machine does not
// run, holds up nobody unless it has taken an item, and results do not depend on who took what.

// Words of the block that all threads share. Those that many write lie on lines of their own.
/** 0: nothing to do, workers may sleep; 1: a job is under way; 2: workers end. The host's side reads it too. */
const STATE: usize = 0;
/** The published step: kernel, block, items, items taken at a time; then threads that may help, scratch memory. */
const KERNEL: i32 = 1;
const BLOCK: i32 = 2;
const ITEMS: i32 = 3;
const GRAIN: i32 = 4;
const THREADS: i32 = 5;
const SCRATCH: i32 = 6;
const PITCH: i32 = 7;
/**
 * The published step's number, and which of its portions nobody has taken, the first and how many: 32, 16 and 16 bits. The
 * host makes portions so large that a step has fewer than 128.
 */
const LEFT: usize = 64;
/** Portions of the published step that are done. */
const DONE: usize = 128;
/** Not 0 once a worker has failed: the host's side writes it. */
const FAILED: usize = 196;

/**
 * Takes portions of the published step and runs them, until none is left: every other thread from the end, so that from step
 * to step a thread meets the same rows and networks, which its own cache holds.
 */
function takeItems(sync: usize, thread: i32): void {
  if (ASC_FEATURE_THREADS) {
    for (;;) {
      const left = atomic.load<i64>(sync + LEFT);
      const count = <i32>left & 0xffff;
      if (count == 0) return;
      // All of this was written before the portions were published, and stays until they are done: if one is taken
      // now, it is what belongs to it.
      const kernel = word(sync, KERNEL);
      const block = address(sync, BLOCK);
      const items = word(sync, ITEMS);
      const grain = word(sync, GRAIN);
      if (thread >= word(sync, THREADS)) return;
      let portion = <i32>left >>> 16;
      let then = left - 1;
      if (thread & 1) portion += count - 1;
      else then += 1 << 16;
      if (atomic.cmpxchg<i64>(sync + LEFT, left, then) != left) continue;
      const scratch = address(sync, SCRATCH) + <usize>thread * address(sync, PITCH);
      runItems(kernel, block, portion * grain, min((portion + 1) * grain, items), scratch);
      atomic.add<i32>(sync + DONE, 1);
    }
  }
}

/**
 * Whether all portions of the published step are done. Waits without sleeping, as a page must, until a worker fails, or
 * 2^20 looks have been taken `patience` times.
 */
function waitForAll(sync: usize, portions: i32, patience: i32): bool {
  if (ASC_FEATURE_THREADS) {
    for (; patience > 0; --patience) {
      for (let looks: i32 = 1 << 20; looks > 0; --looks) {
        if (atomic.load<i32>(sync + DONE) == portions) return true;
      }
      if (atomic.load<i32>(sync + FAILED)) return false;
    }
  }
  return false;
}

/**
 * `execute` with the help of workers, of which `threads` − 1 may take part. False, in the middle of an update, when one of
 * them has ended with work in its hands.
 */
export function executeShared(
  sync: usize, table: usize, steps: i32, times: i32, threads: i32, scratch: usize, pitch: usize, patience: i32,
): bool {
  let whole = true;
  if (ASC_FEATURE_THREADS) {
    i32.store(sync + bytes(THREADS), threads);
    i32.store(sync + bytes(SCRATCH), <i32>scratch);
    i32.store(sync + bytes(PITCH), <i32>pitch);
    atomic.store<i32>(sync + STATE, 1);
    atomic.notify(sync + STATE, -1);
    for (; whole && times > 0; --times) {
      let at = table;
      for (let step: i32 = 0; whole && step < steps; ++step, at += STEP) {
        const items = word(at, 2);
        const grain = word(at, 3);
        if (grain == 0) {
          runItems(word(at, 0), address(at, 1), 0, items, scratch);
          continue;
        }
        i32.store(sync + bytes(KERNEL), word(at, 0));
        i32.store(sync + bytes(BLOCK), word(at, 1));
        i32.store(sync + bytes(ITEMS), items);
        i32.store(sync + bytes(GRAIN), grain);
        const portions = (items - 1) / grain + 1;
        atomic.store<i32>(sync + DONE, 0);
        const before = atomic.load<i64>(sync + LEFT);
        atomic.store<i64>(sync + LEFT, ((before >> 32) + 1) << 32 | <i64>portions);
        takeItems(sync, 0);
        whole = waitForAll(sync, portions, patience);
      }
    }
    atomic.store<i32>(sync + STATE, 0);
  }
  return whole;
}

/** A worker's part in a job: takes items until the job is over. */
export function help(sync: usize, thread: i32): void {
  if (ASC_FEATURE_THREADS) {
    while (atomic.load<i32>(sync + STATE) == 1) takeItems(sync, thread);
  }
}
