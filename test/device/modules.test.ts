// The module of every kernel compiles, whatever its choices are and whichever of its bindings are there: what the layout
// declares is what the text uses. In Node and Chromium Dawn reads it, in Deno naga.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WebGpuBackend } from '../../src/backend/webgpu/backend.ts';
import { openWebGpu } from '../../src/backend/webgpu/open.ts';
import { testBackend } from '../helpers/devices.ts';
import { allKernels, variantsOf } from '../helpers/modules.ts';

test('every kernel has modules, whatever device there is', () => {
  for (const spec of allKernels) {
    const modules = variantsOf(spec).map(({ module }) => module.wgsl);
    assert.ok(modules.length > 0 && modules.every((wgsl) => wgsl.includes('fn main(')), spec.name);
  }
});

if (testBackend() === 'webgpu') {
  let backend: WebGpuBackend;
  test.before(async () => {
    backend = await openWebGpu();
  });
  test.after(() => backend.dispose());
  for (const spec of allKernels) {
    test(`${spec.name} compiles with each set of its bindings`, async () => {
      const { device } = backend;
      const variants = new Map(variantsOf(spec).map(({ module, what }) => [module.wgsl, what]));
      await Promise.all(
        [...variants].map(async ([code, what]) => {
          device.pushErrorScope('validation');
          const shader = device.createShaderModule({ code });
          const scope = device.popErrorScope();
          const { messages } = await shader.getCompilationInfo();
          const lines = code.split('\n');
          assert.equal(
            messages
              .filter(({ type }) => type === 'error')
              .map((m) => `${m.message}: ${lines[m.lineNum - 1]}`),
            [],
            what,
          );
          assert.is((await scope)?.message, undefined, what);
        }),
      );
    });
  }
}

test.run();
