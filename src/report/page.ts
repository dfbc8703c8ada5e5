// A report as one HTML file that needs nothing else: no script, no request, light and dark, and it prints.
import { maximum, minimum } from '../math/extremes.ts';
import type { CostReport } from '../measure/cost.ts';
import type { Coverage } from './coverage.ts';
import { type Finding, withInterval } from './findings.ts';
import type { Matrix } from './matrix.ts';
import { SCORED_EVALUATIONS, type StudyReport } from './report.ts';
import { escaped } from './text.ts';

/** A picture that was given with the report's data. */
export interface Picture {
  readonly title: string;
  readonly svg: string;
}

export interface ReportPage {
  readonly report: StudyReport;
  readonly findings: readonly Finding[];
  readonly matrix: Matrix;
  readonly costs: readonly CostReport[];
  /** Our own, by name: put into the page as they are. */
  readonly figures: readonly { readonly name: string; readonly question: string; readonly svg: string }[];
  /** Files of others: shown as images, in which nothing runs. */
  readonly scaling: readonly Picture[];
  readonly quality: readonly Picture[];
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

const table = (head: readonly string[], rows: readonly (readonly string[])[], caption: string): string =>
  `<div class="wide" tabindex="0" role="region" aria-label="${escaped(caption.slice(0, 60))}"><table><caption>${escaped(caption)}</caption><thead><tr>${head.map((cell) => `<th scope="col">${escaped(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map(
      ([first, ...rest]) =>
        `<tr><th scope="row">${escaped(first)}</th>${rest.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
    )
    .join('')}</tbody></table></div>`;

const section = (id: string, title: string, ...content: string[]): string =>
  `<section aria-labelledby="${id}"><h2 id="${id}">${escaped(title)}</h2>${content.join('')}</section>`;

const oneDigit = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1));

/** How often intervals of so many seeds hold the truth, in simulated studies. */
export function coverageText({
  fewestSeeds,
  coverage,
}: Pick<StudyReport, 'fewestSeeds' | 'coverage'>): string {
  if (!coverage) return 'Some method has a single seed, so there is no interval of it';
  const percent = (share: number) => `${(100 * share).toFixed(0)}%`;
  const say = ({ normal, skewed, halfFail, threeInTenFail }: Coverage) =>
    `${percent(normal)} (normal), ${percent(skewed)} (skewed), ${percent(halfFail)} (half of the runs fail), ${percent(threeInTenFail)} (three in ten fail)`;
  return `The fewest seeds of a method are ${fewestSeeds}. With ${coverage.seeds}, simulated 95% intervals hold the truth, by the distribution of the scores, for one method in ${say(coverage.score)}; for a difference of two in ${say(coverage.difference)}; for a probability of improvement in ${say(coverage.improvement)}`;
}

/** One of our own figures; nothing where there is none. */
function picture(figures: ReportPage['figures'], name: string): string {
  const found = figures.find((figure) => figure.name === name);
  if (!found) return '';
  // To a reader it is one image; the labels of its parts would be read in place of the name.
  const parts = found.svg.replaceAll(/ aria-(label|description)="[^"]*"/g, '');
  return `<figure>${parts.replace('<svg ', `<svg role="img" aria-label="${escaped(found.question)}" `)}</figure>`;
}

const images = (pictures: readonly Picture[]): string =>
  pictures
    .map(
      ({ title, svg }) =>
        `<figure><img alt="${escaped(title)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}"></figure>`,
    )
    .join('');

const missing = (what: string, command: string): string =>
  `<p class="missing">${escaped(what)} <code>${escaped(command)}</code></p>`;

const findingsSection = ({ findings }: ReportPage): string =>
  section(
    'findings',
    'The three findings of Lavington, Teng, Schmidt and Wood (2021)',
    ...findings.map(
      ({ claim, verdict, evidence }, i) =>
        `<article class="finding"><h3>${i + 1}. ${escaped(claim)} <span class="verdict ${verdict.replaceAll(' ', '-')}">${escaped(verdict)}</span></h3><ul>${evidence.map((sentence) => `<li>${escaped(sentence)}</li>`).join('')}</ul></article>`,
    ),
  );

const learningSection = ({ figures }: ReportPage): string =>
  section(
    'learning',
    'Learning curves',
    picture(figures, 'curves-steps'),
    picture(figures, 'curves-updates'),
    picture(figures, 'curves-seconds'),
  );

const scoresSection = ({ report, figures }: ReportPage): string =>
  section(
    'scores',
    'Scores',
    picture(figures, 'aggregate'),
    picture(figures, 'improvement'),
    picture(figures, 'profile'),
    ...report.environments.map((environment) =>
      table(
        ['method', 'seeds', 'score', 'mean of the curve', 'seconds a run', 'least run', 'best run'],
        report.cells
          .filter((cell) => cell.environment === environment)
          .map(({ method, seeds, score, curveMean, runs, curve }) => [
            method,
            String(seeds),
            withInterval(score, oneDigit),
            withInterval(curveMean, oneDigit),
            oneDigit(curve[curve.length - 1].seconds),
            oneDigit(minimum(runs.map((run) => run.score))),
            oneDigit(maximum(runs.map((run) => run.score))),
          ]),
        `${environment}: undiscounted returns, interquartile mean over seeds with its 95% interval; a run's score is the mean of its last ${SCORED_EVALUATIONS} evaluations`,
      ),
    ),
    report.methods.length > 0
      ? table(
          ['method', 'score', 'mean of the curve', 'difference of curve means', 'P(better run)'],
          report.methods.map(({ method, score, curveMean, curveDifference, improvement }) => [
            method,
            withInterval(score),
            withInterval(curveMean),
            curveDifference ? withInterval(curveDifference) : 'baseline',
            improvement ? withInterval(improvement) : '',
          ]),
          `All of ${report.sharedEnvironments.join(', ')}, normalised: 0 random actions, 1 a good policy; differences and probabilities against ${report.baseline}`,
        )
      : '<p class="missing">No environment has runs of all methods, so nothing is aggregated.</p>',
  );

const costSection = ({ costs, scaling }: ReportPage): string =>
  section(
    'cost',
    'Cost',
    costs.length > 0
      ? costs
          .map((cost) =>
            table(
              ['estimator', 'K', 'ms/update', 'ratio', 'kernels', 'MFLOP', 'kB moved'],
              cost.rows.map((row) => [
                row.estimator,
                String(row.samples),
                row.msPerUpdate.toPrecision(3),
                withInterval({
                  value: row.ratio,
                  low: row.ratioInterval.low,
                  high: row.ratioInterval.high,
                }),
                String(row.kernelsPerUpdate),
                (row.flops / 1e6).toPrecision(3),
                (row.bytes / 1e3).toPrecision(3),
              ]),
              `${cost.adapter}: ${cost.settings.distribution}, batch ${cost.settings.batch}, hidden ${cost.settings.hidden.join('-')}; ratio to ${cost.baseline} in the same round, median with an interval for it`,
            ),
          )
          .join('')
      : missing('No cost was given. Measure and include it:', 'divergrad bench --json cost.json'),
    scaling.length > 0
      ? images(scaling)
      : missing('No scaling was given:', 'divergrad bench --scaling all --out scaling'),
  );

const qualitySection = ({ quality }: ReportPage): string =>
  section(
    'quality',
    'Quality of the gradients',
    quality.length > 0
      ? images(quality)
      : missing('No quality was given:', 'divergrad quality --out quality'),
  );

const matrixSection = ({ matrix }: ReportPage): string =>
  section(
    'matrix',
    'Which estimator goes with which distribution',
    table(
      ['estimator', ...matrix.distributions],
      matrix.rows.map((row) => [
        row.name,
        ...matrix.distributions.map((name) =>
          row.cells[name].length === 0 ? '✓' : row.cells[name].join(', '),
        ),
      ]),
      `✓ allowed, else the needs that are missing; actions of ${matrix.actions} coordinate`,
    ),
  );

const makingSection = ({ report, command, date, versions }: ReportPage): string =>
  section(
    'making',
    'How it was made',
    `<dl>${Object.entries({
      command: ['divergrad', ...command].join(' '),
      date,
      ...versions,
      adapters: report.adapters.join('; '),
      'random streams of the runs': `version ${report.streams.join(', ')}`,
      intervals: `95%: of means and differences the wider of t with the bootstrap's standard deviation and the expanded percentile interval, of shares and probabilities the wider of the score interval and the percentile interval; stratified bootstrap over seeds within tasks, ${report.resamples} resamples, seed ${report.seed} (Hesterberg 2015, Newcombe 2006, Agarwal et al. 2021); pointwise, and not corrected for the number of comparisons`,
      'what they hold': coverageText(report),
    })
      .map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`)
      .join('')}</dl>`,
  );

/** The page. Everything that comes from data is escaped. */
export function reportPage(page: ReportPage): string {
  const { report } = page;
  const body = [
    `<h1>${escaped(report.title)}</h1>`,
    `<p class="lead">When the policy update of an off-policy actor-critic is seen as minimising a divergence between the policy and the Boltzmann target, what does the choice of divergence and of gradient estimator cost, and what does it buy?</p>`,
    `<p>${report.runs} finished runs of ${new Set(report.cells.map(({ method }) => method)).size} methods in ${report.environments.length} environments${report.unfinished ? `; <strong>${report.unfinished} runs are not finished and left out</strong>` : ''}.</p>`,
    findingsSection(page),
    learningSection(page),
    scoresSection(page),
    costSection(page),
    qualitySection(page),
    matrixSection(page),
    makingSection(page),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escaped(report.title)}</title>
<style>${style}</style>
</head>
<body><main>
${body.join('\n')}
</main></body>
</html>
`;
}

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2026; --muted: #555b66; --line: #d5d9e0; --shade: #f4f5f8; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181d; --ink: #e7e9ee; --muted: #a3abb8; --line: #353b46; --shade: #1d2128; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); } h3 { font-size: 1.05rem; }
.lead { font-size: 1.1rem; color: var(--muted); }
figure { margin: 1.25rem 0; } figure svg, figure img { max-width: 100%; height: auto; display: block; }
figure img { background: #fff; border-radius: 6px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1.25rem 0; font-size: .86rem; width: 100%; }
caption { text-align: left; color: var(--muted); padding-bottom: .4rem; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; font-variant-numeric: tabular-nums; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 500; white-space: nowrap; } thead th { font-weight: 600; }
.finding { background: var(--shade); border-radius: 8px; padding: .3rem 1.1rem .8rem; margin: 1rem 0; }
.verdict { font-size: .8rem; border: 1px solid currentColor; border-radius: 99px; padding: .1rem .6rem; margin-left: .4rem; white-space: nowrap; }
.missing { color: var(--muted); } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { :root { --paper: #fff; --ink: #000; --muted: #444; --line: #bbb; --shade: #f6f6f6; } main { max-width: none; padding: 0; } figure, .finding, tr { break-inside: avoid; } .wide { overflow: visible; } table { font-size: .7rem; } }
`;
