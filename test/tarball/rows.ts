// Where the package is tried, as data: each row is a test of this folder, and docs/runtimes.md is this table.

export interface Row {
  readonly runtime: string;
  readonly bundler: string;
  readonly tried: string;
  /** What a user may expect; tested as it stands here. */
  readonly works: string;
}

const row = (runtime: string, bundler: string, tried: string, works = 'yes'): Row => ({
  runtime,
  bundler,
  tried,
  works,
});
const page = 'page in Chromium';

export const rows = {
  import: row('Node', 'none', '`import`; a network learns on cpu and wasm, which agree with closed forms'),
  require: row('Node', 'none', '`require`'),
  oldest: row('Node 20.19.0, the oldest', 'none', '`import` and `require`'),
  optional: row(
    'Node',
    'none',
    'with `webgpu` and `@mujoco/mujoco` installed: WebGPU by name, a MuJoCo task',
  ),
  absent: row(
    'Node',
    'none',
    'without them: WebGPU by name, a MuJoCo task',
    'refused, naming the package to install',
  ),
  commands: row('Node', 'none', 'every command of the command line in an empty folder'),
  verify: row(
    'Node',
    'none',
    '`divergrad verify`: carried values on wasm and WebGPU, every kernel of wasm against the cpu',
  ),
  git: row('Node', 'none', '`npm install` from git: it builds itself'),
  bundledNode: row('Node', 'esbuild', 'a bundle for Node, optional packages external'),
  deno: row('Deno', 'none', '`import`; cpu, wasm, WebGPU by name'),
  denoTypes: row('Deno', 'none', '`deno check` of a program'),
  nodenext: row(
    'TypeScript',
    'none',
    '`strict`, `nodenext`, `skipLibCheck: false`, no types of WebGPU or Node',
  ),
  bundlerTypes: row(
    'TypeScript',
    'none',
    '`strict`, `bundler`, `skipLibCheck: false`, no types of WebGPU or Node',
  ),
  cjsTypes: row(
    'TypeScript',
    'none',
    'a CommonJS program, `nodenext`: `import` of it as TypeScript 5.8 allows',
  ),
  wrongTypes: row('TypeScript', 'none', 'a wrong option is an error of the compiler'),
  vite: row(page, 'Vite', 'a build, optional packages not installed; cpu, wasm, WebGPU by name'),
  viteWorker: row('worker in Chromium', 'Vite', 'the same build'),
  viteFetch: row(
    page,
    'Vite',
    "the kernels fetched as files: `import url from 'divergrad/wasm/simd.wasm?url'`",
  ),
  viteMujoco: row(page, 'Vite', 'a MuJoCo task, with `mujocoFrom`'),
  esbuild: row(
    page,
    'esbuild',
    '`webgpu` and `@mujoco/mujoco` installed, no option for them; cpu, wasm, WebGPU by name',
  ),
  esbuildMujoco: row(page, 'esbuild', 'a MuJoCo task without `mujocoFrom`', 'refused, naming `mujocoFrom`'),
  plain: row(page, 'none', 'an import map; cpu, wasm, WebGPU by name'),
  policy: row(
    page,
    'esbuild',
    'a Content-Security-Policy without `wasm-unsafe-eval`: `auto`',
    'takes the cpu, and says that WebAssembly may not be compiled',
  ),
  publint: row('registry', 'none', 'publint, strict'),
  attw: row(
    'registry',
    'none',
    'attw: types resolve as the code does in every mode but `require` before Node 20.19',
  ),
  contents: row(
    'registry',
    'none',
    'licences of what is bundled, no source maps, absolute links, no scripts',
  ),
  sizes: row('registry', 'esbuild', 'sizes within their budgets'),
} as const satisfies Record<string, Row>;

export type RowId = keyof typeof rows;

/** Most bytes of what a program loads before it opens a backend, minified and gzipped, and of the package. */
export const budgets = {
  version: 2_000,
  'mlp, adam, open': 60_000,
  packed: 2_000_000,
  unpacked: 7_000_000,
} as const;

/** The table as it stands in docs/runtimes.md. */
export const tableText = (): string =>
  [
    '| runtime | bundler | tried | works |',
    '| --- | --- | --- | --- |',
    ...Object.values(rows).map(
      ({ runtime, bundler, tried, works }) => `| ${[runtime, bundler, tried, works].join(' | ')} |`,
    ),
    '',
  ].join('\n');
