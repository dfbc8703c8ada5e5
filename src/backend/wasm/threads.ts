import type { LoadedModule } from './module.ts';

/** Bytes of the block that threads synchronise over; assembly/index.ts knows its layout. */
export const SYNC_BYTES = 256;
/** State of the job, word 0: the workers are to end. */
const ENDED = 2;
/** Workers that have begun; behind it, whether one has failed. */
const READY_WORD = 48;
const FAILED_WORD = 49;
/** More threads than this gain nothing at the sizes of reinforcement learning. */
const MOST_THREADS = 8;
const START_TIMEOUT_MS = 5000;
/** A worker looks at the state this often before it sleeps: about as long as waking takes. */
const SPINS = 5000;

/** What a worker runs: an instance of the kernels over the shared memory, which then waits for jobs. */
const workerBody = `
const serve = ({ module, memory, sync, thread }) => {
  const { help } = new WebAssembly.Instance(module, { env: { memory, abort() {} } }).exports;
  const words = new Int32Array(memory.buffer, sync, ${FAILED_WORD + 1});
  Atomics.add(words, ${READY_WORD}, 1);
  for (let spins = ${SPINS}; ; ) {
    const state = Atomics.load(words, 0);
    if (state === ${ENDED}) return;
    if (state === 1) {
      try {
        help(sync, thread);
      } catch (problem) {
        Atomics.store(words, ${FAILED_WORD}, 1);
        throw problem;
      }
      spins = ${SPINS};
    } else if (--spins <= 0) Atomics.wait(words, 0, 0);
  }
};`;

interface AnyWorker {
  terminate(): unknown;
}

/** Threads this engine can run at once. */
export const availableThreads = (): number =>
  Math.max(1, Math.min(MOST_THREADS, globalThis.navigator?.hardwareConcurrency ?? hostThreads()));

/** Node 20 has no `navigator`, but lends its modules without an import; what it cannot say is guessed as 2. */
function hostThreads(): number {
  interface Host {
    readonly getBuiltinModule?: (name: 'os') => { availableParallelism(): number };
  }
  const { process } = globalThis as { process?: Host };
  return process ? (process.getBuiltinModule?.('os').availableParallelism() ?? 2) : 1;
}

/** Workers that share the memory of a loaded module. The calling thread is the first of their number. */
export class Pool {
  private constructor(
    private readonly workers: readonly AnyWorker[],
    private readonly words: Int32Array,
    /** Threads, the calling one included. */
    readonly threads: number,
  ) {}

  /**
   * Starts workers; `undefined` where the engine has none or a page's content policy forbids them.
   * @param sync address of SYNC_BYTES zeros
   */
  static async start(loaded: LoadedModule, sync: number, threads: number): Promise<Pool | undefined> {
    const { module, memory } = loaded;
    const workers: AnyWorker[] = [];
    let failed = false;
    const onError = (): void => {
      failed = true;
    };
    const words = new Int32Array(memory.buffer, sync, SYNC_BYTES / 4);
    try {
      const create = workerFactory();
      for (let thread = 1; thread < threads; thread++) {
        workers.push(create({ module, memory, sync, thread }, onError));
      }
      const deadline = performance.now() + START_TIMEOUT_MS;
      while (Atomics.load(words, READY_WORD) < workers.length) {
        if (failed || performance.now() > deadline) throw new Error('the workers did not start');
        await new Promise((done) => setTimeout(done, 1));
      }
    } catch {
      for (const worker of workers) worker.terminate();
      return undefined;
    }
    return new Pool(workers, words, threads);
  }

  /** Ends the workers. */
  dispose(): void {
    Atomics.store(this.words, 0, ENDED);
    Atomics.notify(this.words, 0);
    for (const worker of this.workers) worker.terminate();
  }
}

type CreateWorker = (data: Record<string, unknown>, onError: () => void) => AnyWorker;

interface NodeThreads {
  readonly Worker: new (
    source: string,
    options: { eval: boolean; workerData: unknown; execArgv: string[] },
  ) => AnyWorker & { on(event: 'error', listener: () => void): unknown; unref(): void };
}

/**
 * How this engine makes a worker from source text: `worker_threads` in Node and Deno, whose workers do not keep a process
 * alive once its work is done; `Worker` in pages. Node is asked without an import, which a page could not
 * resolve; it answers from 20.16 on.
 */
function workerFactory(): CreateWorker {
  const { process } = globalThis as { process?: NodeJS.Process };
  const node: NodeThreads | undefined = process?.getBuiltinModule?.('node:worker_threads');
  if (node) {
    const source = `${workerBody}\nserve(require('node:worker_threads').workerData);`;
    return (workerData, onError) => {
      // Options of the process, such as --input-type=module, would change what the source means.
      const worker = new node.Worker(source, { eval: true, workerData, execArgv: [] });
      worker.on('error', onError);
      worker.unref();
      return worker;
    };
  }
  if (typeof Worker !== 'function') throw new Error('no workers');
  const source = `${workerBody}\nself.onmessage = ({ data }) => { serve(data); self.close(); };`;
  return (data, onError) => {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url, { type: 'module' });
    worker.onerror = (event) => {
      event.preventDefault();
      onError();
    };
    worker.postMessage(data);
    return worker;
  };
}
