// Where contestants run: processes of Node, Deno or Python, and pages of the headless Chromium.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { availableParallelism } from 'node:os';
import { dirname, join, normalize, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Facts, Opening, RemoteContestant, RunCounts } from './contestant.ts';
import { initialNetworks, type Layer, type Losses, rates, workData, workSizes } from './work.ts';

/** Runtimes by the names used on the command line. */
export const runtimeNames = ['node', 'chromium', 'deno'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** The repository: this file runs bundled, from dist/peers. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const wasmFiles = join(root, 'bench/peers/node_modules/@tensorflow/tfjs-backend-wasm/dist');

/** A contestant cannot be had here; the message says why. */
export class Absent extends Error {
  override readonly name = 'Absent';
}

/** Longest wait for one answer, s: the slowest first update takes about ten. */
const PATIENCE_SECONDS = 180;

type Ask = (method: keyof RemoteContestant, argument?: unknown) => Promise<unknown>;

/** The methods of a contestant, each a question. */
const remote = (ask: Ask, end: () => Promise<void>): RemoteContestant => ({
  open: async (opening) => (await ask('open', opening)) as Facts,
  facts: async () => (await ask('facts')) as Facts,
  check: async (updates) => (await ask('check', updates)) as Losses[],
  layers: async () => (await ask('layers')) as Record<string, number[]>,
  counts: async (updates) => (await ask('counts', updates)) as RunCounts | null,
  time: async (updates) => (await ask('time', updates)) as number,
  close: async () => {
    try {
      await ask('close');
    } finally {
      await end();
    }
  },
});

// ---------------------------------------------------------------- processes

const children = new Set<ChildProcess>();
/** Nothing that this command started outlives it. */
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** How a question is written. */
  encode(method: string, argument: unknown): unknown;
}

/** A process that answers each line with a line `@@peers {…}`, or `{…}` alone. */
function inProcess({ command, args, env, encode }: ProcessOptions): RemoteContestant {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  let settle: ((line: string | Error) => void) | undefined;
  let ended: Error | undefined;
  child.stdin.on('error', () => undefined); // its end is reported below
  child.on('error', (error) => settle?.((ended = new Absent(`cannot start ${command}: ${error.message}`))));
  child.on('close', (code, signal) => {
    children.delete(child);
    const last = said.trim().split('\n').filter(Boolean).at(-1);
    ended ??= new Absent(`the process ended (${signal ?? code})${last ? `: ${last}` : ''}`);
    settle?.(ended);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const at = line.indexOf('@@peers ');
    if (at >= 0) settle?.(line.slice(at + 8));
  });
  const ask: Ask = async (method, argument) => {
    if (ended) throw ended;
    const line = await new Promise<string | Error>((done) => {
      const timer = setTimeout(
        () => done(new Absent(`no answer to '${method}' within ${PATIENCE_SECONDS} s`)),
        1000 * PATIENCE_SECONDS,
      );
      settle = (answer) => {
        clearTimeout(timer);
        done(answer);
      };
      child.stdin.write(`${JSON.stringify(encode(method, argument))}\n`);
    });
    settle = undefined;
    if (line instanceof Error) throw line;
    const answer = JSON.parse(line) as { result?: unknown; error?: string };
    if (answer.error !== undefined) throw new Absent(answer.error.split('\n')[0]);
    return answer.result;
  };
  return remote(ask, async () => {
    child.kill('SIGKILL');
  });
}

const scriptEnv = (opening: Opening): Record<string, string> => ({
  PEERS_WASM_FOLDER: wasmFiles + sep,
  PEERS_PROCESSORS: String(availableParallelism()),
  ...(opening.backend === 'webgpu' ? { PEERS_WEBGPU: 'package' } : {}),
});
const child = join(root, 'dist/peers/node/child.js');
const encodeScript = (method: string, argument: unknown) => ({ method, argument });

const inNode = (opening: Opening): RemoteContestant =>
  inProcess({ command: process.execPath, args: [child], env: scriptEnv(opening), encode: encodeScript });

async function inDeno(opening: Opening): Promise<RemoteContestant> {
  const { denoPath } = (await import(join(root, 'test/runner/software-gpu.mjs'))) as {
    denoPath(): string | undefined;
  };
  const command = denoPath();
  if (!command) throw new Absent('no Deno for this machine');
  const env = {
    ...scriptEnv(opening),
    PEERS_WEBGPU: '', // Deno has its own
    DENO_DIR: join(root, 'node_modules/.cache/divergrad/deno'),
    DENO_NO_UPDATE_CHECK: '1',
  };
  const args = ['run', '-A', '--no-config', '--no-remote', '--unstable-webgpu', child];
  return inProcess({ command, args, env, encode: encodeScript });
}

// ---------------------------------------------------------------- Python

export interface PythonOptions {
  /** The interpreter; looked for when absent. */
  readonly python?: string;
  /** `automatic` leaves the choice to OpenBLAS. */
  readonly core: string;
}

let foundPython: string | undefined;

/** An interpreter that can import torch. @throws Absent saying why none can */
export function pythonWithTorch(wanted?: string): string {
  if (foundPython) return foundPython;
  const reasons: string[] = [];
  for (const command of wanted ? [wanted] : ['python3', '/usr/bin/python3']) {
    const { status, stderr, error } = spawnSync(command, ['-c', 'import torch'], { encoding: 'utf8' });
    if (status === 0) return (foundPython = command);
    reasons.push(`${command}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
  }
  throw new Absent(`${reasons.join('; ')} (on Debian: apt-get install python3-torch libopenblas0-pthread)`);
}

function inPython(opening: Opening, { python, core }: PythonOptions): RemoteContestant {
  const threads = String(opening.threads ?? availableParallelism());
  return inProcess({
    command: pythonWithTorch(python),
    args: [join(root, 'bench/peers/contestants/pytorch.py')],
    env: {
      OPENBLAS_NUM_THREADS: threads,
      OMP_NUM_THREADS: threads,
      ...(core === 'automatic' ? {} : { OPENBLAS_CORETYPE: core }),
    },
    encode: (method, argument) =>
      method === 'open' ? { method, ...pythonOpening(opening) } : { method, updates: argument },
  });
}

/** All that Python cannot make itself: the parameters and the batch, in float32 and base64. */
function pythonOpening({ work, seed, threads, double = false }: Opening): Record<string, unknown> {
  const size = workSizes[work];
  const text = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  const network = (layers: readonly Layer[]) =>
    layers.map((layer) => ({ ...layer, weight: text(layer.weight), bias: text(layer.bias) }));
  const { policy, critics } = initialNetworks(size, seed);
  const data = Object.entries(workData(size, seed)).map(([name, values]) => [name, text(values)]);
  return {
    ...size,
    rates,
    double,
    threads: threads ?? null,
    networks: { policy: network(policy), critics: critics.map(network) },
    data: Object.fromEntries(data),
  };
}

// ---------------------------------------------------------------- pages

interface Page {
  goto(url: string): Promise<unknown>;
  evaluate<T>(body: (given: [string, unknown]) => T | Promise<T>, given: [string, unknown]): Promise<T>;
  close(): Promise<void>;
  on(event: 'crash' | 'pageerror', listener: (error: Error) => void): void;
}
interface Browser {
  newPage(): Promise<Page>;
  version(): string;
  close(): Promise<void>;
}

let browsing: Promise<{ browser: Browser; server: Server; url: string }> | undefined;

const types: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm' };

/** One browser for all pages; shared memory needs the page to be isolated from other origins. */
async function startBrowser(): Promise<{ browser: Browser; server: Server; url: string }> {
  const { launch } = (await import(join(root, 'test/web/browser.mjs'))) as { launch(): Promise<Browser> };
  const server = createServer(async (request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    if (path === '/') {
      response.setHeader('Content-Type', 'text/html');
      response.end(
        '<!doctype html><title>peers</title><link rel="icon" href="data:,"><script type="module" src="/page/page.js"></script>',
      );
      return;
    }
    const file = path.startsWith('/wasm/')
      ? join(wasmFiles, path.slice('/wasm/'.length))
      : join(root, 'dist/peers', path);
    response.setHeader('Content-Type', types[file.split('.').pop() ?? ''] ?? 'application/octet-stream');
    try {
      response.end(await readFile(file));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as { port: number };
  try {
    return { browser: await launch(), server, url: `http://localhost:${port}/` };
  } catch (error) {
    server.close();
    throw new Absent((error as Error).message.split('\n')[0]);
  }
}

async function inChromium(): Promise<RemoteContestant> {
  browsing ??= startBrowser();
  const { browser, url } = await browsing;
  const page = await browser.newPage();
  const broken = new Promise<never>((_, reject) => {
    page.on('crash', () => reject(new Absent('the page crashed')));
  });
  broken.catch(() => undefined);
  await page.goto(url);
  const ask: Ask = async (method, argument) => {
    const answer = page.evaluate(
      async ([name, given]) => {
        const answers = (globalThis as unknown as { PEERS_ANSWERS: Record<string, (a: unknown) => unknown> })
          .PEERS_ANSWERS;
        try {
          return { result: await answers[name](given) };
        } catch (error) {
          return { error: String((error as Error)?.message ?? error) };
        }
      },
      [method, argument],
    );
    const { result, error } = (await Promise.race([answer, broken])) as { result?: unknown; error?: string };
    if (error !== undefined) throw new Absent(error.split('\n')[0]);
    return result;
  };
  return remote(ask, () => page.close());
}

/** Ends the browser, if there is one. */
export async function closeBrowser(): Promise<void> {
  const started = await browsing?.catch(() => undefined);
  browsing = undefined;
  await started?.browser.close();
  started?.server.close();
  started?.server.closeAllConnections();
}

// ---------------------------------------------------------------- all of them

/**
 * Starts what will answer for a contestant, without opening it.
 * @throws Absent when the runtime cannot be had
 */
export async function startHost(
  runtime: RuntimeName,
  opening: Opening,
  python: PythonOptions = { core: 'automatic' },
): Promise<RemoteContestant> {
  if (opening.library === 'pytorch') return inPython(opening, python);
  switch (runtime) {
    case 'node':
      return inNode(opening);
    case 'deno':
      return inDeno(opening);
    case 'chromium':
      return inChromium();
    default:
      throw new Error(`unknown runtime ${runtime satisfies never}`);
  }
}

/** What a runtime calls itself, for reports. */
export async function runtimeVersion(runtime: RuntimeName): Promise<string> {
  if (runtime === 'node') return `Node ${process.versions.node}, V8 ${process.versions.v8}`;
  if (runtime === 'chromium') {
    browsing ??= startBrowser();
    return `Chromium ${(await browsing).browser.version()}`;
  }
  const manifest = join(root, 'node_modules/deno/package.json');
  if (!existsSync(manifest)) throw new Absent('no Deno for this machine');
  return `Deno ${(JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version}`;
}
