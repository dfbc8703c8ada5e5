// The page that Vite builds: a worker, kernels as files, MuJoCo.
import { mujocoFrom, type SimdVariant } from 'divergrad';
import relaxed from 'divergrad/wasm/relaxed.wasm?url';
import scalar from 'divergrad/wasm/scalar.wasm?url';
import simd from 'divergrad/wasm/simd.wasm?url';
import { work } from './program.ts';
import type { Asked } from './types.ts';

const kernels = { relaxed, simd, scalar };
/** @param mujoco whether the package is installed */
export const expose = (mujoco?: () => Promise<{ default: unknown }>): void => {
  if (mujoco) mujocoFrom(mujoco);
  Object.assign(globalThis, {
    work: (asked: Asked) => work(asked),
    workFetched: () => work({ backend: 'wasm', fetchFrom: (variant: SimdVariant) => kernels[variant] }),
    workInWorker: (asked: Asked) =>
      new Promise((done, fail) => {
        const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
        worker.onmessage = ({ data }) => done(data);
        worker.onerror = ({ message }) => fail(new Error(message));
        worker.postMessage(asked);
      }),
  });
};
