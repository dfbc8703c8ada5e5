// npm run bench:peers: the same SAC update in this library and in those that a user would otherwise take.

import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { nameList, versions, wholeNumber, widths } from '../../src/cli/common.ts';
import { print, progressBar, warn } from '../../src/cli/terminal.ts';
import { DivergradError, unknownName } from '../../src/errors.ts';
import { jsonText } from '../../src/json.ts';
import { requireFolder } from '../../src/study/runs/destination.ts';
import { ending, Stopped } from '../../src/study/runs/ending.ts';
import { version } from '../../src/version.ts';
import { peersChart } from './chart.ts';
import { type LibraryName, libraryNames, type Opening, type PeerBackend } from './contestant.ts';
import { Absent, closeBrowser, type RuntimeName, runtimeNames, runtimeVersion, startHost } from './hosts.ts';
import {
  CHECKED_UPDATES,
  type Contest,
  type ContestPlan,
  type MeasureSettings,
  measureContest,
} from './measure.ts';
import { type Choice, contestPlans } from './plan.ts';
import { publish } from './publish.ts';
import {
  contestName,
  contestText,
  documentOf,
  headText,
  loadText,
  type Machine,
  type Measured,
  targetsText,
} from './report.ts';
import { type Task, type WorkName, workNames } from './work.ts';

interface Options {
  readonly work?: WorkName[];
  readonly runtime: RuntimeName[];
  readonly peers?: LibraryName[];
  readonly backend: PeerBackend[];
  readonly task: Task[];
  readonly threads?: number;
  readonly torchThreads: number[];
  readonly torchCores: string[];
  readonly python?: string;
  readonly rounds?: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly svg?: string;
  readonly publish?: string;
  readonly losses?: string;
  readonly seed: number;
}

const peerNames = libraryNames.filter((name) => name !== 'divergrad');
/** Parses `a,b` as names out of a list. @throws InvalidArgumentError naming the known ones */
const among =
  <Name extends string>(what: string, known: readonly Name[]) =>
  (text: string): Name[] =>
    nameList(text).map((name) => {
      const found = known.find((candidate) => candidate === name);
      if (!found) throw new InvalidArgumentError(unknownName(what, name, known).message);
      return found;
    });

const command = new Command('bench:peers')
  .description(
    'measure one SAC update beside other libraries: the same numbers, checked, in turn, in one run',
  )
  .option('--work <names>', `${workNames.join(', ')} (default: all)`, among('work', workNames))
  .option(
    '--task <names>',
    'update (SAC), layers (its dense layers, beside gpu.js)',
    among('task', ['update', 'layers'] as const),
    ['update', 'layers'],
  )
  .option(
    '--peers <names>',
    `${peerNames.join(', ')} (default: all that are present)`,
    among('peer', peerNames),
  )
  .option(
    '--backend <names>',
    'this library as wasm, webgpu',
    among('backend', ['wasm', 'webgpu'] as const),
    ['wasm', 'webgpu'],
  )
  .option('--runtime <names>', runtimeNames.join(', '), among('runtime', runtimeNames), [...runtimeNames])
  .option('--threads <n>', "this library's threads on wasm (default: its own choice)", wholeNumber(1, 8))
  .option('--torch-threads <list>', "PyTorch's threads, each measured", widths, [1, 2])
  .option('--torch-cores <list>', "OpenBLAS's core types for PyTorch, each measured", nameList, [
    'automatic',
    'Haswell',
  ])
  .option('--python <file>', 'the interpreter that has torch (default: python3, then /usr/bin/python3)')
  .option('--rounds <n>', 'rounds of each pair (default: 15; with --quick 5)', wholeNumber(1, 1000))
  .option('--quick', 'fewer and shorter measurements, for a first look')
  .option('--json <file>', 'also write the results as JSON; - for standard output, without the tables')
  .option('--svg <file>', 'also draw the results')
  .option('--publish <name>', 'also write docs/peers/<name>.json and .svg, and its tables in docs/peers.md')
  .option(
    '--losses <file>',
    "only write PyTorch's float64 losses of the first updates, which the tests compare with",
  )
  .option('--seed <n>', 'seed of parameters, batch and intervals', wholeNumber(0, 2 ** 31), 0)
  .version(version)
  .exitOverride()
  .addHelpText(
    'after',
    `
Peers are installed in bench/peers, PyTorch is used where Python has it. A peer named by --peers that does not run
makes the exit code 1; one that is only looked for is reported as not present. The works and the targets are in
docs/peers.md.`,
  );

ending.watch(failure);
try {
  await command.parseAsync();
  process.exitCode = await run(command.opts<Options>());
} catch (error) {
  ending.failed(failure(error));
} finally {
  await closeBrowser();
  ending.end();
}
process.exit();

function failure(error: unknown): number | undefined {
  if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : 2; // commander has printed why
  if (error instanceof Stopped) return undefined;
  const expected = error instanceof DivergradError || error instanceof Absent;
  const { message, stack } = error as Error;
  warn(`divergrad: ${expected ? message : `unexpected: ${stack ?? message}`}`);
  return 1;
}

async function run(options: Options): Promise<number> {
  const { json, svg, quick } = options;
  // Their folders are made.
  for (const file of [json === '-' ? undefined : json, svg, options.losses])
    if (file !== undefined) await requireFolder(dirname(file));
  if (options.losses !== undefined) return writeLosses(options.losses, options);
  const choice: Choice = {
    works: options.work ?? workNames,
    runtimes: options.runtime,
    libraries: options.peers ?? libraryNames,
    backends: options.backend,
    tasks: options.task,
    torchThreads: options.torchThreads,
    torchCores: options.torchCores,
    ...(options.threads ? { threads: options.threads } : {}),
  };
  const settings: MeasureSettings = {
    seed: options.seed,
    rounds: options.rounds ?? (quick ? 5 : 15),
    minimumMs: quick ? 40 : 150,
    maximumMs: quick ? 4_000 : 12_000,
    ...(options.python ? { python: options.python } : {}),
  };
  const show = (text: string) => {
    if (json !== '-') print(text);
  };
  const measured: { -readonly [Key in keyof Measured]: Measured[Key] } = {
    date: new Date().toISOString(),
    command: [
      'npm run bench:peers',
      ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []),
    ].join(' '),
    machine: machine(),
    versions: await allVersions(choice.runtimes),
    settings,
    contests: [],
    absent: [],
  };
  show(headText(measured));
  const loadBefore = loadNow();
  const contests: Contest[] = [];
  const absent: Measured['absent'][number][] = [];
  for (const plan of contestPlans(choice)) {
    const outcome = await oneContest(plan, settings);
    if ('reason' in outcome) {
      absent.push(outcome);
      show(`not present: ${outcome.contest}: ${outcome.reason}\n`);
    } else {
      contests.push(outcome);
      show(contestText(outcome));
    }
  }
  const load = [loadBefore, loadNow()] as const;
  const result = documentOf({ ...measured, machine: { ...measured.machine, load }, contests, absent });
  show(targetsText(result.targets));
  show(loadText(result.machine));
  const text = `${jsonText(result, 'The result', { indent: 2 })}\n`;
  if (json === '-') print(text.trimEnd());
  else if (json) await write(json, text);
  if (svg) await write(svg, peersChart(result));
  if (options.publish) await publish(options.publish, result);
  return complaint(options, contests, absent);
}

async function oneContest(
  plan: ContestPlan,
  settings: MeasureSettings,
): Promise<Contest | Measured['absent'][number]> {
  const bar = progressBar(contestName(plan));
  try {
    return await measureContest(plan, settings, (done, text) => bar.update(done, text));
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    return { contest: contestName(plan), reason: error.message };
  } finally {
    bar.stop();
  }
}

/** The exit code: 1 when something asked for by name did not run anywhere, or nothing ran at all. */
function complaint(options: Options, contests: readonly Contest[], absent: readonly unknown[]): number {
  const ran = (library: LibraryName) =>
    contests.some(({ pairs }) => pairs.some(({ entrant }) => entrant.library === library));
  const missing = (options.peers ?? []).filter((library) => !ran(library));
  for (const library of missing)
    process.stderr.write(`divergrad: ${library} was asked for and did not run\n`);
  if (contests.length === 0) process.stderr.write('divergrad: nothing was measured\n');
  return missing.length > 0 || contests.length === 0 || (absent.length > 0 && options.peers) ? 1 : 0;
}

/** Losses by an independent implementation in float64: the definition of the work, in numbers. */
async function writeLosses(file: string, { seed, python }: Options): Promise<number> {
  const losses: Record<string, unknown> = {};
  let version = '';
  for (const work of workNames) {
    const opening: Opening = { library: 'pytorch', backend: 'cpu', task: 'update', work, seed, double: true };
    const host = await startHost('node', opening, { core: 'automatic', ...(python ? { python } : {}) });
    try {
      version = (await host.open(opening)).version;
      losses[work] = await host.check(CHECKED_UPDATES);
    } finally {
      await host.close();
    }
  }
  await write(
    file,
    `${jsonText({ kind: 'divergrad-peer-losses', pytorch: version, seed, losses }, 'The losses', { indent: 2 })}\n`,
  );
  return 0;
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function loadNow(): number {
  return Number(loadavg()[0].toFixed(1));
}

function machine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown processor',
    processors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
  };
}

async function allVersions(runtimes: readonly RuntimeName[]): Promise<Record<string, string>> {
  const found: Record<string, string> = { ...versions() };
  for (const runtime of runtimes.filter((name) => name !== 'node')) {
    try {
      found[runtime] = await runtimeVersion(runtime);
    } catch (error) {
      found[runtime] = `not present: ${(error as Error).message}`;
    }
  }
  return found;
}
