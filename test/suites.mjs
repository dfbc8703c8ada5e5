// Every suite as data: what it proves, where its files run, and how many minutes of process time it may take on two
// quiet cores. `npm test` runs those of the tier `test`; `npm run test:all` runs all. A suite that takes longer than its
// budget says so and still passes: time decides no test.

const inFolder = (folder) => (file) => file.startsWith(`test/${folder}/`);
const long = (file) => file.endsWith('.long.test.ts');
const short = (file) => !long(file);
const device = inFolder('device');
const web = inFolder('web');
/** Files that start the built command line, or otherwise take a process of their own for each check. */
const process = (file) => inFolder('process')(file) || inFolder('smoke')(file);
/** The package as it is published, outside the repository. */
const tarball = inFolder('tarball');
const unit = (file) =>
  !device(file) && !web(file) && !process(file) && !tarball(file) && !inFolder('drivers')(file);
const both =
  (...conditions) =>
  (file) =>
    conditions.every((condition) => condition(file));

/** What of the device tests a second and a third runtime run in `npm test`; `npm run test:all` runs the others there. */
const smoke = (file) => /^test\/device\/(adapter|numerics|random|uploads)\.test\.ts$/.test(file);
const notSmoke = (file) => !smoke(file);

/** What is tried on drivers beside SwiftShader: one that lays out or computes otherwise shows it here. */
const onDrivers = (file) =>
  inFolder('drivers')(file) ||
  /^test\/device\/(adapter|aliases|kernels-generated|matmul|passes|program)\.test\.ts$/.test(file);

/** Sources that a suite of one backend cannot see, though its bundle holds them. */
const others = {
  cpu: ['shaders/', 'src/backend/webgpu/', 'src/backend/wasm/'],
  wasm: ['shaders/', 'src/backend/webgpu/'],
  webgpu: ['src/backend/wasm/'],
};

export const suites = {
  checks: {
    tier: 'test',
    minutes: 0.3,
    proves: 'types and lint',
    commands: { types: ['typecheck', '--pretty', 'false'], lint: ['lint', '--reporter=summary', '.'] },
  },
  node: {
    tier: 'test',
    minutes: 3.3,
    proves: 'every room by itself, against closed forms, quadrature, reference values and float64',
    ...{ runtime: 'node', backend: 'cpu', files: both(unit, short) },
  },
  cpu: {
    tier: 'test',
    minutes: 0.4,
    proves: 'the cpu backend runs every kernel, program and cell as float64 does',
    ...{ runtime: 'node', backend: 'cpu', files: both(device, short) },
  },
  wasm: {
    tier: 'test',
    minutes: 0.5,
    proves: 'the same on the wasm backend',
    ...{ runtime: 'node', backend: 'wasm', files: both(device, short) },
  },
  webgpu: {
    tier: 'test',
    minutes: 2.5,
    proves: 'the same on WebGPU: Dawn in Node',
    ...{ runtime: 'node', backend: 'webgpu', files: both(device, short) },
  },
  deno: {
    tier: 'test',
    minutes: 0.2,
    proves: 'Deno opens WebGPU (wgpu) and computes there',
    ...{ runtime: 'deno', backend: 'webgpu', files: both(device, smoke) },
  },
  'deno-wasm': {
    tier: 'test',
    minutes: 0.1,
    proves: 'Deno computes on the wasm backend',
    ...{ runtime: 'deno', backend: 'wasm', files: both(device, smoke) },
  },
  chromium: {
    tier: 'test',
    minutes: 0.2,
    proves: 'a page in Chromium opens WebGPU and computes there',
    ...{ runtime: 'chromium', backend: 'webgpu', files: both(device, smoke) },
  },
  'chromium-wasm': {
    tier: 'test',
    minutes: 0.1,
    proves: 'a page in Chromium computes on the wasm backend',
    ...{ runtime: 'chromium', backend: 'wasm', files: both(device, smoke) },
  },
  process: {
    tier: 'test',
    minutes: 1.2,
    proves: 'the main ways of the command line, as a user meets them',
    ...{ runtime: 'node', backend: 'cpu', files: both(process, short) },
  },
  web: {
    tier: 'test',
    minutes: 0.2,
    proves: 'the main path of the page, with WebGPU and without',
    ...{ runtime: 'node', backend: 'cpu', files: both(web, short) },
  },

  'node-long': {
    tier: 'all',
    minutes: 5,
    proves: 'what takes a room more than a few seconds',
    ...{ runtime: 'node', backend: 'cpu', files: both(unit, long) },
  },
  'process-long': {
    tier: 'all',
    minutes: 7,
    proves:
      'the command line in every corner: interrupted, misused, in Deno, on every build of the wasm kernels',
    ...{ runtime: 'node', backend: 'cpu', files: both(process, long) },
  },
  'web-long': {
    tier: 'all',
    minutes: 3,
    proves: 'the page in every corner, and that people who do not see or point can use it',
    ...{ runtime: 'node', backend: 'cpu', files: both(web, long), packages: 'test/web' },
  },
  tarball: {
    tier: 'all',
    minutes: 5,
    proves: 'the packed package works where it is installed: Node, Deno, pages, workers, bundlers, compilers',
    ...{ runtime: 'node', backend: 'cpu', files: tarball, packages: 'test/tarball' },
  },
  'deno-rest': {
    tier: 'all',
    minutes: 5.5,
    proves: 'every kernel, program and cell in Deno on WebGPU',
    ...{ runtime: 'deno', backend: 'webgpu', files: both(device, notSmoke) },
  },
  'deno-lavapipe': {
    tier: 'all',
    minutes: 3,
    proves: "Deno on Mesa's Vulkan: the probe, goldens, and every kernel as float64 has it",
    ...{ runtime: 'deno', backend: 'webgpu', driver: 'lavapipe', files: onDrivers },
  },
  'deno-opengl': {
    tier: 'all',
    minutes: 3,
    proves: "the same on Mesa's OpenGL ES, where there is no Vulkan",
    ...{ runtime: 'deno', backend: 'webgpu', driver: 'opengl', files: onDrivers },
  },
  'deno-wasm-rest': {
    tier: 'all',
    minutes: 1,
    proves: 'the same in Deno on the wasm backend',
    ...{ runtime: 'deno', backend: 'wasm', files: both(device, notSmoke) },
  },
  'chromium-rest': {
    tier: 'all',
    minutes: 6,
    proves: 'the same in Chromium on WebGPU',
    ...{ runtime: 'chromium', backend: 'webgpu', files: both(device, notSmoke) },
  },
  'chromium-wasm-rest': {
    tier: 'all',
    minutes: 1,
    proves: 'the same in Chromium on the wasm backend',
    ...{ runtime: 'chromium', backend: 'wasm', files: both(device, notSmoke) },
  },
  docs: {
    tier: 'all',
    minutes: 2,
    proves: 'the site builds without a warning of TypeDoc, and no link in it is dead',
    commands: { site: ['docs'] },
  },
  fuzz: {
    tier: 'all',
    minutes: 3,
    proves: 'thousands of random programs agree on every backend',
    commands: {
      'on cpu and wasm': ['fuzz', '--programs=2000', '--seed=25'],
      'on cpu and webgpu': ['fuzz', '--programs=40', '--seed=25', '--backends=cpu,webgpu'],
    },
  },
  faults: {
    tier: 'all',
    minutes: 4,
    proves:
      'signals, full disks and damaged files: the undisturbed result or a typed refusal, and nothing is left',
    commands: { 'a hundred tries': ['faults', '--tries=100', '--seed=27'] },
  },
  soak: {
    tier: 'all',
    minutes: 3,
    proves: 'memory stays flat over many updates and programs; large batches and networks work',
    commands: { 'on wasm': ['soak'] },
  },
};

/** Sources that cannot change what a suite finds. */
export const unseenBy = ({ runtime, backend, files }) =>
  runtime && files('test/device/x.test.ts') ? others[backend] : [];

/** The bundles of dist/ that a test file starts or loads, beside its own: by the beginning of its name. */
export const builds = {
  'test/process/': ['cli.js', 'index.js', 'environment-worker.js'],
  'test/process/peers': ['peers/main.js'],
  'test/process/newcomer': ['bench.js'],
  'test/smoke/': ['index.js'],
  'test/backend/wasm-exit': ['index.js'],
  'test/bench/roofline': ['bench.js'],
  'test/tarball/': ['package'],
  'test/web/': ['page', 'cli.js'],
  'test/web/examples': ['index.js'],
};

/** What a test file reads without importing it: by the beginning of its name. */
export const reads = {
  'test/architecture': ['src/', 'shaders/', 'docs/architecture.md'],
  'test/backend/cpu-state': ['test/golden/'],
  'test/backend/wasm': ['src/backend/wasm/assembly/'],
  'test/check/': ['docs/plugins.md'],
  'test/cli/': ['test/golden/', 'docs/'],
  'test/docs/': ['docs/', 'examples/', 'README.md', 'src/'],
  'test/drivers/': ['test/golden/'],
  'test/envs/': ['test/golden/'],
  'test/faults/plants': ['src/'],
  'test/math/special': ['test/golden/'],
  'test/peers/': ['docs/peers', 'test/peers/'],
  'test/process/': ['test/golden/', 'README.md', 'docs/', 'test/helpers/'],
  'test/process/examples': ['examples/'],
  'test/process/install': ['build.mjs', 'test/runner/'],
  'test/process/supply-chain': ['src/', 'bench/', 'web/', 'test/', 'package.json', 'package-lock.json'],
  'test/release/': [
    'release/',
    'package.json',
    'package-lock.json',
    'CHANGELOG.md',
    'CITATION.cff',
    'README.md',
  ],
  'test/rl/': ['test/rl/', 'test/golden/loop/', 'test/golden/policy/'],
  'test/study/plugins': ['docs/plugins.md'],
  'test/runner/contributing': ['CONTRIBUTING.md', 'README.md', 'docs/', 'package.json', 'src/cli/', 'test/'],
  'test/runner/readme': ['README.md', 'docs/'],
  'test/runner/packages': ['package.json', 'package-lock.json', 'bench/', 'src/', 'web/', 'test/'],
  'test/runner/': ['test/runner/', 'test/run.mjs', 'test/suites.mjs', 'test/mutants/', 'build.mjs'],
  'test/smoke/': ['test/smoke/'],
  'test/quality/': ['test/golden/'],
  'test/report/': ['docs/', 'README.md'],
  'test/study/': ['test/golden/', 'docs/study/'],
  'test/tarball/': [
    'test/tarball/',
    'release/',
    'docs/runtimes.md',
    'README.md',
    'package.json',
    'src/',
    'shaders/',
  ],
  'test/verify/': ['test/golden/', 'README.md'],
  'test/web/': ['test/web/', 'web/', 'docs/quality/'],
  'test/web/examples': ['examples/'],
};

/** Where the tests of a folder's own are, where that is not the folder of the same name in test/. */
export const own = {
  'shaders/': ['test/backend/webgpu', 'test/device/'],
  'src/backend/cpu/': ['test/backend/cpu', 'test/device/'],
  'src/backend/wasm/': ['test/backend/wasm', 'test/device/'],
  'src/backend/webgpu/': ['test/backend/webgpu', 'test/backend/device', 'test/device/'],
  'src/device': ['test/backend/device', 'test/device/'],
  'src/kernels/': ['test/backend/webgpu-modules', 'test/backend/cpu', 'test/program/', 'test/device/'],
  'src/update': ['test/backend/device', 'test/device/'],
  'src/backend/owning': ['test/backend/device', 'test/device/'],
  'src/tape/': ['test/tape/', 'test/backend/device', 'test/device/again', 'test/device/p'],
  'src/program/': ['test/program/', 'test/device/plan'],
  'src/distributions/': ['test/distributions/', 'test/divergences/known-values'],
  'web/': ['test/page/'],
};

/** Files that every test rests on. */
export const foundations = [
  'package.json',
  'package-lock.json',
  'build.mjs',
  'tsconfig.json',
  'test/runner/',
];

/** The values under the keys that begin a file's name. */
export const entriesFor = (table, file) =>
  Object.entries(table).flatMap(([start, values]) => (file.startsWith(start) ? values : []));
