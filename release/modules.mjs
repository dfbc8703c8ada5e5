// The library as it is published: one module for each source, so that a bundler takes those that a program uses.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Shaders as they are shipped: without lines of comment. */
export const leanShaders = {
  name: 'lean shaders',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.wgsl$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8').replace(/^ *\/\/.*\n/gm, ''),
      loader: 'text',
    })),
};

/** The modules of a folder stay apart: what they import is named as it will lie in the output. */
const apart = {
  name: 'modules stay apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/\.ts$/, '.js'), external: true },
    );
    // Embedded in a module of its own beside the one that asks for it.
    onResolve({ filter: /\/dist\/wasm\/\w+\.wasm$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${embeddedName(path)}.js`, external: true },
    );
  },
};
const embeddedName = (file) => `kernels-${file.split('/').at(-1).replace('.wasm', '')}`;

/**
 * Writes `dist/library/**.js`, a module for each source that `src/index.ts` reaches, and `dist/index.js`, which stands for
 * them.
 *
 * @param options esbuild's, shared with the other bundles
 */
export async function emitModules(root, options) {
  const esbuild = await import('esbuild');
  const common = { ...options, platform: 'neutral', mainFields: ['module', 'main'], sourcemap: false };
  const { metafile } = await esbuild.build({
    ...common,
    entryPoints: [join(root, 'src/index.ts')],
    outdir: join(root, 'dist/library'), // nothing is written there
    splitting: true,
    write: false,
    metafile: true,
  });
  const reached = Object.keys(metafile.inputs);
  const sources = reached.filter((file) => /^src\/.*\.ts$/.test(file));
  const kernels = reached.filter((file) => file.endsWith('.wasm'));
  const entryPoints = Object.fromEntries([
    ...sources.map((file) => [file.slice('src/'.length, -'.ts'.length), join(root, file)]),
    ...kernels.map((file) => [`backend/wasm/${embeddedName(file)}`, join(root, file)]),
  ]);
  const { outputFiles } = await esbuild.build({
    ...common,
    entryPoints,
    outdir: join(root, 'dist/library'),
    plugins: [apart, leanShaders],
    write: false,
  });
  const kept = new Set(outputFiles.map(({ path }) => resolve(path)));
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
  // The same kernels as files of their own, for programs that fetch them.
  mkdirSync(join(root, 'dist/library/wasm'), { recursive: true });
  for (const file of kernels) {
    const target = join(root, 'dist/library/wasm', relative('dist/wasm', file));
    kept.add(target);
    writeFileSync(target, readFileSync(join(root, file)));
  }
  removeOthers(join(root, 'dist/library'), kept);
  writeFileSync(join(root, 'dist/index.js'), "export * from './library/index.js';\n");
}

/** Removes what an earlier build left in a folder. @param kept absolute paths */
function removeOthers(folder, kept) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) {
      removeOthers(file, kept);
      if (readdirSync(file).length === 0) rmSync(file, { recursive: true });
    } else if (!kept.has(file)) rmSync(file, { force: true });
  }
}
