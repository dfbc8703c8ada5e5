// Where the kernels of the wasm backend come from, and what is said where they may not be compiled.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import type { SimdVariant } from '../../src/backend/wasm/options.ts';
import { BackendError } from '../../src/errors.ts';
import { open } from '../../src/open/open.ts';

const test = suite('wasm-load');
const { compile } = WebAssembly;
test.after.each(() => {
  WebAssembly.compile = compile;
});

/** As in Chromium under a Content-Security-Policy without 'wasm-unsafe-eval': bytes validate, but do not compile. */
const forbid = (): void => {
  WebAssembly.compile = () =>
    Promise.reject(
      new WebAssembly.CompileError('Compiling or instantiating WebAssembly violates the policy'),
    );
};
async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test('where WebAssembly may not be compiled, the error names the policy', async () => {
  forbid();
  const error = await rejection(openWasm());
  assert.instance(error, BackendError);
  assert.match(error.message, /may not compile WebAssembly.*violates the policy.*'wasm-unsafe-eval'/s);
});

test('auto then takes the cpu, and says why', async () => {
  forbid();
  const gpu = { requestAdapter: async () => null };
  const device = await open({ webgpu: { gpu } });
  assert.is(device.backend.name, 'cpu');
  assert.match(device.reason, /no WebAssembly: .*violates the policy/);
  await device.dispose();
});

/** Runs with a server that answers by path. */
async function serving(
  answer: (path: string) => Uint8Array | string | undefined,
  body: (base: string) => Promise<void>,
) {
  const server = createServer((request, response) => {
    const found = answer(request.url ?? '');
    if (found === undefined) response.writeHead(404);
    response.end(found);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  try {
    await body(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('fetched kernels compute as embedded ones do; a URL is an address too', () => {
  const asked: string[] = [];
  return serving(
    (path) => {
      asked.push(path);
      return readFileSync(`dist/wasm${path}`);
    },
    async (base) => {
      for (const simd of ['simd', 'scalar'] as const) {
        const fetchFrom = (variant: SimdVariant) => new URL(`${base}/${variant}.wasm`);
        const device = await open({ backend: 'wasm', wasm: { simd, fetchFrom } });
        const update = await device.compile(({ input }) => ({ y: input('x', [3]) }));
        update.write({ x: Float32Array.of(1, 2, 3) });
        update.run();
        assert.equal([...(await update.read('y'))], [1, 2, 3]);
        await device.dispose();
      }
      assert.equal(asked, ['/simd.wasm', '/scalar.wasm']);
    },
  );
});

test('what cannot be fetched, or is no WebAssembly, is refused with its address', () =>
  serving(
    (path) => (path === '/page/relaxed.wasm' ? '<!doctype html><title>not found</title>' : undefined),
    async (base) => {
      const from = (folder: string) =>
        rejection(openWasm({ fetchFrom: (variant) => `${base}/${folder}/${variant}.wasm` }));
      const [absent, page] = [await from('absent'), await from('page')];
      for (const error of [absent, page]) assert.instance(error, BackendError);
      assert.match(absent.message, /cannot be fetched from .*\/absent\/relaxed\.wasm: the answer is 404/);
      assert.match(page.message, /\/page\/relaxed\.wasm: what came is not WebAssembly/);
      const nowhere = await rejection(openWasm({ fetchFrom: () => 'no address' }));
      assert.instance(nowhere, BackendError);
      assert.match(nowhere.message, /cannot be fetched from no address: .*leave fetchFrom out/s);
    },
  ));

test.run();
