// Everything that is computed is computed here: the page itself never waits.

import { type BackendChoice, DivergradError } from '../src/index.ts';
import { learn } from './learn/job.ts';
import { measure } from './measure/job.ts';
import { see } from './see/job.ts';
import type { DeviceFacts, FromWorker, JobName, JobPort, ToWorker } from './shell/protocol.ts';

export type Job = (settings: never, backend: BackendChoice, port: JobPort) => Promise<unknown>;
const jobs: Readonly<Record<JobName, Job>> = { see, measure, learn };

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
};

let changed: (change: unknown) => void = () => undefined;
let shown: () => void = () => undefined;

const port: JobPort = {
  emit: (event, transfer = []) => scope.postMessage({ kind: 'event', event }, transfer),
  opened: (facts: DeviceFacts) => scope.postMessage({ kind: 'device', facts }),
  onChange: (listener) => {
    changed = listener;
  },
  shown: () =>
    new Promise((resolve) => {
      shown = resolve;
    }),
};

scope.onmessage = ({ data }) => {
  if (data.kind === 'shown') shown();
  else if (data.kind === 'change') changed(data.change);
  else void run(data.job, data.backend, data.settings);
};

async function run(name: JobName, backend: BackendChoice, settings: unknown): Promise<void> {
  try {
    const result = await jobs[name](settings as never, backend, port);
    scope.postMessage({ kind: 'done', result });
  } catch (error) {
    const code = error instanceof DivergradError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    scope.postMessage({ kind: 'failed', failure: { code, message } });
  }
}
