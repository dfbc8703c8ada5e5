// Ctrl-C and the request to end, at several moments of every long command.
import { test } from 'uvu';
import { requests, Signals } from './signals-setting.ts';

const signals = new Signals();
test.before(() => signals.prepare());
test.after(() => signals.remove());

for (const name of Object.keys(signals.commands))
  for (const signal of requests)
    test(`${signal} ends ${name} at any moment`, () => signals.ends(name, signal, [0.7, 2.5, 5.5]));

test.run();
