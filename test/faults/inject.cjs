// Loaded before the command line (node --require), in each of its processes: something happens at the N-th call that
// touches files of one folder. DIVERGRAD_INJECT says what:
//   { under, at, action, only, stays, process, count }
//   under    the folder whose files count
//   at       the call, counted from 1 in each process
//   action   an error's code (ENOSPC, EIO, ...), a signal that the process sends to itself, or `half`: half of a write is
//            made, then SIGKILL
//   only     the one kind of call that counts, as `write` for what is written into an open file; all where it is absent
//   stays    whether every later call fails too
//   count    a folder where each process tells its number of calls
// or what happens to a thread that it starts: { thread, how, after }
//   thread   which, counted from 1
//   how      whether it `ends` or `throws`
//   after    ms after its start
const fs = require('node:fs');
const { join, resolve } = require('node:path');
const threads = require('node:worker_threads');

const plan = process.env.DIVERGRAD_INJECT ? JSON.parse(process.env.DIVERGRAD_INJECT) : undefined;
if (plan?.thread) beginThread(plan);
else if (plan && threads.isMainThread) begin(plan);

function beginThread({ thread, how, after }) {
  if (!threads.isMainThread) {
    const fail = () => {
      throw new TypeError('this thread fails');
    };
    if (how === 'throws' && threads.threadId === thread) setTimeout(fail, after);
    return;
  }
  if (how !== 'ends') return;
  let started = 0;
  threads.Worker = class extends threads.Worker {
    constructor(...args) {
      super(...args);
      if (++started === thread) setTimeout(() => this.terminate(), after).unref();
    }
  };
  require('node:module').syncBuiltinESMExports();
}

function begin({ under, at, action, only, stays, count }) {
  let calls = 0;
  const messages = {
    ENOSPC: 'no space left on device',
    EDQUOT: 'disk quota exceeded',
    EROFS: 'read-only file system',
    EIO: 'i/o error',
    EACCES: 'permission denied',
    EMFILE: 'too many open files',
    ENOENT: 'no such file or directory',
  };
  const numbers = require('node:os').constants.errno;
  const concerns = (path) => {
    const text = path instanceof URL ? path.pathname : String(path);
    return resolve(text).startsWith(under);
  };
  /** Which calls an error can come from: a full disk still reads and removes. */
  const possible = (name) => {
    const writing = /^(write|append|mkdir|sync|datasync|copy|truncate)|:w/.test(name);
    if (action === 'ENOSPC' || action === 'EDQUOT') return writing;
    if (action === 'EROFS') return writing || /^(rename|rm|unlink)/.test(name);
    if (action === 'EMFILE') return /^(open|read|write|append)/.test(name);
    if (action === 'ENOENT') return !/^(rm|unlink|sync)/.test(name);
    return true;
  };
  /** @returns whether half of the write is to be made before the end */
  const strike = (name, path) => {
    if (only !== undefined && name !== only) return false;
    calls++;
    const now = calls === at || (stays && calls > at);
    if (!now) return false;
    if (action === 'half') {
      if (/^(write|append)/.test(name)) return true;
      process.kill(process.pid, 'SIGKILL');
      while (true);
    }
    if (action.startsWith('SIG')) {
      if (calls === at) process.kill(process.pid, action);
      return false;
    }
    if (!possible(name)) {
      if (!stays) at++; // the next one that can fail so
      return false;
    }
    const syscall = name.split(':')[0];
    throw Object.assign(new Error(`${action}: ${messages[action] ?? 'failed'}, ${syscall} '${path}'`), {
      ...{ code: action, errno: -(numbers[action] ?? 1), syscall, path: String(path) },
    });
  };
  const die = () => {
    process.kill(process.pid, 'SIGKILL');
    while (true);
  };
  const halved = (data) => {
    const bytes = Buffer.from(data);
    return bytes.subarray(0, bytes.length >> 1);
  };

  const handles = new WeakMap();
  let patched = false;
  const patchHandles = (handle) => {
    if (patched) return;
    patched = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of [
      'write',
      'writeFile',
      'appendFile',
      'sync',
      'datasync',
      'read',
      'readFile',
      'truncate',
    ]) {
      const original = prototype[name];
      if (typeof original !== 'function') continue;
      prototype[name] = async function (...args) {
        const path = handles.get(this);
        if (path !== undefined && strike(name, path)) {
          await original.call(this, halved(args[0]));
          die();
        }
        return original.apply(this, args);
      };
    }
  };
  const wrapPromise = (name) => {
    const original = fs.promises[name];
    if (typeof original !== 'function') return;
    fs.promises[name] = async (path, ...args) => {
      const ours =
        (typeof path === 'string' || path instanceof URL || Buffer.isBuffer(path)) && concerns(path);
      const writes = name === 'open' && /[wa+]/.test(String(args[0] ?? 'r'));
      if (ours && strike(writes ? 'open:w' : name, path)) {
        await original(path, halved(args[0]), ...args.slice(1));
        die();
      }
      const made = await original(path, ...args);
      if (name === 'open' && ours) {
        patchHandles(made);
        handles.set(made, path);
      }
      return made;
    };
  };
  for (const name of [
    ...['open', 'readFile', 'writeFile', 'appendFile', 'mkdir', 'readdir', 'rename', 'rm', 'unlink', 'stat'],
    ...['lstat', 'realpath', 'truncate', 'copyFile', 'link', 'access', 'rmdir'],
  ])
    wrapPromise(name);
  for (const name of ['rmSync', 'readFileSync', 'writeFileSync', 'mkdirSync', 'statSync', 'renameSync']) {
    const original = fs[name];
    fs[name] = (path, ...args) => {
      if (typeof path === 'string' && concerns(path) && strike(name.replace('Sync', ''), path)) die();
      return original(path, ...args);
    };
  }
  require('node:module').syncBuiltinESMExports();
  if (count) process.on('exit', () => fs.writeFileSync(join(count, String(process.pid)), String(calls)));
}
