import { distributionFamilies } from '../distributions/registry.ts';
import {
  type Estimator,
  type EstimatorChoice,
  type Label,
  missingNeeds,
  type Need,
  needTitles,
  type Quality,
} from '../divergences/estimator.ts';
import { chooseEstimator, estimatorChoices, estimators } from '../divergences/registry.ts';
import { DataError } from '../errors.ts';
import { settingsMarkdown } from './settings-table.ts';

/** One estimator, or those of its variants that have the same needs, with every distribution. */
export interface MatrixRow {
  /** `divergence/estimator`, with `:a,b` where other variants need something else. */
  readonly name: string;
  /** The choices it stands for. */
  readonly choices: readonly string[];
  readonly needs: readonly Need[];
  /** What is missing, by distribution: nothing where the pair is allowed. */
  readonly cells: Readonly<Record<string, readonly Need[]>>;
}

/** The compatibility of estimators with distributions; plain JSON. */
export interface Matrix {
  readonly kind: 'divergrad-matrix';
  /** Coordinates of an action. */
  readonly actions: number;
  readonly distributions: readonly string[];
  /** One line for people on each need. */
  readonly needs: Readonly<Record<Need, string>>;
  readonly rows: readonly MatrixRow[];
}

/**
 * Every estimator with every distribution.
 * @param actions coordinates of an action: expectations over a box are exact for few only
 */
export function compatibilityMatrix(actions = 1): Matrix {
  const rows = estimators.flatMap((estimator) => {
    const choices = estimatorChoices().filter((choice) => choice.estimator === estimator);
    const groups = new Map<string, EstimatorChoice[]>();
    for (const choice of choices) {
      const key = [...choice.needs].sort().join();
      groups.set(key, [...(groups.get(key) ?? []), choice]);
    }
    return [...groups.values()].map((group): MatrixRow => {
      const { needs } = group[0];
      const variants = group.map(({ variant }) => variant).join();
      return {
        name: groups.size > 1 ? `${estimator.name}:${variants}` : estimator.name,
        choices: group.map(({ name }) => name),
        needs,
        cells: Object.fromEntries(
          distributionFamilies.map((family) => [family.name, missingNeeds(needs, family, actions)]),
        ),
      };
    });
  });
  const distributions = distributionFamilies.map(({ name }) => name);
  return { kind: 'divergrad-matrix', actions, distributions, needs: needTitles, rows };
}

/** Cells by their outcome, a variant each: what tests must cover. */
export function countCells({ rows }: Matrix): { allowed: number; refused: number } {
  const counts = { allowed: 0, refused: 0 };
  for (const { choices, cells } of rows)
    for (const missing of Object.values(cells))
      counts[missing.length === 0 ? 'allowed' : 'refused'] += choices.length;
  return counts;
}

/** What a need is called in a cell: capitals for what a distribution lacks, small letters for the learner's part. */
const letters: Readonly<Record<Need, string>> = {
  logProb: 'D',
  rsample: 'R',
  noise: 'S',
  criticGradient: 'G',
  enumerable: 'E',
  finiteChoices: 'F',
  bounded: 'B',
  boxActions: 'V',
  diagonalGaussian: 'N',
  behaviour: 'b',
  reference: 'r',
  replayedActions: 'a',
  storedDensity: 'X',
  value: 'v',
};
const companions: readonly Need[] = ['behaviour', 'reference', 'replayedActions', 'value'];

const letter = (need: Need): string => letters[need];
const allowedMark = '✓';

/** Column headings: three letters of a single word, initials of several. */
export function shortNames(names: readonly string[]): string[] {
  const short: string[] = [];
  for (const name of names) {
    const parts = name.split('-');
    const initials = parts.length > 1 ? parts.map((part) => part[0]).join('') : name.slice(0, 3);
    short.push(short.includes(initials) ? `${initials}${short.length + 1}` : initials);
  }
  return short;
}

/** Heads and cells of the matrix as text, with what a reader must know to read it. */
function cellsOf({ distributions, rows }: Matrix): { heads: string[]; lines: string[][]; used: Need[] } {
  const lines = rows.map(({ name, needs, cells }) => [
    name,
    ...distributions.map((distribution) => cells[distribution].map(letter).join('') || allowedMark),
    needs
      .filter((need) => companions.includes(need))
      .map(letter)
      .join(''),
  ]);
  const text = lines.flatMap((line) => line.slice(1)).join('');
  const used = (Object.keys(letters) as Need[]).filter((need) => text.includes(letter(need)));
  return { heads: ['estimator', ...shortNames(distributions), 'with'], lines, used };
}

const sentence = (actions: number): string =>
  `${allowedMark} allowed, else what is missing; actions of ${actions} ${actions === 1 ? 'coordinate' : 'coordinates'}.`;

/** Columns of a terminal that text may take. */
const textWidth = 110;

/** The matrix for a terminal, with its legend. */
export function matrixText(matrix: Matrix): string {
  const { heads, lines, used } = cellsOf(matrix);
  const widths = heads.map((head, i) => Math.max(head.length, ...lines.map((line) => line[i].length)));
  const row = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  const columns = shortNames(matrix.distributions).map((short, i) => `${short}: ${matrix.distributions[i]}`);
  const needs = used.map((need) =>
    wrap(matrix.needs[need].split(' '), textWidth - 5).map(
      (line, i) => `  ${i ? ' ' : letter(need)}  ${line}`,
    ),
  );
  return [
    row(heads),
    ...lines.map(row),
    '',
    sentence(matrix.actions),
    ...wrap(columns.join(', ').split(/(?<=,) /), textWidth - 2).map((line) => `  ${line}`),
    ...needs.flat(),
    'Small letters, under "with": what the learner keeps beside the policy for the estimator.',
  ].join('\n');
}

/** The matrix as Markdown, with its legend. */
export function matrixMarkdown(matrix: Matrix): string {
  const { heads, lines, used } = cellsOf(matrix);
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const columns = shortNames(matrix.distributions).map(
    (short, i) => `${short} \`${matrix.distributions[i]}\``,
  );
  return [
    row(heads),
    row(heads.map((_, i) => (i === 0 ? '---' : ':-:'))),
    ...lines.map(([name, ...cells]) => row([`\`${name}\``, ...cells])),
    '',
    `${sentence(matrix.actions)} Columns: ${columns.join(', ')}.`,
    '',
    ...used.map((need) => `- **${letter(need)}** ${matrix.needs[need]}`),
    '',
    'Small letters, under “with”: what the learner keeps beside the policy for the estimator.',
  ].join('\n');
}

/** Pieces joined by spaces and broken into lines of at most `width` characters. */
export function wrap(pieces: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    const current = lines.at(-1);
    if (current !== undefined && current.length + 1 + piece.length <= width) {
      lines[lines.length - 1] = `${current} ${piece}`;
    } else lines.push(piece);
  }
  return lines;
}

/** Every estimator with its variants, for a command's help. */
export function estimatorHelp(): string {
  const names = estimators.map(({ name, variants }) =>
    variants.length > 0 ? `${name}[:${variants.map((variant) => variant.name).join('|')}]` : name,
  );
  const lines = wrap(names.join(', ').split(/(?<=,) /), 78).map((line) => `  ${line}`);
  return ['', 'Estimators, with their variants (the first by default):', ...lines].join('\n');
}

const qualities: Readonly<Record<Quality, string>> = {
  exact: 'exact',
  unbiased: 'unbiased with any K',
  consistent: 'consistent as K → ∞',
  'own-objective': 'own objective',
};

/** A label as text: how closely the mean gradient follows what, and by which formula. */
export function labelText({ quality, follows, bias }: Label): string {
  const off = bias ? ` with a bias of ${bias}` : '';
  return `${qualities[quality]}${off}: ${follows.name}, \`${follows.formula}\``;
}

/** A section for each estimator: what it computes, how good that is, and what it needs. */
export function estimatorsMarkdown(): string {
  return estimators.map(section).join('\n\n');
}

function section(estimator: Estimator): string {
  const { name, title, formula, source, quality, needs, variants, defaultSamples, minimumSamples } =
    estimator;
  const list = (own: readonly Need[]) => own.map((need) => needTitles[need]).join('; ');
  const least = minimumSamples > 1 ? `, at least ${minimumSamples}` : '';
  const lines = [
    `## ${name}`,
    '',
    `${title}.`,
    '',
    `- Formula: \`${formula}\``,
    `- Source: ${source}`,
    `- Gradient: ${labelText(estimator)}`,
    `- Needs: ${list(needs)}`,
    ...(variants.length > 0 ? ['- Variants, the first by default:'] : []),
    ...variants.map((variant) => {
      const parts = [
        variant.title,
        ...(variant.quality ? [labelText(chooseEstimator(`${name}:${variant.name}`))] : []),
        ...((variant.minimumSamples ?? 1) > minimumSamples
          ? [`at least ${variant.minimumSamples} samples`]
          : []),
        ...(variant.needs.length > 0 ? [`needs ${list(variant.needs)}`] : []),
      ];
      return `  - \`${variant.name}\`: ${parts.join('; ')}`;
    }),
    `- Samples for each state: ${quality === 'exact' ? 'none' : `${defaultSamples} by default${least}`}`,
  ];
  return lines.join('\n');
}

/** The generated parts of documents, by the names in their markers. */
const parts: Readonly<Record<string, () => string>> = {
  matrix: () => matrixMarkdown(compatibilityMatrix()),
  estimators: estimatorsMarkdown,
  settings: settingsMarkdown,
};

/**
 * A document with every generated part renewed: what stands between `<!-- generated: NAME -->` and
 * `<!-- end: NAME -->`.
 *
 * @param file its name, for errors
 * @throws DataError when it has no such part, or an unknown or unfinished one
 */
export function renewDocument(text: string, file: string): string {
  const openings = text.match(/<!-- generated: .*? -->/g)?.length ?? 0;
  if (openings === 0) {
    throw new DataError(`'${file}' has no generated part.`, {
      hint: `Put <!-- generated: NAME --> and <!-- end: NAME --> around it, with NAME one of ${Object.keys(parts).join(', ')}.`,
    });
  }
  let renewed = 0;
  const result = text.replace(
    /(<!-- generated: (\S+) -->\n)[\s\S]*?(<!-- end: \2 -->)/g,
    (_whole, begin: string, name: string, end: string) => {
      if (!Object.hasOwn(parts, name)) throw new DataError(`'${file}' asks for an unknown part '${name}'.`);
      renewed++;
      return `${begin}\n${parts[name]()}\n\n${end}`;
    },
  );
  if (renewed !== openings) throw new DataError(`'${file}' has a generated part without its end.`);
  return result;
}
