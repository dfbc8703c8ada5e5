// Everything that is computed is computed here: the page itself never waits.

import { DivergradError } from '../src/errors.ts';
import type { BackendChoice } from '../src/open/open.ts';
import type { DeviceFacts, FromWorker, JobName, JobPort, ToWorker } from './shell/protocol.ts';

export type Job = (settings: never, backend: BackendChoice, port: JobPort) => Promise<unknown>;
/** Each is loaded when it starts. */
const jobs: Readonly<Record<JobName, () => Promise<Job>>> = {
  see: async () => (await import('./see/job.ts')).see,
  measure: async () => (await import('./measure/job.ts')).measure,
  learn: async () => (await import('./learn/job.ts')).learn,
};

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
};

/** What came before the job listens. */
const early: unknown[] = [];
let changed: (change: unknown) => void = (change) => early.push(change);
let shown: () => void = () => undefined;

const port: JobPort = {
  emit: (event, transfer = []) => scope.postMessage({ kind: 'event', event }, transfer),
  opened: (facts: DeviceFacts) => scope.postMessage({ kind: 'device', facts }),
  onChange: (listener) => {
    changed = listener;
    for (const change of early.splice(0)) listener(change);
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
    const job = await jobs[name]();
    const result = await job(settings as never, backend, port);
    scope.postMessage({ kind: 'done', result });
  } catch (error) {
    const code = error instanceof DivergradError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    scope.postMessage({ kind: 'failed', failure: { code, message } });
  }
}
