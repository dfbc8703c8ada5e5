// The examples, each with what its output must hold; the page of `browser` is opened in Chromium.
export interface Example {
  readonly file: string;
  /** What it prints, or shows, where it went well. */
  readonly says: RegExp;
  /** Ends within a second or so: it runs in `npm test`. */
  readonly quick?: boolean;
}

export const nodeExamples: readonly Example[] = [
  { file: 'examples/readme.ts', says: /^forward-kl\/snis:policy: \d+ % at the higher mode/m, quick: true },
  { file: 'examples/own-environment.ts', says: /^step 1500: mean return -\d/m },
  { file: 'examples/own-divergence.ts', says: /^neyman\/exact: loss .*, mode 0\.\d/m },
  { file: 'examples/own-distribution.ts', says: /^loc -0\.\d+, scale 0\.\d+$/m },
  { file: 'examples/supervised-regression.ts', says: /^x 0\.8: predicted 0\.\d+, sin 3x 0\.675$/m },
  { file: 'examples/save-load-act.ts', says: /^goes on from step 300$/m },
  { file: 'examples/own-critic-and-replay.ts', says: /^state 0\.6: action 0\.\d+$/m },
  { file: 'examples/compare-divergences.ts', says: /^forward-kl\/exact +mode +-?0\.0\d, spread/m },
  {
    file: 'examples/read-needs.ts',
    says: /^forward-kl\/snis:policy: consistent, bias O\(1\/K\)$/m,
    quick: true,
  },
  { file: 'examples/worker.ts', says: /^step 600: mean return /m },
  { file: 'examples/charts.ts', says: /^a chart of \d+ characters/m },
];

export const pageExamples: readonly Example[] = [
  {
    file: 'examples/browser/index.html',
    says: /^After 400 updates the policy's mode is 0\.\d+; the target's is 0\.5\.$/,
  },
];
