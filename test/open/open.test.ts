import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/errors.ts';
import { type BackendChoice, open } from '../../src/open/open.ts';

const test = suite('open');

const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a software adapter is not taken by auto, and the reason names it', async () => {
  const device = await open();
  assert.is(device.backend.name, 'wasm');
  assert.match(device.reason, /software.*asked for by name/);
  await device.dispose();
});

test('a software adapter is taken when asked for', async () => {
  const device = await open({ backend: 'webgpu' });
  assert.is(device.backend.name, 'webgpu');
  assert.is(device.backend.information.software, true);
  assert.match(device.reason, /asked for/);
  await device.dispose();
});

test('float64 means the cpu', async () => {
  const device = await open({ precision: 'f64' });
  assert.is(device.backend.name, 'cpu');
  assert.is(device.backend.information.precision, 'f64');
  assert.match(device.reason, /f64/);
  await device.dispose();
  for (const backend of ['webgpu', 'wasm'] as const) {
    assert.instance(await refusal(open({ backend, precision: 'f64' })), UsageError);
  }
});

test('unknown names are refused with the known ones', async () => {
  const error = await refusal(open({ backend: 'cuda' as BackendChoice }));
  assert.instance(error, UsageError);
  assert.match((error as UsageError).message, /Unknown backend 'cuda'.*auto, webgpu, wasm, cpu/);
});

test.run();
