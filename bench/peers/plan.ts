// Which contests a command asks for.
import type { LibraryName, PeerBackend } from './contestant.ts';
import type { RuntimeName } from './hosts.ts';
import type { ContestPlan, Entrant } from './measure.ts';
import type { Task, WorkName } from './work.ts';

export interface Choice {
  readonly works: readonly WorkName[];
  readonly runtimes: readonly RuntimeName[];
  readonly libraries: readonly LibraryName[];
  readonly backends: readonly PeerBackend[];
  readonly tasks: readonly Task[];
  /** Threads of this library's wasm; its own choice when absent. */
  readonly threads?: number;
  /** PyTorch is measured with each. */
  readonly torchThreads: readonly number[];
  readonly torchCores: readonly string[];
}

/** Who meets this library's backend in a runtime, at a task. */
function opponents(
  task: Task,
  backend: PeerBackend,
  runtime: RuntimeName,
  { libraries, torchThreads, torchCores }: Choice,
): Entrant[] {
  const all: Entrant[] = [];
  const add = (library: LibraryName, ...backends: PeerBackend[]) => {
    if (libraries.includes(library)) for (const each of backends) all.push({ library, backend: each });
  };
  if (task === 'layers') {
    add('gpu.js', ...(backend === 'wasm' ? (['wasm', 'cpu'] as const) : (['webgpu'] as const)));
    return all;
  }
  // Python is no runtime of this library: it meets it in Node.
  if (backend === 'wasm' && runtime === 'node' && libraries.includes('pytorch')) {
    for (const threads of torchThreads)
      for (const core of torchCores) all.push({ library: 'pytorch', backend: 'cpu', threads, core });
  }
  add('jax-js', backend);
  add('tfjs', backend);
  if (backend === 'wasm' && runtime === 'node') add('tfjs', 'cpu');
  // Only in pages does it have threads, by itself half as many as there are processors.
  if (backend === 'wasm' && runtime === 'chromium' && libraries.includes('tfjs'))
    all.push({ library: 'tfjs', backend, threads: 2 });
  return all;
}

/** Every contest in which somebody meets this library. */
export function contestPlans(choice: Choice): ContestPlan[] {
  const { works, runtimes, tasks, backends, threads } = choice;
  const plans: ContestPlan[] = [];
  for (const backend of (['wasm', 'webgpu'] as const).filter((name) => backends.includes(name))) {
    for (const task of tasks) {
      for (const runtime of runtimes) {
        // The dense layers alone are compared once: their peer is not the fastest anywhere.
        if (task === 'layers' && runtime !== runtimes[0]) continue;
        for (const work of works) {
          const peers = opponents(task, backend, runtime, choice);
          const own: Entrant = {
            library: 'divergrad',
            backend,
            ...(backend === 'wasm' && threads ? { threads } : {}),
          };
          if (peers.length > 0) plans.push({ task, work, runtime, own, peers });
        }
      }
    }
  }
  return plans;
}
