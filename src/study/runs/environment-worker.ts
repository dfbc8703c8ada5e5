// What runs in a worker: a slice of a run's environments.
import { parentPort, workerData } from 'node:worker_threads';
import { makeEnvironment, prepareEnvironment } from '../../envs/registry.ts';
import { LocalVector } from '../../envs/vector.ts';
import { packError } from '../../errors.ts';
import type { SliceAnswer, SliceRequest, WorkerSlice } from './environment-workers.ts';
import { loadPlugins } from './plugins.ts';

const { environment, count, first, plugins } = workerData as WorkerSlice;

async function open(): Promise<LocalVector> {
  await loadPlugins(plugins);
  await prepareEnvironment(environment);
  return new LocalVector(
    Array.from({ length: count }, () => makeEnvironment(environment)),
    first,
  );
}

// What fails here is the answer to every request.
const slice = open();
slice.catch(() => undefined);

parentPort?.on('message', async (request: SliceRequest) => {
  let given: SliceAnswer;
  try {
    given = { value: await answer(await slice, request) };
  } catch (error) {
    given = { error: packError(error) };
  }
  parentPort?.postMessage(given);
});

function answer(slice: LocalVector, request: SliceRequest): unknown {
  switch (request.kind) {
    case 'reset':
      return slice.reset(request.seed);
    case 'step':
      return slice.step(request.actions);
    case 'getStates':
      return slice.getStates();
    case 'setStates':
      return slice.setStates(request.states);
    default:
      throw new Error(`unknown request ${JSON.stringify(request satisfies never)}`);
  }
}
