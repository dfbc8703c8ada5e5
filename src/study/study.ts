// Carries out the runs of a study in processes of their own, as many at a time as asked for. What is done stays done: a
// run is skipped when its folder holds a result, and goes on from its last checkpoint when it does not.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { sealed } from '../rl/seal.ts';
import { type RefusedRun, runName, type StudyConfig } from './config.ts';
import { stopMessage } from './runs/ending.ts';
import { mkdir } from './runs/files.ts';
import { takeLock } from './runs/lock.ts';
import { listRuns, type RunResult, readFinished, readHeld } from './runs/run-folder.ts';
import { differences, type RunSettings, trainArguments } from './runs/settings.ts';
import { writeWhole } from './runs/whole-file.ts';

export interface StudyOptions {
  readonly folder: string;
  readonly config: StudyConfig;
  readonly runs: readonly RunSettings[];
  readonly refused: readonly RefusedRun[];
  /** Processes at a time. */
  readonly jobs: number;
  readonly checkpointEvery: number;
  /** The command line that `train` is a command of: program and arguments before it. */
  readonly command: readonly [string, ...string[]];
  readonly making: {
    readonly versions: Readonly<Record<string, string>>;
    readonly command: readonly string[];
  };
  readonly signal: AbortSignal;
  /** Environment steps of all runs that are done, and of all; called often. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly onRun?: (name: string, outcome: RunOutcome) => void;
}

export interface RunOutcome {
  readonly state: 'done' | 'skipped' | 'failed' | 'stopped';
  /** What it said when it failed. */
  readonly error?: string;
  readonly finalReturn?: number;
  readonly seconds?: number;
}

/**
 * Runs a study.
 *
 * @returns the outcome of every run by name
 * @throws UsageError when another process is at work in the folder, or it holds a run with other settings
 */
export async function performStudy(options: StudyOptions): Promise<Map<string, RunOutcome>> {
  const { folder, runs, jobs, config, refused, making } = options;
  const runsFolder = join(folder, 'runs');
  await mkdir(runsFolder);
  const lock = await takeLock(join(folder, 'study.lock'));
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const outcomes = new Map<string, RunOutcome>();
  const stepsDone = new Map<string, number>();
  const total = runs.reduce((sum, run) => sum + run.steps, 0);
  const report = () => {
    let done = 0;
    for (const steps of stepsDone.values()) done += steps;
    options.onProgress?.(done, total);
  };
  const settle = (run: RunSettings, outcome: RunOutcome) => {
    outcomes.set(runName(run), outcome);
    stepsDone.set(runName(run), run.steps);
    options.onRun?.(runName(run), outcome);
    report();
  };
  try {
    await requireOwn(runsFolder, runs);
    const document = sealed({ kind: 'divergrad-study', ...making, config, refused });
    await writeWhole(join(folder, 'study.json'), `${jsonText(document, 'The study', { indent: 2 })}\n`);
    const waiting: RunSettings[] = [];
    for (const run of runs) {
      const result = await readFinished(join(runsFolder, runName(run)));
      if (result) settle(run, { state: 'skipped', ...finalReturn(result) });
      else waiting.push(run);
    }
    const work = async () => {
      for (let run = waiting.shift(); run && !signal.aborted; run = waiting.shift()) {
        // No run begins in the place of a folder that was moved away.
        await lock.requireHeld();
        // An abort that came meanwhile is no event any more.
        if (signal.aborted) break;
        const name = runName(run);
        settle(
          run,
          await performInProcess(run, join(runsFolder, name), { ...options, signal }, (step) => {
            stepsDone.set(name, step);
            report();
          }),
        );
      }
    };
    // One that fails stops the others, and none is left behind.
    const all = Array.from({ length: jobs }, () =>
      work().catch((error: unknown) => {
        broken.abort();
        throw error;
      }),
    );
    await Promise.allSettled(all);
    await Promise.all(all);
  } finally {
    await lock.release();
  }
  return outcomes;
}

/**
 * A study may have grown since it wrote the folder: what is there must be of it, and all of it.
 *
 * @throws UsageError when the folder holds a run that the study does not have, or has with other settings
 */
async function requireOwn(runsFolder: string, runs: readonly RunSettings[]): Promise<void> {
  const hint = 'Name another folder for the changed study with --out.';
  const own = new Map(runs.map((run) => [runName(run), run]));
  const names = (await listRuns(runsFolder)).map(({ name }) => name);
  const strange = names.filter((name) => !own.has(name));
  if (strange.length > 0)
    throw new UsageError(
      `'${runsFolder}' holds ${strange.length} runs that are not of this study; the first: ${strange[0]}.`,
      { hint },
    );
  for (const name of names) {
    const folder = join(runsFolder, name);
    const differing = differences((await readHeld(folder)) ?? {}, own.get(name) as RunSettings);
    if (differing.length > 0)
      throw new UsageError(`'${folder}' holds a run with other settings: ${differing.join(', ')}.`, { hint });
  }
}

function finalReturn({ evaluations }: RunResult): Pick<RunOutcome, 'finalReturn'> {
  const last = evaluations.at(-1);
  return last ? { finalReturn: last.meanReturn } : {};
}

async function performInProcess(
  run: RunSettings,
  folder: string,
  { command: [program, ...before], checkpointEvery, signal }: StudyOptions,
  onStep: (step: number) => void,
): Promise<RunOutcome> {
  const args = ['train', ...trainArguments(run), '--out', folder];
  // One thread each: processes are the better use of processors, and numbers do not depend on it.
  const extra = ['--threads', '1', '--checkpoint-every', String(checkpointEvery), '--json'];
  const child = spawn(program, [...before, ...args, ...extra], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let hasBegun = false;
  // By word, since a signal of ours after that of a terminal would be the second, which lets nothing be saved. One that
  // has said nothing yet is still starting.
  const stop = () => (hasBegun ? tell(child) : void child.kill('SIGTERM'));
  signal.addEventListener('abort', stop, { once: true });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4000);
  });
  child.on('message', (message: { step?: unknown }) => {
    hasBegun = true;
    if (typeof message?.step === 'number') onStep(message.step);
  });
  const code = await new Promise<number | string>((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (status, ending) => done(status ?? ending ?? 'no exit code'));
  });
  signal.removeEventListener('abort', stop);
  const result = await readFinished(folder).catch((error: Error) => error);
  if (result && !(result instanceof Error))
    return {
      state: 'done',
      ...finalReturn(result),
      seconds: result.seconds,
    };
  if (signal.aborted) return { state: 'stopped' };
  const last = complaint.trim().split('\n').at(-1);
  return { state: 'failed', error: last || result?.message || `ended with ${code}` };
}

/** Asks a run to save and end. One that has closed its channel is about to. */
function tell(child: ChildProcess): void {
  if (child.connected) child.send(stopMessage, () => undefined);
}
