// Ctrl-C and the request to end, at several moments of every long command.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Running } from '../helpers/process.ts';
import { requests, Signals } from './signals-setting.ts';

const signals = new Signals();
test.before(() => signals.prepare());
test.after(() => signals.remove());

for (const name of Object.keys(signals.commands))
  for (const signal of requests)
    test(`${signal} ends ${name} at any moment`, () => signals.ends(name, signal, [0.7, 2.5, 5.5]));

/** Two thousand bodies: the engine compiles them in one call of some seconds. */
const compiling = `
const { writeSync } = await import('node:fs');
const { fromMjcf } = await import(${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)});
const body = (_, i) => '<body pos="' + i + ' 0 1"><joint name="j' + i + '"/><geom size="0.1"/></body>';
const bodies = Array.from({ length: 2000 }, body).join('');
const motor = '<motor joint="j0" ctrlrange="-1 1"/>';
writeSync(1, 'compiling\\n');
await fromMjcf(
  '<mujoco><worldbody>' + bodies + '</worldbody><actuator>' + motor + '</actuator></mujoco>',
  { reward: () => 0 },
);
writeSync(1, 'compiled\\n');`;

test('Ctrl-C ends a program that compiles a large model of MuJoCo, at once where the program leaves that to the system', async () => {
  const child = new Running(process.execPath, ['--input-type=module', '--eval', compiling]);
  await child.says(/compiling/);
  child.kill('SIGINT');
  const { signal, stdout } = await child.ended;
  assert.is(signal, 'SIGINT');
  assert.not.match(stdout, /compiled/);
});

test('and in a worker where it handles Ctrl-C itself', async () => {
  const handling = `
import { Worker } from 'node:worker_threads';
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(compiling)})));
process.once('SIGINT', async () => {
  await worker.terminate();
  process.exitCode = 130;
});`;
  const child = new Running(process.execPath, ['--input-type=module', '--eval', handling]);
  await child.says(/compiling/);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await child.ended;
  assert.equal([code, stderr], [130, '']);
  assert.not.match(stdout, /compiled/);
});

test.run();
