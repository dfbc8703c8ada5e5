// The compatibility matrix as data, text and Markdown, and the documents that are generated from the registry.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds, needTitles } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices, estimators } from '../../src/divergences/registry.ts';
import { DataError } from '../../src/errors.ts';
import {
  compatibilityMatrix,
  countCells,
  estimatorHelp,
  matrixMarkdown,
  matrixText,
  renewDocument,
  shortNames,
  wrap,
} from '../../src/report/matrix.ts';

test('every estimator, variant and distribution has its cell, and a row stands for equal needs', () => {
  const { rows, distributions } = compatibilityMatrix();
  assert.equal(
    rows.flatMap(({ choices }) => choices).sort(),
    estimatorChoices()
      .map(({ name }) => name)
      .sort(),
  );
  assert.equal(
    distributions,
    distributionFamilies.map(({ name }) => name),
  );
  for (const { choices, cells } of rows) {
    for (const choice of choices) {
      for (const name of distributions)
        assert.equal(
          cells[name],
          missingNeeds(chooseEstimator(choice).needs, distributionFamily(name)),
          choice,
        );
    }
  }
});

test('cells that the mathematics decides', () => {
  const { rows } = compatibilityMatrix();
  const cell = (row: string, distribution: string) =>
    rows.find(({ name }) => name === row)?.cells[distribution];
  assert.equal(cell('reverse-kl/pathwise', 'tanh-gaussian'), []);
  assert.equal(cell('reverse-kl/pathwise', 'gaussian-mixture'), ['rsample']);
  assert.equal(cell('reverse-kl/pathwise', 'categorical'), ['rsample', 'criticGradient']);
  assert.equal(cell('reverse-kl/exact', 'gaussian'), ['enumerable']);
  assert.equal(cell('chi2/exact', 'beta'), ['finiteChoices']);
  assert.equal(cell('forward-kl/snis:uniform,mixture', 'laplace'), ['bounded']);
  assert.equal(cell('mpo/decoupled', 'student-t'), ['diagonalGaussian']);
  assert.equal(cell('dpg/pathwise', 'deterministic'), []);
});

test('a box of three coordinates is beyond quadrature; choices are not', () => {
  const exact = (actions: number) =>
    compatibilityMatrix(actions).rows.find(({ name }) => name === 'reverse-kl/exact')?.cells ?? {};
  assert.equal(exact(2)['tanh-gaussian'], []);
  assert.equal(exact(3)['tanh-gaussian'], ['enumerable']);
  assert.equal(exact(3).categorical, []);
  assert.ok(countCells(compatibilityMatrix(3)).refused > countCells(compatibilityMatrix(2)).refused);
});

test('the table fits a terminal and explains every letter in it', () => {
  const matrix = compatibilityMatrix(3);
  const lines = matrixText(matrix).split('\n');
  for (const line of lines) assert.ok(line.length <= 110, `${line.length}: ${line}`);
  const end = lines.indexOf('');
  const cells = lines.slice(1, end).flatMap((line) => line.slice(line.indexOf(' ')).split(/\s+/));
  const used = new Set(cells.join('').replaceAll('✓', ''));
  const explained = new Set(lines.slice(end).flatMap((line) => /^ {2}(\w) {2}/.exec(line)?.[1] ?? []));
  assert.equal([...used].sort(), [...explained].sort());
  assert.is(end - 1, matrix.rows.length);
});

test('short headings are distinct, whatever distributions are added', () => {
  const names = [...distributionFamilies.map(({ name }) => name), 'gauge', 'gaucho', 'tall-gable'];
  const short = shortNames(names);
  assert.is(new Set(short).size, names.length, short.join());
  assert.ok(short.every((name) => name.length <= 5));
});

test('Markdown has a row for each row and as many cells in each', () => {
  const matrix = compatibilityMatrix();
  const rows = matrixMarkdown(matrix)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  assert.is(rows.length, matrix.rows.length + 2);
  for (const row of rows) assert.is(row.split('|').length, distributionFamilies.length + 4, row);
});

test('lines are broken between pieces', () => {
  assert.equal(wrap(['ab', 'cd', 'efgh', 'i'], 5), ['ab cd', 'efgh', 'i']);
  assert.equal(wrap([], 5), []);
});

for (const file of ['docs/matrix.md', 'docs/estimators.md', 'docs/settings.md']) {
  test(`${file}: its generated parts are up to date`, () => {
    const text = readFileSync(file, 'utf8');
    assert.ok(renewDocument(text, file) === text, `run: npm run divergrad -- matrix --write ${file}`);
  });
}

test('docs/estimators.md and the help name every estimator, and the document every need', () => {
  const document = readFileSync('docs/estimators.md', 'utf8');
  const help = estimatorHelp();
  for (const { name, formula, source, needs, variants } of estimators) {
    const section = new RegExp(`^## ${name}\n[\\s\\S]*?(?=^## |^<!-- end)`, 'm').exec(document)?.[0] ?? '';
    for (const part of [formula, source, ...needs.map((need) => needTitles[need])])
      assert.ok(section.includes(part), `${name}: ${part}`);
    for (const variant of variants)
      assert.ok(section.includes(`\`${variant.name}\`: ${variant.title}`), name);
    assert.ok(help.includes(name), name);
  }
});

test('a stale part is seen and renewed; a missing, unknown or open one is an error', () => {
  const text = 'a\n<!-- generated: matrix -->\nold\n<!-- end: matrix -->\nb\n';
  const renewed = renewDocument(text, 'x.md');
  assert.not.match(renewed, /^old$/m);
  assert.ok(
    renewed.startsWith('a\n<!-- generated: matrix -->\n') && renewed.endsWith('<!-- end: matrix -->\nb\n'),
  );
  assert.is(renewDocument(renewed, 'x.md'), renewed);
  const fails = (body: string, pattern: RegExp) =>
    assert.throws(
      () => renewDocument(body, 'x.md'),
      (error: Error) => error instanceof DataError && pattern.test(error.message),
    );
  fails('nothing here', /no generated part/);
  fails('<!-- generated: weather -->\n<!-- end: weather -->', /unknown part 'weather'/);
  fails('<!-- generated: matrix -->\n', /without its end/);
});

test.run();
