// What runs in a worker: a slice of a run's environments.
import { parentPort, workerData } from 'node:worker_threads';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import { LocalVector } from '../envs/vector.ts';
import { DivergradError } from '../errors.ts';
import type { SliceAnswer, SliceRequest, WorkerSlice } from './environment-workers.ts';

const { environment, count, first } = workerData as WorkerSlice;
await prepareEnvironment(environment);
const slice = new LocalVector(
  Array.from({ length: count }, () => makeEnvironment(environment)),
  first,
);

parentPort?.on('message', async (request: SliceRequest) => {
  try {
    parentPort?.postMessage({ value: await answer(request) } satisfies SliceAnswer);
  } catch (error) {
    const code = error instanceof DivergradError ? error.code : undefined;
    parentPort?.postMessage({ error: error as Error, code } satisfies SliceAnswer);
  }
});

function answer(request: SliceRequest): unknown {
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
