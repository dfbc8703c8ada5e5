// Runs the selection again whenever a source changes, until interrupted.
import { spawn } from 'node:child_process';
import { watch as watchFolder } from 'node:fs';
import { join } from 'node:path';
import { again } from './arguments.mjs';
import { root } from './bundles.mjs';

const folders = ['src', 'shaders', 'test', 'bench', 'web'];
/** A save of several files is one change, in milliseconds. */
const SETTLE = 100;

export async function watch(options) {
  const changed = new Set();
  let child;
  let timer;
  const run = () => {
    const asked = new Set(changed);
    const selection = options.only || options.test ? [] : [`--affected-by=${[...changed].join(',')}`];
    if (selection.length > 0 && changed.size === 0) return;
    child?.kill('SIGTERM');
    const mine = spawn(process.execPath, [join(root, 'test/run.mjs'), ...again(options), ...selection], {
      stdio: 'inherit',
    });
    child = mine;
    mine.on('close', (code) => {
      if (child !== mine) return;
      // What was changed since the last pass stays in question.
      if (code === 0) for (const file of asked) changed.delete(file);
      console.log('watching; Ctrl-C ends');
    });
  };
  const watchers = folders.map((folder) =>
    watchFolder(join(root, folder), { recursive: true }, (_, name) => {
      if (!name || !/\.(ts|mjs|wgsl|json|css|html)$/.test(name) || name.includes('node_modules')) return;
      changed.add(`${folder}/${name.replaceAll('\\', '/')}`);
      clearTimeout(timer);
      timer = setTimeout(run, SETTLE);
    }),
  );
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      for (const watcher of watchers) watcher.close();
      clearTimeout(timer);
      if (!child || child.exitCode !== null || child.signalCode !== null) process.exit(0);
      child.removeAllListeners('close');
      child.on('close', () => process.exit(0));
      child.kill('SIGTERM');
    });
  }
  if (options.only || options.test) run();
  else console.log('watching; a change runs what it can affect; Ctrl-C ends');
  await new Promise(() => {});
}
