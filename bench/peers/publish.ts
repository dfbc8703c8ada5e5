// A run put into the documentation: its JSON, its picture, and its tables in docs/peers.md.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonText } from '../../src/json.ts';
import { peersChart } from './chart.ts';
import { entrantName } from './measure.ts';
import { contestName, type PeersDocument } from './report.ts';
import { digits } from './targets.ts';

/** Where the documentation keeps runs: `docs/peers.md` beside the folder `docs/peers`. */
const page = 'docs/peers.md';
const folder = 'docs/peers';

const marks = (name: string) => ({ begin: `<!-- generated: ${name} -->`, end: `<!-- end: ${name} -->` });
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The tables of a run, in Markdown. */
export function markdownOf({
  command,
  date,
  machine,
  versions,
  contests,
  absent,
  targets,
}: PeersDocument): string {
  const facts = Object.entries(versions).map(([name, value]) => `${name} ${value}`);
  const rows = contests.flatMap((contest) =>
    contest.pairs.map(({ entrant, facts: theirs, medianMs, ownMedianMs, ratio, difference }) => [
      contestName(contest),
      `${entrantName(entrant)} (${theirs.version})`,
      digits(medianMs),
      digits(ownMedianMs),
      `${digits(ratio.value)} [${digits(ratio.low)}, ${digits(ratio.high)}]`,
      difference.toExponential(0),
    ]),
  );
  const missing = [
    ...absent.map(({ contest, reason }) => `${contest}: ${reason}`),
    ...contests.flatMap((contest) =>
      contest.absent.map(
        ({ entrant, reason }) => `${entrantName(entrant)} at ${contestName(contest)}: ${reason}`,
      ),
    ),
  ];
  const judged = targets.filter(({ verdict }) => verdict !== 'not measured');
  return [
    `\`${command}\`, ${date.slice(0, 10)}: ${machine.processor}, ${machine.processors} processors, ${facts.join(', ')}.`,
    ...(machine.load
      ? [`Load before and after: ${machine.load.join(', ')} (the run itself is 1 to 2).`]
      : []),
    ...new Set(contests.map(({ own, facts: ours }) => `Ours on ${own.backend}: ${ours.description}.`)),
    '',
    table(['contest', 'peer', 'ms/update', 'ours', 'times faster', 'difference'], rows),
    ...(missing.length > 0 ? ['', 'Not present:', '', ...missing.map((line) => `- ${line}`)] : []),
    '',
    table(
      ['target', 'measured', 'verdict'],
      judged.map(({ target, measured, verdict }) => [target, measured, verdict]),
    ),
  ].join('\n');
}

/** Replaces the text between a section's marks. @throws Error when the page lacks them */
export function withSection(text: string, name: string, body: string): string {
  const { begin, end } = marks(name);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`${page} has no section '${name}': it needs the lines ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${body}\n\n${text.slice(to)}`;
}

/** Writes `docs/peers/<name>.json`, `docs/peers/<name>.svg` and the section `<name>` of docs/peers.md. */
export async function publish(name: string, report: PeersDocument): Promise<void> {
  const text = withSection(await readFile(page, 'utf8'), name, markdownOf(report));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${jsonText(report, 'The result', { indent: 2 })}\n`);
  await writeFile(join(folder, `${name}.svg`), peersChart(report));
  await writeFile(page, text);
}
