// The processes of a test run: how a file runs in each runtime, and what came of it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleOf, root } from './bundles.mjs';
import { mark, stopSignal } from './child.mjs';
import { denoPath, mesaDrivers, softwareVulkanEnv } from './software-gpu.mjs';

const runner = (name) => join(root, 'test', 'runner', name);
const { FORCE_COLOR: _, ...inherited } = process.env; // it would win over NO_COLOR
const running = new Set();

function send(child, signal) {
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // it has ended meanwhile
  }
}

/** Asks a process to end, by a signal that no test uses, so that it ends what it has started; one that stays is killed. */
function stop(child) {
  send(child, process.platform === 'win32' ? 'SIGKILL' : stopSignal);
  setTimeout(() => running.has(child) && send(child, 'SIGKILL'), 5000).unref();
}

let stopping = false;
/** Whether no further process should be started. */
export const isStopping = () => stopping;

/** Ends every process that is running, for good. */
export function stopAll() {
  stopping = true;
  for (const child of running) stop(child);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopAll();
    const end = () => process.exit(130);
    setInterval(() => running.size === 0 && end(), 50);
    setTimeout(() => {
      for (const child of running) send(child, 'SIGKILL');
      end();
    }, 6000);
  });
}

/** How much of what a file prints beside its events is kept for people, in characters; of more, the end. */
const KEPT = 2 ** 20;

/** A process that used a device must end by itself; how long after its tests it is given, in seconds. */
const LINGER = 300;

/**
 * Starts a program and resolves to all it said: events, other output, how it ended and after how long.
 *
 * @param deadline seconds after which it is killed
 */
export function start({ command, args, env }, deadline) {
  return new Promise((settle) => {
    const events = [];
    let output = '';
    let rest = [];
    let killed = '';
    let over = false;
    let lingering;
    const begun = performance.now();
    // In a group of its own, so that a kill reaches what it has started too.
    const child = spawn(command, args, {
      cwd: root,
      env: { ...inherited, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    running.add(child);
    const keep = (text) => {
      output += text;
      if (output.length > 2 * KEPT) output = `…${output.slice(-KEPT)}`;
    };
    const kill = (reason) => {
      killed ||= reason;
      stop(child);
    };
    const timer = setTimeout(() => kill(`was still at work after ${deadline} s`), deadline * 1000);
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (data) => {
      const end = data.lastIndexOf('\n');
      if (end < 0) {
        rest.push(data); // put together once, when the line ends: it may be long
        return;
      }
      const lines = (rest.join('') + data.slice(0, end)).split('\n');
      rest = [data.slice(end + 1)];
      for (const line of lines) {
        const at = line.indexOf(mark);
        if (at < 0) keep(`${line}\n`);
        else {
          if (at > 0) keep(`${line.slice(0, at)}\n`);
          const event = JSON.parse(line.slice(at + mark.length));
          events.push(event);
          if (event.type === 'done')
            lingering = setTimeout(
              () => kill(`did not end by itself in ${LINGER} s after its tests`),
              LINGER * 1000,
            );
        }
      }
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', keep);
    const finish = (ending) => {
      if (over) return;
      over = true;
      // What ended because the run is stopped has neither passed nor failed.
      const stopped = stopping && ending !== 0 && !events.some(({ type }) => type === 'done');
      clearTimeout(timer);
      clearTimeout(lingering);
      running.delete(child);
      settle({ events, output: output + rest.join(''), ending, stopped, ms: performance.now() - begun });
    };
    child.on('error', (error) => finish(`could not start: ${error.message}`));
    child.on('close', (code, signal) => finish(killed || (signal ? `ended by ${signal}` : code)));
    // What a killed process has started may hold its output open.
    child.on('exit', () => killed && setTimeout(() => finish(killed), 5000));
  });
}

/** Which kind of bundle a runtime takes. */
export const targetOf = ({ runtime }) => (runtime === 'node' ? 'node' : 'web');

let found;
/** The drivers and runtimes of the tests; asked for when they are installed, so not before the first process starts. */
function tools() {
  if (found) return found;
  const [vulkan, deno] = [softwareVulkanEnv(), denoPath()];
  const cache = {
    DENO_DIR: join(root, 'node_modules', '.cache', 'divergrad', 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
  };
  const cli = { DIVERGRAD_CLI: join(root, 'dist', 'cli.js'), ...(deno ? { DIVERGRAD_DENO: deno } : {}) };
  found = {
    deno: deno ?? 'deno',
    drivers: vulkan,
    node: { ...vulkan, ...cache, ...cli },
    ofDeno: { ...vulkan, ...cache },
    cache,
  };
  return found;
}
const url = (target, file) => pathToFileURL(join(root, bundleOf(target, file))).href;

const runtimes = {
  node: (file, ...rest) => ({
    command: process.execPath,
    args: [runner('child.mjs'), url('node', file), ...rest],
    env: tools().node,
  }),
  deno: (file, ...rest) => ({
    command: tools().deno,
    args: [
      ...['run', '-A', '--no-config', '--no-remote', '--unstable-webgpu', runner('child.mjs')],
      ...[url('web', file), ...rest],
    ],
    env: tools().ofDeno,
  }),
  chromium: (file, ...rest) => ({
    command: process.execPath,
    args: [runner('chromium.mjs'), bundleOf('web', file), ...rest],
    env: {},
  }),
};

/** How a file of a suite is run; `test` restricts it to the tests whose names hold that. */
export function jobOf({ runtime, backend, driver }, file, test) {
  const job = runtimes[runtime](file, backend, test);
  return driver ? { ...job, env: { ...tools().cache, ...mesaDrivers[driver].env() } } : job;
}

/** How a command of build.mjs is run. */
export const commandOf = (args) => ({
  command: process.execPath,
  args: [join(root, 'build.mjs'), ...args],
  env: tools().drivers,
});
