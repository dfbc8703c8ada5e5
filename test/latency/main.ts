// How long a command takes to end after Ctrl-C: node build.mjs latency [--tries=20] [--seed=0] [--only=NAME] [--cli=FILE].
// Every command with long work, and the parts of training that take long, each asked to stop at random moments. It prints
// the median and the worst, and decides nothing by them; what is wrong is another exit code than a shell's 130, a run that was
// stopped and speaks of its end, and files that are half written or locked.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PhiloxStream } from '../../src/math/philox.ts';
import { optionsOf } from '../helpers/options.ts';
import { cliFile, type Running, startIn } from '../helpers/process.ts';

const options = optionsOf(
  { tries: 20, seed: 0, only: '', cli: cliFile },
  'usage: node build.mjs latency [--tries=N] [--seed=N] [--only=NAME] [--cli=FILE]',
);

const folder = mkdtempSync(join(tmpdir(), 'divergrad-latency-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const words = (text: string): string[] => text.split(' ');

interface Case {
  readonly args: (out: string) => string[];
  /** From when on it may be asked to stop; from its start if absent. */
  readonly from?: (child: Running, out: string) => Promise<void>;
  /** The request comes at a moment within so long after that, ms. */
  readonly within: number;
}
const running = (child: Running) => child.says(/^(cpu|wasm|webgpu):? /m);
const train = (text: string, within = 1500): Case => ({
  args: (out) => ['train', ...words(text), '--steps', '400000', '--out', join(out, 'run')],
  from: running,
  within,
});
const small = '--hidden 8 --batch 8 --backend wasm';
const policy = join(folder, 'policy');
const study = () =>
  file(
    'study.json',
    JSON.stringify({
      ...{ estimators: ['reverse-kl/pathwise'], environments: ['pendulum'], seeds: 4 },
      settings: { steps: 1_000_000, warmup: 50, hidden: [8], batch: 8, backend: 'wasm' },
    }),
  );

const cases: Readonly<Record<string, Case>> = {
  bench: { args: () => words('bench --backend cpu --json -'), within: 4000 },
  'bench --by-kernel': {
    args: () => words('bench --backend wasm --by-kernel --parts --json -'),
    within: 4000,
  },
  quality: { args: (out) => ['quality', '--out', join(out, 'quality')], within: 4000 },
  throughput: { args: () => words('throughput --rounds 1000 --backend cpu'), within: 4000 },
  verify: { args: () => words('verify test/golden --backend cpu --precision f64'), within: 2500 },
  doctor: { args: () => ['doctor'], within: 2500 },
  matrix: { args: () => ['matrix'], within: 400 },
  report: {
    args: (out) => [
      'report',
      join(folder, 'finished'),
      '--resamples',
      '1000000',
      '--out',
      join(out, 'report'),
    ],
    within: 3000,
  },
  play: {
    args: (out) => ['play', policy, '--episodes', '10000', '--render', join(out, 'film.svg')],
    within: 3000,
  },
  'play --render folder': {
    args: (out) => ['play', policy, '--episodes', '1', '--render', join(out, 'film')],
    within: 1500,
  },
  study: {
    args: (out) => ['study', study(), '--jobs', '2', '--out', join(out, 'study')],
    within: 3000,
  },
  'train, starting': {
    args: (out) => words(`train --env humanoid ${small} --out ${join(out, 'run')}`),
    within: 1500,
  },
  'train, wasm': train(`--env pendulum ${small}`),
  'train, many updates a step on cpu': train(
    '--env pendulum --warmup 1 --updates-per-step 10000 --backend cpu',
  ),
  'train, many updates a step on wasm': train(
    '--env pendulum --warmup 1 --updates-per-step 10000 --backend wasm',
  ),
  'train, slow updates on cpu': train(
    '--env pendulum --warmup 1 --updates-per-step 100 --estimator reverse-kl/exact --backend cpu',
    5000,
  ),
  'train, 200 episodes of half-cheetah': train(
    `--env half-cheetah ${small} --episodes 200 --evaluate-every 10 --warmup 5`,
    12_000,
  ),
  'train, 2000 long episodes': train(
    `--env mountain-car-continuous ${small} --episodes 2000 --evaluate-every 1 --warmup 5`,
    5000,
  ),
  'train, 256 ants at once': train(
    `--env ant ${small} --parallel-environments 256 --evaluate-every 256000 --warmup 100000`,
    3000,
  ),
  'train, 200 ants in workers': train(
    `--env ant ${small} --parallel-environments 200 --workers 2 --evaluate-every 200000`,
    3000,
  ),
  'train, 64 ants in workers': train(
    `--env ant ${small} --parallel-environments 64 --workers 2 --evaluate-every 64000`,
    2000,
  ),
};

const random = new PhiloxStream(options.seed, 'plain');
const begin = (args: readonly string[]) => startIn('node', options.cli, args);
const problems: string[] = [];

async function prepare(): Promise<void> {
  const brief = `--env mountain-car-continuous ${small} --steps 60 --warmup 50 --evaluate-every 60 --episodes 1`;
  await begin(['train', ...words(brief), '--out', policy]).ended;
  const finished = {
    ...{ estimators: ['reverse-kl/pathwise', 'forward-kl/awr'], environments: ['pendulum'], seeds: 3 },
    settings: {
      steps: 200,
      warmup: 50,
      hidden: [8],
      batch: 8,
      backend: 'wasm',
      evaluateEvery: 20,
      evaluationEpisodes: 1,
    },
  };
  await begin(['study', file('finished.json', JSON.stringify(finished)), '--out', join(folder, 'finished')])
    .ended;
}

/** @returns ms from the request to the end; undefined where it had ended before */
async function once(name: string, { args, from, within }: Case, out: string): Promise<number | undefined> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const child = begin(args(out));
  await from?.(child, out);
  const moment = within * random.nextUniform();
  await Promise.race([child.ended, new Promise((done) => setTimeout(done, moment))]);
  if (child.hasEnded) return undefined;
  const asked = performance.now();
  child.kill('SIGINT');
  const { code, stdout, stderr } = await child.ended;
  const ms = performance.now() - asked;
  const left = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((each) =>
    /\.part(\/|$)|\.lock/.test(each),
  );
  const wrong = [
    ...(code === 130 || code === 0 ? [] : [`exit code ${code}`]),
    ...(code === 130 && /final return/.test(stdout) ? ['speaks of a final return'] : []),
    ...(/unexpected|\bat .*\.[jt]s:\d/.test(stderr) ? [stderr.trim().slice(0, 200)] : []),
    ...(left.length > 0 ? [`leaves ${left.join(', ')}`] : []),
  ];
  for (const each of wrong) problems.push(`${name}, asked after ${moment.toFixed(0)} ms: ${each}`);
  return ms;
}

await prepare();
const { tries } = options;
console.log(`${'from Ctrl-C to the end, ms'.padEnd(40)}  asked   median    worst`);
for (const [name, each] of Object.entries(cases)) {
  if (!name.includes(options.only)) continue;
  const took: number[] = [];
  for (let i = 0; i < tries; i++) {
    const ms = await once(name, each, join(folder, `out-${i}`));
    if (ms !== undefined) took.push(ms);
  }
  if (took.length === 0) problems.push(`${name} had always ended before it was asked`);
  took.sort((a, b) => a - b);
  const shown = (ms: number | undefined) => (ms === undefined ? '-' : ms.toFixed(0)).padStart(8);
  console.log(
    `${name.padEnd(40)} ${String(took.length).padStart(6)} ${shown(took[took.length >> 1])} ${shown(took.at(-1))}`,
  );
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
