// A study as `divergrad study` leaves it, made of given learning curves.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PhiloxStream } from '../../src/math/philox.ts';

/** Final return and noise of each method, the same in every environment. */
export interface Learner {
  readonly estimator: string;
  readonly final: number;
  readonly noise: number;
}

/** Writes a study of Pendulum-like returns; [environments] × learners × seeds, five evaluations each. */
export function writeStudy(
  folder: string,
  learners: readonly Learner[],
  { environments = ['pendulum'], seeds = 8, title = 'A study' } = {},
): void {
  for (const environment of environments)
    for (const [i, { estimator, final, noise }] of learners.entries())
      for (let seed = 0; seed < seeds; seed++) {
        const random = new PhiloxStream(1000 * i + seed);
        const run = join(folder, 'runs', `${environment}--${i}--seed-${seed}`);
        mkdirSync(run, { recursive: true });
        const evaluations = [1, 2, 3, 4, 5].map((k) => ({
          step: 1000 * k,
          updates: 1000 * k - 100,
          seconds: k * (i + 1),
          returns: [final],
          meanReturn: -1219 + ((final + 1219) * Math.min(k, 3)) / 3 + noise * random.nextNormal(),
          metrics: {},
        }));
        const config = { kind: 'divergrad-run', environment, estimator, distribution: 'tanh-gaussian', seed };
        writeFileSync(join(run, 'config.json'), JSON.stringify({ ...config, adapter: 'wasm: a test' }));
        writeFileSync(
          join(run, 'result.json'),
          JSON.stringify({ kind: 'divergrad-result', seconds: 5, evaluations }),
        );
      }
  writeFileSync(join(folder, 'study.json'), JSON.stringify({ kind: 'divergrad-study', config: { title } }));
}
