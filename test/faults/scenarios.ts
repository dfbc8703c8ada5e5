// The commands that are disturbed, each with small settings, and what counts as its result.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Draws } from './draws.ts';

export type Kind = 'train' | 'study' | 'report' | 'play';

/** A command in a folder of its own, in which it is run as `divergrad ARGS`. */
export interface Scenario {
  readonly name: string;
  readonly kind: Kind;
  /** Relative paths: the folder may be anywhere, and the result is the same. */
  readonly args: readonly string[];
  /** What it reads and writes, for damage: files below these folders. */
  readonly reads: readonly string[];
  /** Where it writes. */
  readonly out: string;
  /** Puts what it reads into its folder; `sources` holds a finished study and a trained policy. */
  prepare(folder: string, sources: string): void;
}

const small = ['--hidden', '8', '--batch', '8', '--threads', '1', '--seed', '3'];

function trainScenario(draws: Draws): Scenario {
  const task = draws.of([
    ['pendulum', '--steps', '240', '--warmup', '40', '--evaluate-every', '40', '--episodes', '2'],
    ['cartpole', '--steps', '300', '--warmup', '50', '--evaluate-every', '25', '--episodes', '3'],
    ['bimodal-bandit', '--steps', '400', '--warmup', '20', '--evaluate-every', '20', '--episodes', '4'],
    ['linear-quadratic', '--steps', '240', '--warmup', '40', '--evaluate-every', '40', '--episodes', '2'],
  ]);
  const backend = draws.of(['wasm', 'wasm', 'wasm', 'cpu', 'cpu', 'webgpu']);
  const parallel = draws.of<string[]>([
    [],
    [],
    ['--parallel-environments', '5'],
    ['--parallel-environments', '5', '--workers', '2'],
    ['--parallel-environments', '5', '--workers', '3'],
  ]);
  const every = draws.of(['20', '70', '100000']);
  const out = draws.of(['run', 'deep/er/run']);
  const more = draws.of<string[]>([[], [], ['--samples', '3'], ['--json']]);
  const args = [
    ...['train', '--env', ...task, '--backend', backend, ...small, ...parallel, ...more],
    ...['--checkpoint-every', every, '--out', out],
  ];
  return { name: args.join(' '), kind: 'train', args, reads: [out], out, prepare: () => undefined };
}

const studyConfig = (backend: string) => ({
  estimators: ['reverse-kl/pathwise', 'forward-kl/snis:policy'],
  environments: ['pendulum'],
  seeds: 2,
  settings: {
    ...{ steps: 160, warmup: 40, hidden: [8], batch: 8, evaluateEvery: 40, evaluationEpisodes: 1 },
    backend,
  },
});

function studyScenario(draws: Draws): Scenario {
  const backend = draws.of(['wasm', 'wasm', 'wasm', 'wasm', 'cpu', 'webgpu']);
  const report = draws.chance(0.3) ? ['--report', 'report'] : [];
  const args = [
    ...['study', 'study.json', '--jobs', draws.of(['1', '2', '3']), '--out', 'out'],
    ...['--checkpoint-every', draws.of(['20', '100000']), ...report],
  ];
  return {
    ...{ name: `${args.join(' ')} on ${backend}`, kind: 'study', args, reads: ['out'], out: 'out' },
    prepare: (folder) => writeFileSync(join(folder, 'study.json'), JSON.stringify(studyConfig(backend))),
  };
}

function reportScenario(draws: Draws): Scenario {
  const args = [
    'report',
    'out',
    '--resamples',
    '100',
    ...draws.of<string[]>([[], ['--out', 'report'], ['--json']]),
  ];
  return {
    ...{ name: args.join(' '), kind: 'report', args, reads: ['out'] },
    out: args.includes('--out') ? 'report' : 'out/report',
    prepare: (folder, sources) =>
      cpSync(join(sources, 'study', 'out'), join(folder, 'out'), { recursive: true }),
  };
}

function playScenario(draws: Draws): Scenario {
  const render = draws.of<string[]>([
    [],
    ['--render', 'film.svg'],
    ['--render', 'film.html'],
    ['--render', 'frames'],
  ]);
  const backend = draws.of(['wasm', 'wasm', 'cpu', 'webgpu']);
  const args = ['play', 'run', '--episodes', '3', '--backend', backend, '--json', ...render];
  return {
    ...{ name: args.join(' '), kind: 'play', args, reads: ['run'], out: render[1] ?? 'film.svg' },
    prepare: (folder, sources) =>
      cpSync(join(sources, 'policy', 'run'), join(folder, 'run'), { recursive: true }),
  };
}

const kinds: Readonly<Record<Kind, (draws: Draws) => Scenario>> = {
  train: trainScenario,
  study: studyScenario,
  report: reportScenario,
  play: playScenario,
};

/** Trainings and studies have most to lose. */
const weights: readonly Kind[] = [
  'train',
  'train',
  'train',
  'train',
  'study',
  'study',
  'study',
  'report',
  'report',
  'play',
];

export const drawScenario = (draws: Draws, only?: Kind): Scenario => {
  const kind = draws.of(weights);
  return kinds[only ?? kind](draws);
};

/** What reports and films are made of: a finished study and a trained policy, made once. */
export const sourceScenarios = (): readonly (readonly [
  name: string,
  args: readonly string[],
  prepare: (folder: string) => void,
])[] => [
  [
    'study',
    ['study', 'study.json', '--jobs', '2', '--out', 'out'],
    (folder) => writeFileSync(join(folder, 'study.json'), JSON.stringify(studyConfig('wasm'))),
  ],
  [
    'policy',
    [
      'train',
      '--env',
      'pendulum',
      '--steps',
      '120',
      '--warmup',
      '40',
      '--evaluate-every',
      '60',
      '--episodes',
      '1',
      '--backend',
      'wasm',
      ...small,
      '--out',
      'run',
    ],
    () => undefined,
  ],
];

/** Files below a folder, relative, sorted. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile())
    .sort();
}

/** A time, however it is written: what two equal runs differ in. */
const untimed = (text: string): string =>
  text
    .replace(/"checksum":\s*"[0-9a-f]{8}"/g, '"checksum":""')
    .replace(/"(seconds|date|begun|ended)":\s*(?:"[^"]*"|[-\d.e+]+)/g, '"$1":0')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
    .replace(/\d{4}-\d\d-\d\d(?: \d\d:\d\d)?/g, 'DATE');

/**
 * The result of a command in its folder: each file that it wrote, and its standard output where that is the result,
 * without times.
 */
export function resultOf({ kind, out, args }: Scenario, folder: string, stdout: string): Map<string, string> {
  const result = new Map<string, string>();
  const whole = join(folder, out);
  const keep = (file: string) => {
    // A byte-order mark is read over.
    const text = readFileSync(file, 'latin1').replace(/^\u00ef\u00bb\u00bf/, '');
    // Seconds are in pictures and tables of reports: of studies made anew they differ.
    if (kind === 'study' && /report/.test(relative(folder, file))) return;
    result.set(relative(folder, file), untimed(text));
  };
  if (statSync(whole, { throwIfNoEntry: false })?.isFile()) keep(whole);
  else for (const file of filesBelow(whole)) keep(join(whole, file));
  if (kind === 'play') result.set('standard output', untimed(stdout));
  void args;
  return result;
}

/** A new folder with all that the command reads. */
export function layOut(scenario: Scenario, folder: string, sources: string): void {
  mkdirSync(folder, { recursive: true });
  scenario.prepare(folder, sources);
}
