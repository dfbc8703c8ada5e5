// The packed package, installed as a user installs it: into a folder outside the repository.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ended, run, type StartOptions } from '../helpers/process.ts';
import type { Asked, Worked } from './app/types.ts';
import { type RowId, rows } from './rows.ts';

/** The file that test/run.mjs has packed. */
export const tarball = resolve(
  'dist/release',
  readdirSync('dist/release').find((name) => name.endsWith('.tgz')) ?? 'absent.tgz',
);
/** Loads a module of the repository that is not bundled with the tests. */
export const load = (file: string) => import(pathToFileURL(resolve(file)).href);
/** A package that only these tests have. */
export const tool = (file: string): string => resolve('test/tarball/node_modules', file);

/** The test of a row of the table. */
export function row(id: RowId, body: () => Promise<void>): void {
  const { runtime, bundler, tried, works } = rows[id];
  test(`${runtime}, ${bundler}: ${tried} → ${works}`, body);
}

const optional = ['webgpu', '@mujoco/mujoco'];
const folders: string[] = [];
test.after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-tarball-'));
  folders.push(folder);
  return folder;
}

/** Runs a program that must succeed. */
export async function succeeds(
  command: string,
  args: readonly string[],
  options?: StartOptions,
): Promise<Ended> {
  const ended = await run(command, [...args], options);
  assert.is(ended.code, 0, `${command} ${args.join(' ')}\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

let first: string | undefined;

/** A folder with the package installed, and the program of app/; with `optionals`, the optional packages too. */
export async function installed({ optionals = false } = {}): Promise<string> {
  const folder = temporary();
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  if (first === undefined) {
    const args = ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball];
    await succeeds('npm', args, { cwd: folder });
    first = folder;
  } else
    for (const part of ['node_modules', 'package.json', 'package-lock.json'])
      cpSync(join(first, part), join(folder, part), { recursive: true });
  cpSync('test/tarball/app', folder, { recursive: true });
  for (const name of optionals ? optional : []) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link, 'junction');
  }
  return folder;
}

/** Writes the program of app/ as JavaScript, for runtimes that take no TypeScript. */
export async function asJavaScript(folder: string): Promise<void> {
  const esbuild = await import('esbuild');
  await esbuild.build({ entryPoints: [join(folder, 'program.ts')], outdir: folder, logLevel: 'warning' });
}

const [E0, E1, E2] = [1, Math.E, Math.E ** 2];

/** What the program has found is what mathematics says. */
export function requireRight(
  worked: Worked,
  { backend, observation = 3 }: { backend: string; observation?: number },
): void {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.is(worked.version, version);
  assert.is(worked.backend, backend, worked.reason);
  for (const [i, expected] of [E0, E1, E2].entries())
    assert.ok(Math.abs(worked.exp[i] - expected) < 1e-5 * expected, `exp(${i}) is ${worked.exp[i]}`);
  // A constant leaves a third of 4, the variance of the line.
  assert.ok(worked.loss >= 0 && worked.loss < 0.05, `loss ${worked.loss}`);
  assert.is(worked.observation, observation);
}

/** The program in a process: its result. */
export async function workIn(
  folder: string,
  asked: Asked,
  { command = process.execPath, args = ['--no-warnings'], module = './program.js' } = {},
): Promise<Worked> {
  const file = join(folder, 'start.mjs');
  writeFileSync(
    file,
    `import { work } from '${module}';\nconsole.log('worked ' + JSON.stringify(await work(${JSON.stringify(asked)})));\n`,
  );
  const { stdout } = await succeeds(command, [...args, file], { cwd: folder });
  return JSON.parse(stdout.split('worked ')[1]);
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** Serves a folder. @returns its address and what ends the server */
export async function serve(folder: string, headers: Readonly<Record<string, string>> = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = join(folder, normalize(pathname === '/' ? '/index.html' : pathname));
    if (!file.startsWith(folder + sep) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'Content-Type': types[extname(file)] ?? 'application/octet-stream',
      ...headers,
    });
    response.end(readFileSync(file));
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, stop };
}
