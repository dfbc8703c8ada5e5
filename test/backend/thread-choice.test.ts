// Whether threads share a program is decided by the times of its runs: simulated here, busy neighbour included.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ThreadChoice } from '../../src/backend/wasm/thread-choice.ts';

const test = suite('thread choice');

/** Runs with the given milliseconds alone and shared; returns the time of all, and how many of the last half were shared. */
function simulate(choice: ThreadChoice, runs: number, alone: number, shared: number) {
  let [total, late] = [0, 0];
  for (let i = 0; i < runs; i++) {
    const way = choice.next();
    const milliseconds = way ? shared : alone;
    choice.record(milliseconds);
    total += milliseconds;
    if (i >= runs / 2 && way) late++;
  }
  return { total, late };
}

test('takes the faster way, and tries the other ever more rarely', () => {
  const pays = simulate(new ThreadChoice(), 1000, 2, 1);
  assert.ok(pays.total < 1.03 * 1000, `${pays.total} ms, 1000 at best`);
  const costs = simulate(new ThreadChoice(), 1000, 1, 3);
  assert.ok(costs.total < 1.04 * 1000, `${costs.total} ms, 1000 at best`);
  assert.ok(costs.late > 0, 'a way that was slower once is tried again');
});

test('short runs that a machine holds up now and then stay shared', () => {
  const choice = new ThreadChoice();
  let [alone, runs] = [0, 0];
  for (; runs < 20_000; runs++) {
    const way = choice.next();
    if (!way) alone++;
    choice.record((way ? 0.17 : 0.23) * (runs % 40 ? 1 : 3));
  }
  assert.ok(alone < 0.02 * runs, `${alone} of ${runs} runs by one thread`);
});

test('leaves threads while a neighbour has the processor, and takes them up again afterwards', () => {
  const choice = new ThreadChoice();
  simulate(choice, 200, 2, 1);
  const busy = simulate(choice, 400, 2, 5);
  assert.ok(busy.total < 1.06 * 800, `${busy.total} ms, 800 at best`);
  const calm = simulate(choice, 600, 2, 1);
  assert.ok(calm.late > 290, `${calm.late} of the last 300 runs are shared`);
});

test('equal times change nothing: noise does not make it swing', () => {
  const choice = new ThreadChoice();
  let swings = 0;
  let before = choice.next();
  for (let i = 0; i < 2000; i++) {
    const way = choice.next();
    if (way !== before) swings++;
    before = way;
    choice.record(i % 2 ? 1 : 1.02);
  }
  assert.ok(swings <= 2 * (2000 / 128 + 5), `${swings} changes, two a trial`);
});

test('a way that was slower for long is tried again all the same', () => {
  const choice = new ThreadChoice();
  simulate(choice, 20_000, 2, 4);
  // At most so many runs go by between two trials, a run being a block.
  for (let i = 0; i < 5; i++) {
    let runs = 0;
    for (; !choice.next(); runs++) choice.record(2);
    assert.ok(runs <= 128, `${runs} runs without a trial`);
    choice.record(4);
  }
});

test.run();
