// Training while memory is scarce and the disk fills and empties: node build.mjs pressure [--minutes=60] [--seed=0] [--only=TASK]
//
// Each task is trained once undisturbed, and then again and again on a small disk of its own that somebody else fills and
// empties, in a group of processes with little more memory than the undisturbed run took, or less. Whatever ends it, the same
// command goes on. Allowed are: one line that names what is full, with the checkpoint still there; an end by the system
// where the memory does not suffice; and in the end the undisturbed result, bit for bit. Linux, as root.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Draws } from '../faults/draws.ts';
import { pagesOf } from '../faults/faults.ts';
import { type Ended, leftOver, mount, pause, remount, Started, unmount } from '../faults/processes.ts';
import { filesBelow, resultOf, type Scenario } from '../faults/scenarios.ts';
import { differenceOf } from '../faults/tries.ts';
import { optionsOf } from '../helpers/options.ts';
import { MemoryGroup } from './memory-group.ts';

const options = optionsOf(
  { minutes: 60, seed: 0, only: '' },
  'usage: node build.mjs pressure [--minutes=N] [--seed=N] [--only=TASK]',
);

const words = (text: string) => text.split(' ');
/** What is trained: small and large checkpoints, on each backend, alone and with workers. */
const tasks: Readonly<Record<string, string>> = {
  pendulum: '--env pendulum --backend wasm --threads 1 --steps 60000 --checkpoint-every 500',
  humanoid:
    '--env humanoid --backend wasm --threads 1 --hidden 32 --batch 32 --steps 12000 --checkpoint-every 1000',
  'humanoid in workers':
    '--env humanoid --backend wasm --hidden 32 --batch 32 --parallel-environments 8 --workers 2 --steps 16000 --checkpoint-every 800',
  'cartpole on cpu':
    '--env cartpole --backend cpu --hidden 16 --batch 16 --steps 20000 --checkpoint-every 250',
  'pendulum on webgpu':
    '--env pendulum --backend webgpu --hidden 16 --batch 16 --steps 1500 --warmup 100 --checkpoint-every 50',
};
const scenarioOf = (task: string): Scenario => ({
  ...{ name: task, kind: 'train', reads: ['run'], out: 'run', prepare: () => undefined },
  args: [
    'train',
    ...words(tasks[task]),
    '--seed',
    '5',
    '--evaluate-every',
    '2000',
    '--episodes',
    '2',
    '--out',
    'run',
  ],
});

const group = MemoryGroup.make(`divergrad-pressure-${process.pid}`);
const base = mkdtempSync(join(tmpdir(), 'divergrad-pressure-'));
const disk = join(base, 'disk');
mkdirSync(disk);
if (!group || !mount(disk, 4096)) {
  group?.remove();
  rmSync(base, { recursive: true });
  console.error('divergrad: this needs Linux and root: a memory group and a small disk of its own.');
  process.exit(1);
}

const HANGS_MS = 3_600_000;
const say = (text: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
let stopped = false;
let started: Started | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    stopped = true;
    started?.strike('all', 'SIGKILL');
  });

interface Reference {
  readonly result: ReadonlyMap<string, string>;
  readonly seconds: number;
  readonly peak: number;
  readonly kilobytes: number;
}

let marks = 0;
const begin = (scenario: Scenario, folder: string): Started => {
  started = new Started(
    scenario.args,
    { folder, mark: `${process.pid}-${marks++}`, shell: [group.joining, ''] },
    HANGS_MS,
  );
  return started;
};

/** Trains undisturbed, and measures what it takes. */
async function referenceOf(scenario: Scenario): Promise<Reference> {
  const folder = join(base, 'reference');
  mkdirSync(folder);
  group?.limit();
  group?.forgetPeak();
  const running = begin(scenario, folder);
  let kilobytes = 0;
  const looking = setInterval(() => {
    try {
      kilobytes = Math.max(kilobytes, pagesOf(folder));
    } catch {
      // a file went meanwhile
    }
  }, 50);
  const ended = await running.ended;
  clearInterval(looking);
  if (ended.code !== 0) throw new Error(`${scenario.name} fails undisturbed: ${ended.stderr}`);
  const result = resultOf(scenario, folder, '');
  rmSync(folder, { recursive: true });
  return { result, kilobytes, seconds: ended.ms / 1000, peak: group?.peak ?? 0 };
}

const filler = join(disk, 'filler');
const empty = () => rmSync(filler, { force: true });
/** @param rest bytes that stay free */
function fill(rest: number): void {
  const piece = Buffer.alloc(2 ** 16);
  const file = openSync(filler, 'a');
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(disk);
      const most = bavail * bsize - rest;
      if (most <= 0) return;
      writeSync(file, piece, 0, Math.min(piece.length, most));
    }
  } catch {
    // full
  } finally {
    closeSync(file);
  }
}

const tally = { finished: 0, attempts: 0, full: 0, ended: 0, fillings: 0 };
const said = new Map<string, number>();
const problems: string[] = [];

/** What is wrong with an end; nothing where it is allowed. */
function judge(
  { code, stdout, stderr, hung }: Ended,
  killed: boolean,
  checkpoints: boolean,
): string | undefined {
  if (hung) return 'did not end';
  if (code === 0) return undefined;
  if (code === 137 && killed) {
    tally.ended++;
    return undefined;
  }
  const lines = stderr.split('\n').filter((line) => line.startsWith('divergrad: '));
  const line = (lines.at(-1) ?? '').replace(/'[^']*'/g, "'…'");
  said.set(line, (said.get(line) ?? 0) + 1);
  if (code === 1 && lines.length === 1 && /disk is full|memory/.test(line) && !/unexpected/.test(stderr)) {
    tally.full++;
    return checkpoints ? undefined : `no checkpoint is left: ${stderr}`;
  }
  return `ended with ${code}: ${stderr.slice(-400)} ${stdout.slice(-200)}`;
}

/** Trains a task to its end, however often it takes. */
async function trial(scenario: Scenario, reference: Reference, draws: Draws, until: number): Promise<void> {
  const folder = join(disk, 'try');
  empty();
  mkdirSync(folder);
  // Two checkpoints, one that is being written, and the log.
  remount(disk, `size=${Math.ceil(1.6 * reference.kilobytes) + 512}k`);
  let from = 0;
  let killedInARow = 0;
  let watching = true;
  const filling = (async () => {
    for (; watching; await pause(draws.uniform(100, 3000))) {
      if (draws.chance(0.5)) empty();
      else {
        fill(draws.chance(0.5) ? 0 : draws.uniform(0, reference.kilobytes * 1024));
        tally.fillings++;
      }
    }
    empty();
  })();
  try {
    for (;;) {
      tally.attempts++;
      const scarce = killedInARow < 3 && draws.chance(0.3);
      group?.limit();
      group?.limit(reference.peak * (scarce ? draws.uniform(0.3, 0.9) : 1.1));
      const before = group?.ended ?? 0;
      const running = begin(scenario, folder);
      const ended = await running.ended;
      if (stopped) return;
      const left = await leftOver(running.mark, 60_000);
      if (left.length > 0) problems.push(`${scenario.name}: processes still ran`);
      const killed = (group?.ended ?? 0) > before;
      killedInARow = killed ? killedInARow + 1 : 0;
      const now = Number(/goes on from step (\d+)/.exec(ended.stdout)?.[1] ?? 0);
      if (now > 0 && now < from) problems.push(`${scenario.name}: went on from ${now} after ${from}`);
      from = Math.max(from, now);
      const names = filesBelow(join(folder, 'run'));
      const checkpoints = from === 0 || names.some((name) => /^checkpoint(\.previous)?\.bin$/.test(name));
      const wrong = judge(ended, killed, checkpoints);
      if (wrong) problems.push(`${scenario.name}: ${wrong}`);
      if (ended.code === 0 || wrong) break;
      if (draws.chance(0.6)) empty();
      await pause(draws.uniform(0, 500));
      // What is begun is brought to its end, without disturbance once the time is over.
      if (Date.now() > until) watching = false;
    }
  } finally {
    watching = false;
    await filling;
  }
  const told = differenceOf(resultOf(scenario, folder, ''), reference.result);
  const odd = readdirSync(join(folder, 'run')).filter((name) => /\.part$|\.lock/.test(name));
  if (odd.length > 0) problems.push(`${scenario.name}: left ${odd.join(', ')}`);
  if (told) problems.push(`${scenario.name}: ${told}`);
  else tally.finished++;
  rmSync(folder, { recursive: true });
}

try {
  const names = Object.keys(tasks).filter((name) => name.includes(options.only));
  const references = new Map<string, Reference>();
  const disturbed = new Map<string, number>();
  for (const name of names) {
    if (stopped) break;
    const reference = await referenceOf(scenarioOf(name));
    references.set(name, reference);
    say(
      `${name}: undisturbed ${reference.seconds.toFixed(0)} s, ${megabytes(reference.peak)} of memory, ${megabytes(1024 * reference.kilobytes)} of disk`,
    );
  }
  const begun = Date.now();
  const until = begun + 60_000 * options.minutes;
  for (let number = 0; Date.now() < until && !stopped; number++) {
    const name = names[number % names.length];
    const reference = references.get(name);
    if (!reference) break;
    const since = { ...tally };
    const at = Date.now();
    await trial(scenarioOf(name), reference, new Draws(options.seed, number), until);
    disturbed.set(name, (disturbed.get(name) ?? 0) + Date.now() - at);
    say(
      `${name}: ${((Date.now() - at) / 1000).toFixed(0)} s, ${tally.attempts - since.attempts} starts, full ${tally.full - since.full}, out of memory ${tally.ended - since.ended}, fillings ${tally.fillings - since.fillings}; ${problems.length} problems`,
    );
  }
  say(
    `${((Date.now() - begun) / 60_000).toFixed(1)} minutes, seed ${options.seed}: ${JSON.stringify(tally)}`,
  );
  for (const [name, ms] of disturbed) say(`  ${name}: ${(ms / 60_000).toFixed(1)} minutes`);
  for (const [line, times] of said) say(`  ${times} × ${line}`);
} finally {
  started?.strike('all', 'SIGKILL');
  await pause(300);
  unmount(disk);
  group.remove();
  rmSync(base, { recursive: true, force: true });
}
for (const problem of problems) console.log(`FOUND ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
