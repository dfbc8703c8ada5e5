// The study of the tests of `divergrad study`: six short runs.
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const folder = mkdtempSync(join(tmpdir(), 'divergrad-study-'));

export const config = join(folder, 'study.yaml');
writeFileSync(
  config,
  `estimators: [reverse-kl/pathwise, 'reverse-kl/score:loo']
environments: [pendulum, { name: cartpole, steps: 1500 }]
seeds: 2
settings: { steps: 1500, hidden: [16], batch: 16, warmup: 100, evaluateEvery: 500, evaluationEpisodes: 2, backend: wasm }
`,
);

export const study = (out: string, ...more: string[]) => [
  'study',
  config,
  '--out',
  out,
  '--checkpoint-every',
  '200',
  ...more,
];

/** What differs between two runs of one command, and the checksum of all, these included. */
const own = ['seconds', 'made', 'checksum'];

/** Every result of a study without its wall-clock times and the command that made it. */
export function results(out: string): Record<string, unknown> {
  const runs = readdirSync(join(out, 'runs'));
  return Object.fromEntries(
    runs.sort().map((run) => {
      const text = readFileSync(join(out, 'runs', run, 'result.json'), 'utf8');
      return [run, JSON.parse(text, (key, value) => (own.includes(key) ? undefined : value))];
    }),
  );
}

/** How many runs of a study have a file. */
export const having = (out: string, file: string): number =>
  existsSync(join(out, 'runs'))
    ? readdirSync(join(out, 'runs')).filter((run) => existsSync(join(out, 'runs', run, file))).length
    : 0;
export const checkpoints = (out: string) => having(out, 'checkpoint.bin');
export const finished = (out: string) => having(out, 'result.json');

export const undisturbed = join(folder, 'undisturbed');
