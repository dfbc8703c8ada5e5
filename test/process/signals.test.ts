// Ctrl-C and the request to end: training and measuring stop where they are.
import { test } from 'uvu';
import { requests, Signals } from './signals-setting.ts';

const signals = new Signals();
test.before(() => signals.prepare());
test.after(() => signals.remove());

for (const [name, signal] of [
  ['train', 'SIGTERM'],
  ['study', 'SIGINT'],
  ['bench', 'SIGINT'],
] as const)
  test(`${signal} ends ${name}`, () => signals.ends(name, signal, [2.5]));

test('a run that was asked to end has a checkpoint, no lock in the way, and goes on', async () => {
  for (const signal of requests) await signals.goesOn(signal);
});

test.run();
