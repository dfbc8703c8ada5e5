// The documents as a newcomer follows them: the README's example, and a copy of the sources with what the walks of
// docs/architecture.md add.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BuildOptions } from 'esbuild';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import { type Ended, run } from '../helpers/process.ts';
import { follow, walksOf } from '../helpers/walks.ts';

/** The README's example, and what it says that this prints. */
export const [, example, printed] =
  /^```ts\n([\s\S]*?)^```\n\n```\n([\s\S]*?)^```$/m.exec(readFileSync('README.md', 'utf8')) ?? [];

/** The walks that change anything. */
export const walks = walksOf(readFileSync('docs/architecture.md', 'utf8')).filter(
  ({ changes }) => changes.length > 0,
);

/** What the tests of the walks ask of the copy. */
const parts = `export * from './src/index.ts';
export { layoutsText } from './src/backend/wasm/layouts.ts';
export { moduleOf } from './src/backend/webgpu/modules.ts';
export { joinedKernel, kernelSpec } from './src/kernels/index.ts';
export { softBellmanLoss } from './src/rl/soft-bellman.ts';
`;
export type Parts = typeof import('../../src/index.ts') &
  typeof import('../../src/backend/wasm/layouts.ts') &
  typeof import('../../src/backend/webgpu/modules.ts') &
  Pick<typeof import('../../src/kernels/index.ts'), 'joinedKernel' | 'kernelSpec'> &
  typeof import('../../src/rl/soft-bellman.ts');

export const copy = mkdtempSync(join(tmpdir(), 'divergrad-newcomer-'));

/** Copies the sources and makes the changes of the walk. */
export async function prepare(): Promise<void> {
  for (const part of [
    'src',
    'shaders',
    'build.mjs',
    'package.json',
    'tsconfig.json',
    'test/runner',
    'dist/wasm',
  ])
    if (existsSync(part)) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'), 'junction');
  writeFileSync(join(copy, 'example.ts'), example);
  for (const walk of walks) follow(walk, copy);
  writeFileSync(join(copy, 'parts.ts'), parts);
  await bundle('src/cli/main.ts', 'cli.mjs');
  await bundle('example.ts', 'example.mjs');
  await bundle('parts.ts', 'parts.mjs');
}

/** What the copy's own build.mjs exports. */
export const building = (): Promise<{
  readonly nodeOptions: BuildOptions;
  compileKernels(): Promise<void>;
}> => import(pathToFileURL(join(copy, 'build.mjs')).href);

/** Bundles a file of the copy for Node. */
export async function bundle(entry: string, out: string): Promise<void> {
  const { nodeOptions } = await building();
  const esbuild = await import('esbuild');
  const library = join(copy, 'src/index.ts');
  await esbuild.build({
    ...nodeOptions,
    alias: { divergrad: library },
    entryPoints: [join(copy, entry)],
    outfile: join(copy, out),
  });
}

/** A bundle of the copy, as its module. */
export const load = (file = 'parts.mjs'): Promise<Parts> => import(pathToFileURL(join(copy, file)).href);

export const remove = (): void => rmSync(copy, { recursive: true, force: true });

export const node = (...args: string[]): Promise<Ended> => run(process.execPath, args, { cwd: copy });
export const divergrad = (...args: string[]) => node('cli.mjs', ...args);

export const added = ['neyman/score', 'neyman/pathwise', 'neyman/exact'];

// ---- the kernel parameter

const rewards = [0.5, -2, 1.25];
const critics = [
  [1, 2, 3],
  [-1, 0.5, 0.25],
];

/** The soft Bellman loss of these critics with discount 0: the target is the reward times its scale. */
export const bellmanBody =
  ({ literal, softBellmanLoss }: Parts, rewardScale: number) =>
  () => {
    const zeros = literal([0, 0, 0], [3]);
    const input = {
      rows: literal(
        rewards.flatMap((reward) => [reward, 0]),
        [3, 2],
      ),
      ...{ rewardColumn: 0, terminatedColumn: 1, discount: 0, rewardScale },
      nextLogProb: zeros,
      nextQ: literal(critics.flat(), [2, 3]),
      q: literal(critics.flat(), [2, 3]),
      temperature: literal([1], []),
    };
    return softBellmanLoss(input);
  };

/** That loss and its target are those of the closed form, at two scales of the reward. */
export async function requireScaledRewards(parts: Parts, device: Device): Promise<void> {
  for (const scale of [1, 3]) {
    const update = await device.compile(bellmanBody(parts, scale));
    update.run();
    const expected = critics.flatMap((q) => q.map((value, i) => (value - scale * rewards[i]) ** 2 / 3));
    const loss = expected.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs((await update.readScalar('loss')) - loss) < 1e-5 * loss, `scale ${scale}`);
    assert.equal(
      [...(await update.read('target'))],
      rewards.map((reward) => scale * reward),
    );
    update.dispose();
  }
}
