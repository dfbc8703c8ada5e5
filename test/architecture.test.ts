// The rooms of src/ and the one direction of their imports: mathematics → kernels → tape → program → backend →
// device, and the reinforcement-learning rooms above.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(process.cwd(), 'src');

/** Which rooms each may import from, besides itself. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  json: ['errors'],
  version: [],
  breathe: [],
  math: ['errors', 'json'],
  // Layouts of the hand-written kernels: what tape, program and backends must agree about.
  kernels: ['math'],
  tape: ['kernels'],
  program: ['tape'],
  backend: ['program'],
  update: ['backend'],
  device: ['update'],
  // Which backend to open: it stands beside the backends, but hands out devices.
  'backend/crossover': ['device'],
  // What a backend must compute right before it is trusted.
  'backend/probe': ['device', 'distributions'],
  'backend/select': ['backend/crossover', 'backend/probe'],
  nn: ['tape'],
  distributions: ['nn'],
  divergences: ['distributions'],
  envs: ['errors', 'math', 'breathe'],
  rl: ['divergences', 'backend/crossover', 'envs'],
  measure: ['rl', 'backend/select', 'version'],
  quality: ['measure'],
  'study/runs': ['rl', 'backend/select'],
  study: ['study/runs'],
  report: ['measure', 'quality', 'study'],
  verify: ['rl', 'study/runs'],
  index: ['measure'],
  cli: ['report', 'verify', 'index'],
};

/** Rooms that are handed lists from a file or a user. */
const above = ['rl', 'measure', 'quality', 'study/runs', 'study', 'report', 'verify', 'cli'];

/** Packages that are loaded only when asked for, and may be absent. */
const optional = ['webgpu', '@mujoco/mujoco'];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** A module's name below src, without its ending. */
const nameOf = (file: string): string =>
  relative(root, file)
    .split(sep)
    .join('/')
    .replace(/\.d\.ts$|\.ts$/, '');
const roomOf = (module: string): string => {
  const folder = module.split('/').slice(0, 2).join('/');
  return [module, folder].find((name) => name in rooms) ?? module.split('/')[0];
};

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* files(join(folder, entry.name));
    else if (entry.name.endsWith('.ts')) yield join(folder, entry.name);
  }
}

const statement =
  /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;
/** Without comments, whose examples may import too. */
const codeOf = (file: string): string =>
  readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '');

const modules = [...files(root)].map(nameOf);
const inside: Import[] = [];
const outside: Import[] = [];
for (const file of files(root)) {
  for (const [, type, statically, dynamically] of codeOf(file).matchAll(statement)) {
    const to = statically ?? dynamically;
    const local = to.startsWith('.');
    const target = local ? nameOf(resolve(dirname(file), to)) : to;
    (local ? inside : outside).push({ from: nameOf(file), to: target, typeOnly: type !== undefined });
  }
}

/** All rooms below a room. */
function below(room: string): Set<string> {
  const seen = new Set([room]);
  for (const each of seen) for (const next of rooms[each] ?? []) seen.add(next);
  return seen;
}

test('the parser sees the imports', () => {
  assert.ok(
    modules.length > 40 && inside.length > 100,
    `${modules.length} modules, ${inside.length} imports`,
  );
  const seen = (from: string, to: string) => inside.some((each) => each.from === from && each.to === to);
  assert.ok(seen('tape/grad', 'tape/elementwise') && seen('program/lower', 'program/plan'));
});

test('every folder and file of src is a room that is known here', () => {
  const unknown = new Set(modules.map(roomOf).filter((room) => !(room in rooms) && room !== 'wgsl'));
  assert.equal([...unknown], []);
});

test('no import runs back up', () => {
  const wrong = inside.filter(({ from, to }) => {
    if (to.startsWith('..')) return false;
    return !below(roomOf(from)).has(roomOf(to));
  });
  assert.equal(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test('what is known of single adapters and runtimes stands in one file', () => {
  const wrong = [...files(root)]
    .filter((file) => /swiftshader|llvmpipe|lavapipe/i.test(codeOf(file)))
    .map(nameOf)
    .filter((module) => module !== 'backend/webgpu/profile');
  assert.equal(wrong, []);
});

test('no rooms import each other in a circle', () => {
  const edges = new Map<string, Set<string>>();
  for (const { from, to } of inside) {
    if (roomOf(from) === roomOf(to)) continue;
    edges.set(roomOf(from), (edges.get(roomOf(from)) ?? new Set()).add(roomOf(to)));
  }
  const visit = (room: string, path: readonly string[]): void => {
    assert.not.ok(path.includes(room), `${[...path, room].join(' → ')}`);
    for (const next of edges.get(room) ?? []) visit(next, [...path, room]);
  };
  for (const room of edges.keys()) visit(room, []);
});

test('what the public library reaches uses neither Node nor any package but optional ones', () => {
  const reached = new Set(['index']);
  for (const module of reached)
    for (const { from, to, typeOnly } of inside) if (from === module && !typeOnly) reached.add(to);
  assert.ok(reached.has('tape/grad') && reached.has('backend/webgpu/open'), 'the walk finds the library');
  const wrong = outside.filter(
    ({ from, to, typeOnly }) => reached.has(from) && !typeOnly && !optional.includes(to),
  );
  assert.equal(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test('one module uses the files of the system, so that every error of theirs is one of ours', () => {
  const users = outside.filter(({ to, typeOnly }) => to.startsWith('node:fs') && !typeOnly);
  assert.equal([...new Set(users.map(({ from }) => from))], ['study/runs/files']);
});

test('no list from a file or a user becomes arguments of a call, which overflow the stack at some 100,000', () => {
  const wrong = [...files(root)]
    .filter((file) => above.includes(roomOf(nameOf(file))))
    .flatMap((file) =>
      [...codeOf(file).matchAll(/(Math\.(?:min|max|hypot)|\.push|fromCharCode)\(\s*\.\.\..*/g)].map(
        ([text]) => `${nameOf(file)}: ${text}`,
      ),
    );
  assert.equal(wrong, []);
});

test('below the study and what reads and shows its results nothing uses Node', () => {
  const wrong = outside.filter(
    ({ from, to, typeOnly }) =>
      !['cli', 'study', 'study/runs', 'report', 'verify'].includes(roomOf(from)) &&
      !typeOnly &&
      !optional.includes(to),
  );
  assert.equal(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test.run();
