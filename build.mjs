#!/usr/bin/env node
// The one command of the repository: installs and builds whatever is missing, then does what was asked.
//
//   node build.mjs <command> [arguments…], the commands being
//   build package release test test:all mutants bench bench:peers fuzz faults pressure soak latency verify divergrad
//   web docs examples screenshots typecheck lint format clean
//
// Only Node's own modules are imported statically, so this file runs in a clone that has never seen
// `npm ci`. Arguments, signals and exit codes pass through to the program that does the work.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { hasHardwareGpu, softwareVulkanEnv } from './test/runner/software-gpu.mjs';

export { softwareVulkanEnv };

const root = dirname(fileURLToPath(import.meta.url));
const path = (...parts) => join(root, ...parts);
const mtime = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);

// ---------------------------------------------------------------- install

/** Runs `npm ci` in a folder whose node_modules is missing or older than the lock file. */
export function install(folder = '.', what = 'development dependencies') {
  // npm writes this file last, so an interrupted install is seen as none.
  const installed = mtime(path(folder, 'node_modules/.package-lock.json'));
  if (installed > 0 && installed >= mtime(path(folder, 'package-lock.json'))) return;
  // `npm ci` empties node_modules first, and would empty what a link points to.
  const modules = path(folder, 'node_modules');
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink())
    fail(
      `${join(folder, 'node_modules')} is a link to ${readlinkSync(modules)}, which installing would empty; remove the link`,
    );
  console.error(`divergrad: installing ${what} (npm ci)`);
  const npm = process.env.npm_execpath;
  const [command, args] = npm
    ? [process.execPath, [npm]]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const flags = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync(command, [...args, ...flags], {
    cwd: path(folder),
    stdio: ['ignore', 2, 2], // standard output belongs to the command itself (`--json`)
    shell: !npm && process.platform === 'win32',
  });
  if (result.status !== 0) fail(`npm ci failed${result.error ? `: ${result.error.message}` : ''}`);
}

// ---------------------------------------------------------------- kernels in WebAssembly

/**
 * The builds of the same sources: which file stands for `./vec`, and what the engine must have. Threads need the
 * memory to be declared shared; the library takes that back where it runs without them.
 */
const simdBuilds = {
  relaxed: { vec: 'vec-simd.ts', features: ['simd', 'relaxed-simd', 'threads'] },
  simd: { vec: 'vec-simd.ts', features: ['simd', 'threads'] },
};
const kernelBuilds = {
  ...simdBuilds,
  scalar: { vec: 'vec-scalar.ts', features: [] },
};

/** What is compiled to WebAssembly: `dist/wasm/<prefix><build>.wasm`, from index.ts and what lies beside it. */
const wasmModules = [
  {
    folder: path('src/backend/wasm/assembly'),
    prefix: '',
    builds: kernelBuilds,
    // Where kernels find things in their blocks: `assembly/layouts` is what this module says.
    layouts: path('src/backend/wasm/layouts.ts'),
  },
  { folder: path('bench/peak/assembly'), prefix: 'peak-', builds: simdBuilds },
];

/** Compiles what runs as WebAssembly to dist/wasm when it has changed; the bundles embed the result. */
export async function compileKernels({ force = false } = {}) {
  for (const { folder, prefix, builds, layouts } of wasmModules) {
    if (!existsSync(folder)) continue;
    const read = [path('build.mjs'), folder, ...sources(folder)];
    if (layouts) read.push(layouts, path('src/kernels'), ...sources(path('src/kernels')));
    const newest = Math.max(...read.map((file) => mtime(file)));
    const stale = Object.entries(builds).filter(
      ([name]) => force || mtime(path(`dist/wasm/${prefix}${name}.wasm`)) < newest,
    );
    if (stale.length === 0) continue;
    const made = layouts ? { 'layouts.ts': await layoutsText(layouts) } : {};
    for (const [name, build] of stale)
      await compileModule({ folder, out: `${prefix}${name}`, made, ...build });
  }
}

/** The AssemblyScript that `layouts.ts` of the wasm backend makes from the kernels' declarations. */
async function layoutsText(entry) {
  const esbuild = await import('esbuild');
  const { outputFiles } = await esbuild.build({
    ...shared,
    entryPoints: [entry],
    write: false,
    sourcemap: false,
  });
  const module = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
  return module.layoutsText();
}

/** @param made text of files that are made when building, by their names */
async function compileModule({ folder, out, made, vec, features }) {
  const { main } = await import('assemblyscript/asc');
  mkdirSync(path('dist/wasm'), { recursive: true });
  const { error, stderr } = await main(
    [
      ...['index.ts', '--outFile', out, '-O3', '--noAssert', '--runtime', 'stub'],
      // Where the host's blocks begin is asked of the module (`heapBase`); address 0 means an unused binding.
      ...['--importMemory', '--initialMemory', '2', '--maximumMemory', '65536', '--memoryBase', '1024'],
      ...(features.includes('threads') ? ['--sharedMemory'] : []),
      ...features.flatMap((feature) => ['--enable', feature]),
    ],
    {
      readFile: (file) => {
        if (made[basename(file)]) return made[basename(file)];
        const source = join(folder, file.endsWith('vec.ts') ? vec : basename(file));
        return existsSync(source) ? readFileSync(source, 'utf8') : null;
      },
      // Under its final name only when whole: another process may be bundling.
      writeFile: (_file, contents) => {
        const target = path(`dist/wasm/${out}.wasm`);
        writeFileSync(`${target}.${process.pid}`, contents);
        renameSync(`${target}.${process.pid}`, target);
      },
      listFiles: () => [],
    },
  );
  if (error)
    fail(`the WebAssembly in ${relative(root, folder)} does not compile: ${error.message}\n${stderr}`);
}

// ---------------------------------------------------------------- bundles

const nodeBanner = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

/** Options that every bundle shares: the library's own, the CLI's, the bench's and the tests'. */
export const shared = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  supported: { using: false }, // Node 20 has no `using`
  sourcemap: 'linked',
  loader: { '.wgsl': 'text', '.wasm': 'binary' },
  external: ['webgpu', '@mujoco/mujoco', 'node:*'],
  define: {
    __DIVERGRAD_VERSION__: JSON.stringify(JSON.parse(readFileSync(path('package.json'), 'utf8')).version),
  },
  logLevel: 'warning',
};

/** A bundle for Node, which may hold CommonJS packages that call `require`. */
export const nodeOptions = {
  ...shared,
  platform: 'node',
  banner: { js: nodeBanner },
  sourcemap: false, // nothing reads them, and they would double the package
};

/** The bundles of dist/: what begins each, and where it goes; of `modules`, each source is a file in `dist/library`. */
export const bundles = [
  { entry: 'src/index.ts', out: 'dist/index.js', modules: true, options: shared },
  { entry: 'src/cli/main.ts', out: 'dist/cli.js', options: nodeOptions, executable: true },
  { entry: 'src/study/runs/environment-worker.ts', out: 'dist/environment-worker.js', options: nodeOptions },
  { entry: 'bench/main.ts', out: 'dist/bench.js', options: nodeOptions },
  { entry: 'bench/peers/main.ts', out: 'dist/peers/main.js', options: nodeOptions },
];

/** Every file that can change a bundle. */
function* sources(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') yield* sources(file);
    } else if (/\.(ts|js|mjs|wgsl|json|wat)$/.test(entry.name)) yield file;
  }
}

/** The newest change in the sources, in milliseconds since the epoch. */
function newestSource() {
  let newest = Math.max(...['build.mjs', 'package.json', 'package-lock.json'].map((f) => mtime(path(f))));
  for (const folder of ['src', 'shaders', 'bench', 'release']) {
    for (const file of sources(path(folder))) newest = Math.max(newest, mtime(file), mtime(dirname(file)));
  }
  return newest;
}

/** Bundles what is older than its sources; with `force`, everything; with `only`, of these files in dist/. */
export async function bundle({ force = false, only } = {}) {
  install();
  await compileKernels();
  const newest = newestSource();
  const stale = bundles.filter(
    ({ out }) => (!only || only.includes(out.replace('dist/', ''))) && (force || mtime(path(out)) < newest),
  );
  if (stale.length === 0) return;
  const esbuild = await import('esbuild');
  mkdirSync(path('dist'), { recursive: true });
  try {
    await Promise.all(
      stale.map(async ({ entry, out, options, executable, modules }) => {
        if (modules) return (await import('./release/modules.mjs')).emitModules(root, options);
        await esbuild.build({
          ...options,
          banner: executable ? { js: `#!/usr/bin/env node\n${nodeBanner}` } : options.banner,
          entryPoints: { [basename(out, '.js')]: path(entry) },
          outdir: dirname(path(out)),
        });
      }),
    );
  } catch (error) {
    if (Array.isArray(error?.errors)) fail('the build failed'); // esbuild has printed why
    throw error;
  }
  // An unchanged result must still count as fresh, or every command would build again.
  const { chmodSync, utimesSync } = await import('node:fs');
  for (const { out, executable } of stale) {
    if (executable) chmodSync(path(out), 0o755);
    const now = new Date();
    utimesSync(path(out), now, now);
  }
}

// ---------------------------------------------------------------- the peers

/** Installs the libraries of bench/peers and bundles what answers for them, in a process (Node, Deno) or a page. */
async function bundlePeers() {
  await bundle();
  install('bench/peers', 'the peers of bench/peers');
  const newest = Math.max(newestSource(), mtime(path('bench/peers/package-lock.json')));
  if (mtime(path('dist/peers/page/page.js')) >= newest) return;
  const esbuild = await import('esbuild');
  const { packages } = JSON.parse(readFileSync(path('bench/peers/package-lock.json'), 'utf8'));
  const versions = Object.keys(packages[''].dependencies).map((name) => [
    name,
    packages[`node_modules/${name}`].version,
  ]);
  const options = {
    splitting: true,
    define: { ...shared.define, __PEER_VERSIONS__: JSON.stringify(Object.fromEntries(versions)) },
  };
  for (const kind of ['node', 'page']) rmSync(path('dist/peers', kind), { recursive: true, force: true });
  await esbuild.build({
    ...nodeOptions,
    ...options,
    mainFields: ['module', 'main'], // one and the same TensorFlow.js core for all of its parts
    banner: { js: `${nodeBanner}\nconst __dirname = import.meta.dirname;` }, // asked for by its wasm backend
    entryPoints: [path('bench/peers/contestants/child.ts')],
    outdir: path('dist/peers/node'),
  });
  // Last, as its time is the time of the build.
  await esbuild.build({
    ...shared,
    ...options,
    platform: 'browser',
    entryPoints: [path('bench/peers/contestants/page.ts')],
    outdir: path('dist/peers/page'),
  });
}

// ---------------------------------------------------------------- the page

/** Builds the page in dist/web: static files that may be put anywhere. */
export async function buildWeb({ force = false } = {}) {
  install();
  await compileKernels();
  const newest = Math.max(
    newestSource(),
    ...[...sources(path('web'))].map((file) => mtime(file)),
    mtime(path('web/style.css')),
    mtime(path('web/index.html')),
  );
  if (!force && mtime(path('dist/web/index.html')) >= newest) return;
  const esbuild = await import('esbuild');
  const { leanShaders } = await import('./release/modules.mjs');
  rmSync(path('dist/web'), { recursive: true, force: true });
  await esbuild.build({
    ...shared,
    platform: 'browser',
    entryPoints: { main: path('web/main.ts'), worker: path('web/worker.ts') },
    outdir: path('dist/web'),
    splitting: true,
    chunkNames: 'chunk-[hash]',
    minify: true,
    plugins: [leanShaders],
  });
  // The page itself comes last: its time is the time of the build.
  for (const file of ['style.css', 'index.html'])
    writeFileSync(path('dist/web', file), readFileSync(path('web', file)));
}

// ---------------------------------------------------------------- running

/** Starts a program, passes signals to it, and resolves to the exit code a shell would report. */
export function run(command, args, env = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const handlers = signals.map((signal) => {
      // A terminal sends its interrupt to the child as well; passing it on would interrupt twice.
      const handler = () =>
        signal === 'SIGINT' && process.stdin.isTTY === true ? undefined : child.kill(signal);
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    const finish = (code) => {
      for (const off of handlers) off();
      done(code);
    };
    child.on('error', (error) => {
      console.error(`divergrad: cannot start ${command}: ${error.message}`);
      finish(127);
    });
    child.on('close', (code, signal) => finish(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** A program from node_modules/.bin, run by this Node. */
function tool(name, bin, args) {
  const manifest = JSON.parse(readFileSync(path('node_modules', name, 'package.json'), 'utf8'));
  const file = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[bin];
  return run(process.execPath, [path('node_modules', name, file), ...args]);
}

/** Rooms in which an element of a list counts as absent until the code has looked whether it is there. */
const strictRooms = ['src/kernels', 'src/program', 'src/backend/webgpu'];

/** Checks the files of {@link strictRooms} for that, and only these: they import rooms that do not look. */
async function checkLists() {
  const { default: ts } = await import('typescript');
  const config = {
    extends: './tsconfig.json',
    compilerOptions: { noUncheckedIndexedAccess: true },
    include: [...strictRooms, 'src/wgsl.d.ts'],
  };
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(fileNames, options);
  const found = fileNames.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)));
  const host = {
    ...ts.sys,
    getCurrentDirectory: () => root,
    getCanonicalFileName: (file) => file,
    getNewLine: () => '\n',
  };
  if (found.length > 0) console.log(ts.formatDiagnostics(found, host).trimEnd());
  return found.length > 0 ? 1 : 0;
}

/** A bundle run by Node, on the software driver where the machine has no GPU of its own. */
async function script(name, args, build = bundle) {
  await build();
  const file = path('dist', name);
  const software = process.env.DIVERGRAD_SOFTWARE_GPU === '1' || !hasHardwareGpu();
  return run(process.execPath, [file, ...args], software ? softwareVulkanEnv() : {});
}

function fail(message) {
  console.error(`divergrad: ${message}`);
  process.exit(1);
}

const cli = (args) => script('cli.js', args);

/** A check of `npm run test:all` that is a program of its own, in test/. */
async function longCheck(name, args) {
  await bundle();
  const esbuild = await import('esbuild');
  await esbuild.build({
    ...nodeOptions,
    packages: 'external',
    entryPoints: [path('test', name, 'main.ts')],
    outfile: path('dist', `${name}.js`),
  });
  return script(`${name}.js`, args);
}

/** Builds what the package holds, and packs it; returns what {@link pack} of release/release.mjs does. */
export async function packPackage() {
  await buildPackage();
  return (await import('./release/release.mjs')).pack(root);
}

/** The bundles that the package holds. */
export const published = ['index.js', 'cli.js', 'environment-worker.js'];

/** Builds all that the package holds and that is older than its sources: bundles, types, notices, reference values. */
export async function buildPackage({ force = false } = {}) {
  await bundle({ force, only: published });
  const { finishPackage } = await import('./release/package.mjs');
  const code = await finishPackage(root, {
    newest: force ? Number.POSITIVE_INFINITY : newestSource(),
    bundles: bundles.filter(({ out, modules }) => published.includes(basename(out)) && !modules),
    compileTypes: () => tool('typescript', 'tsc', ['-p', path('tsconfig.build.json')]),
  });
  if (code !== 0) fail('the types of the package do not compile');
}

const commands = {
  async build() {
    await bundle({ force: true });
    if (!existsSync(path('src/index.ts'))) return 0;
    await buildWeb({ force: true });
    await buildPackage();
    return 0;
  },
  /** What npm runs before it packs, and after an install from git. */
  async package() {
    await buildPackage();
    return 0;
  },
  /** Everything up to the step that publishes: checks, builds, tests, packs. */
  async release(args) {
    const { release } = await import('./release/release.mjs');
    return release(root, args, { build: () => buildPackage({ force: true }), test: commands.test });
  },
  test: (args) => run(process.execPath, [path('test/run.mjs'), ...args]),
  'test:all': (args) => run(process.execPath, [path('test/run.mjs'), '--all', ...args]),
  /** What the package itself measures; with `--kernels` or `--roofline`, what needs development-only packages. */
  bench: (args) =>
    args.includes('--kernels') || args.includes('--roofline')
      ? script('bench.js', args)
      : cli(['bench', ...args]),
  /** The same update in this library and in those that a user would otherwise take, side by side. */
  'bench:peers': (args) => script('peers/main.js', args, bundlePeers),
  /** Thousands of random programs, backend against backend. */
  fuzz: (args) => longCheck('fuzz', args),
  /** Signals, full disks, damaged files: what comes of commands that are disturbed from outside. */
  faults: (args) => longCheck('faults', args),
  /** 100,000 updates, a thousand programs, large batches and networks: memory stays flat. */
  soak: (args) => longCheck('soak', args),
  /** Training with little memory, on a disk that fills and empties. */
  pressure: (args) => longCheck('pressure', args),
  /** How long every command takes to end after Ctrl-C. */
  latency: (args) => longCheck('latency', args),
  /** Plants faults one at a time and says which test finds each. */
  async mutants(args) {
    await bundle();
    await buildWeb();
    return run(process.execPath, [path('test/runner/mutants.mjs'), ...args]);
  },
  verify: (args) => cli(['verify', ...args]),
  divergrad: (args) => cli(args),
  /** Serves the page until interrupted: web [PORT] */
  async web([port = '8080']) {
    if (!/^\d+$/.test(port) || Number(port) > 65_535)
      fail(
        `the port is '${port}'; it must be a whole number from 0 to 65535, as in: node build.mjs web 9000`,
      );
    await buildWeb();
    const { serve } = await import('./web/serve.mjs');
    const { url } = await serve({ port: Number(port) }).catch((error) => fail(error.message));
    console.log(`the page is at ${url}`);
    return new Promise((done) => process.once('SIGINT', () => done(0)));
  },
  /** Builds the site in dist/docs; with `--cli` only writes docs/cli.md from the help of the commands. */
  async docs(args) {
    await bundle({ only: [] });
    const esbuild = await import('esbuild');
    const writer = path('dist/write-cli.js');
    await esbuild.build({ ...nodeOptions, entryPoints: [path('docs/site/write-cli.ts')], outfile: writer });
    const code = await run(process.execPath, [writer]);
    if (code !== 0 || args.includes('--cli')) return code;
    await buildWeb();
    install('docs', 'what builds the site');
    const { buildSite } = await import('./docs/site/build.mjs');
    console.log(`the site is in ${relative(root, buildSite())}`);
    return 0;
  },
  /** Runs examples in Node, all when none is named: examples [NAME…] */
  async examples(wanted) {
    await bundle({ only: ['index.js'] });
    const { names, prepare } = await import('./examples/run.mjs');
    const unknown = wanted.find((name) => !names.includes(name));
    if (unknown) fail(`there is no example '${unknown}'; there are ${names.join(', ')}`);
    for (const [name, file] of await prepare(wanted.length ? wanted : names)) {
      console.log(`\n${name}`);
      const code = await run(process.execPath, [file]);
      if (code !== 0) return code;
    }
    return 0;
  },
  /** Takes the pictures of docs/web in the headless Chromium of the tests. */
  async screenshots() {
    await buildWeb();
    return run(process.execPath, [path('web/screenshots.mjs')]);
  },
  async typecheck(args) {
    install();
    const check = (config) => {
      // What it found is kept, so that the next check is of what has changed since.
      const kept = [
        '--incremental',
        '--tsBuildInfoFile',
        path('dist', `${config.replaceAll('/', '-')}.tsbuildinfo`),
      ];
      return tool('typescript', 'tsc', ['-p', path(config), '--noEmit', ...kept, ...args]);
    };
    const code = (await check('tsconfig.json')) || (await checkLists());
    // The peers' own types come with them: only where they are installed.
    if (code !== 0 || !existsSync(path('bench/peers/node_modules'))) return code;
    return check('bench/peers/tsconfig.json');
  },
  async lint(args) {
    install();
    return tool('@biomejs/biome', 'biome', ['check', ...(args.length ? args : ['.'])]);
  },
  async format(args) {
    install();
    return tool('@biomejs/biome', 'biome', ['check', '--write', ...(args.length ? args : ['.'])]);
  },
  async clean() {
    rmSync(path('dist'), { recursive: true, force: true });
    return 0;
  },
};

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const [name = 'build', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(commands, name)) {
    console.error(`usage: node build.mjs <${Object.keys(commands).join('|')}> [arguments…]`);
    process.exit(2);
  }
  process.exitCode = await commands[name](args);
  if (name === 'web') process.exit();
}
