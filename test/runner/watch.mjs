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
  let changed = new Set();
  let child;
  let timer;
  const run = () => {
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
      if (code === 0) changed = new Set();
      console.log('watching; Ctrl-C ends');
    });
  };
  for (const folder of folders) {
    watchFolder(join(root, folder), { recursive: true }, (_, name) => {
      if (!name || !/\.(ts|mjs|wgsl|json|css|html)$/.test(name) || name.includes('node_modules')) return;
      changed.add(`${folder}/${name.replaceAll('\\', '/')}`);
      clearTimeout(timer);
      timer = setTimeout(run, SETTLE);
    });
  }
  if (options.only || options.test) run();
  else console.log('watching; a change runs what it can affect; Ctrl-C ends');
  await new Promise(() => {});
}
