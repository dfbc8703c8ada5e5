// The commands that are asked to stop: each with long work, and the parts of training that take long.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../helpers/process.ts';

export interface Case {
  /** @param out a folder of its own */
  readonly args: (out: string) => string[];
  /** What Node runs; the built command line where it is absent. */
  readonly file?: string;
  /** What it prints when it may be asked to stop; it may be from its start where this is absent. */
  readonly from?: RegExp;
  /** The request comes at a moment within so long after that, ms. */
  readonly within: number;
}

const words = (text: string): string[] => text.split(' ');
const train = (text: string, within = 1500): Case => ({
  args: (out) => ['train', ...words(text), '--steps', '400000', '--out', join(out, 'run')],
  from: /^(cpu|wasm|WebGPU)\b/m,
  within,
});
const small = '--hidden 8 --batch 8 --backend wasm';
const tiny = { warmup: 50, hidden: [8], batch: 8 };

/** Does nothing, and ends when it is asked: how long the machine itself takes. */
const idle = `for (const [name, code] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(name, () => process.exit(code));
setInterval(() => undefined, 1000);
console.log('idle');
`;

/**
 * @param folder holds what the commands read
 * @param run runs a command to its end
 */
export async function prepareCases(
  folder: string,
  run: (args: readonly string[]) => Promise<unknown>,
): Promise<Readonly<Record<string, Case>>> {
  mkdirSync(folder, { recursive: true });
  const file = (name: string, content: string | object): string => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const study = (backend: string) =>
    file(`study-${backend}.json`, {
      ...{ estimators: ['reverse-kl/pathwise'], environments: ['pendulum'], seeds: 4 },
      settings: { steps: 1_000_000, ...tiny, backend },
    });
  const policy = join(folder, 'policy');
  const brief = `--env mountain-car-continuous ${small} --steps 60 --warmup 50 --evaluate-every 60 --episodes 1`;
  await run(['train', ...words(brief), '--out', policy]);
  const finished = {
    ...{ estimators: ['reverse-kl/pathwise', 'forward-kl/awr'], environments: ['pendulum'], seeds: 3 },
    settings: { steps: 200, ...tiny, backend: 'wasm', evaluateEvery: 20, evaluationEpisodes: 1 },
  };
  await run(['study', file('finished.json', finished), '--out', join(folder, 'finished')]);
  const studying = (backend: string): Case => ({
    args: (out) => ['study', study(backend), '--jobs', '2', '--out', join(out, 'study')],
    within: 3000,
  });
  return {
    'a program that does nothing': {
      ...{ args: () => [], file: file('idle.mjs', idle), from: /idle/, within: 200 },
    },
    bench: { args: () => words('bench --backend cpu --json -'), within: 4000 },
    'bench, webgpu': { args: () => words('bench --backend webgpu --json -'), within: 4000 },
    'bench --by-kernel': {
      args: () => words('bench --backend wasm --by-kernel --parts --json -'),
      within: 4000,
    },
    'bench --scaling': {
      args: (out) => [...words('bench --backend wasm --scaling all --out'), join(out, 'scaling')],
      within: 4000,
    },
    quality: { args: (out) => ['quality', '--out', join(out, 'quality')], within: 4000 },
    throughput: { args: () => words('throughput --rounds 1000 --backend cpu'), within: 4000 },
    verify: { args: () => words('verify test/golden --backend cpu --precision f64'), within: 2500 },
    doctor: { args: () => ['doctor'], within: 2500 },
    matrix: { args: () => ['matrix'], within: 400 },
    report: {
      args: (out) =>
        words(`report ${join(folder, 'finished')} --resamples 1000000 --out ${join(out, 'report')}`),
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
    "the page's server": {
      ...{ args: () => ['web', '0'], file: 'build.mjs', from: /the page is at/, within: 500 },
    },
    study: studying('wasm'),
    'study, webgpu': studying('webgpu'),
    'train, starting': {
      args: (out) => words(`train --env humanoid ${small} --out ${join(out, 'run')}`),
      within: 1500,
    },
    'train, wasm': train(`--env pendulum ${small}`),
    'train, cpu': train('--env pendulum --hidden 8 --batch 8 --backend cpu'),
    'train, webgpu': train('--env pendulum --hidden 8 --batch 8 --backend webgpu'),
    'train, many updates a step on cpu': train(
      '--env pendulum --warmup 1 --updates-per-step 10000 --backend cpu',
    ),
    'train, many updates a step on wasm': train(
      '--env pendulum --warmup 1 --updates-per-step 10000 --backend wasm',
    ),
    'train, many updates a step on webgpu': train(
      '--env pendulum --warmup 1 --updates-per-step 10000 --hidden 8 --batch 8 --backend webgpu',
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
    'train, 200 ants at once': train(
      `--env ant ${small} --parallel-environments 200 --evaluate-every 200000 --warmup 100000`,
      3000,
    ),
    'train, 200 ants in workers': train(
      `--env ant ${small} --parallel-environments 200 --workers 2 --evaluate-every 200000`,
      6000,
    ),
    'train, 64 ants in workers': train(
      `--env ant ${small} --parallel-environments 64 --workers 2 --evaluate-every 64000`,
      2000,
    ),
  };
}

/** Waits until a command may be asked to stop, or has ended. */
export async function ready(child: Running, from: RegExp | undefined): Promise<void> {
  if (from) await Promise.race([child.says(from), child.ended]);
}
