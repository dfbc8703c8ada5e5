// The rooms of src/ and the one direction of their imports: mathematics → kernels → tape → program → backend →
// device, and the reinforcement-learning rooms above.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { estimators } from '../src/divergences/registry.ts';

const root = join(process.cwd(), 'src');

/** The rooms of src/, lowest first: each may import from those before it. A room is a folder, or a file beside them. */
const order = [
  ...['errors', 'version', 'breathe', 'json'],
  // Mathematics -> kernels' layouts -> tape -> program -> backend -> device.
  ...['math', 'kernels', 'tape', 'program', 'backend', 'update', 'device'],
  ...['nn', 'distributions'],
  // Opening a backend: which, and whether it computes right.
  'open',
  ...['divergences', 'envs', 'rl'],
  ...['measure', 'quality', 'study/runs', 'study', 'report', 'verify'],
  ...['signatures', 'index', 'cli'],
];

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
  return [module, folder].find((name) => order.includes(name)) ?? module.split('/')[0];
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

test('the parser sees the imports', () => {
  assert.ok(
    modules.length > 40 && inside.length > 100,
    `${modules.length} modules, ${inside.length} imports`,
  );
  const seen = (from: string, to: string) => inside.some((each) => each.from === from && each.to === to);
  assert.ok(seen('tape/grad', 'tape/elementwise') && seen('program/lower', 'program/plan'));
});

test('every folder and file of src is a room that is known here', () => {
  const unknown = new Set(modules.map(roomOf).filter((room) => !order.includes(room) && room !== 'wgsl'));
  assert.equal([...unknown], []);
});

test('docs/architecture.md lists these rooms, in this order', () => {
  const [, section] = readFileSync('docs/architecture.md', 'utf8').split('\n## The rooms\n');
  const listed = section.split('\n## ')[0].matchAll(/^- `([\w/]+)`: \S/gm);
  assert.equal(
    [...listed].map(([, room]) => room),
    order,
  );
});

test('no import runs back up', () => {
  const wrong = inside.filter(({ from, to }) => {
    if (to.startsWith('..')) return false;
    return order.indexOf(roomOf(to)) > order.indexOf(roomOf(from));
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

test('no files import each other in a circle, types included', () => {
  const imported = new Map<string, string[]>();
  for (const { from, to } of inside) imported.set(from, [...(imported.get(from) ?? []), to]);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (module: string, path: readonly string[]): void => {
    if (path.includes(module)) circles.push([...path.slice(path.indexOf(module)), module].join(' -> '));
    if (path.includes(module) || done.has(module)) return;
    for (const next of imported.get(module) ?? []) visit(next, [...path, module]);
    done.add(module);
  };
  for (const module of modules) visit(module, []);
  assert.equal(circles, []);
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

test('no name of an estimator decides anything: what is particular to one stands with it, as data', () => {
  const names = [...new Set(estimators.map(({ name }) => name.split('/')[0]))].join('|');
  const deciding = new RegExp(`(===|!==|case|(startsWith|includes|has)\\()\\s*'(${names})[/:']`);
  const wrong = [...files(root)].filter(
    (file) => roomOf(nameOf(file)) !== 'verify' && deciding.test(codeOf(file)),
  );
  assert.equal(wrong.map(nameOf), []);
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
