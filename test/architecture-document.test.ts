// What docs/architecture.md shows is what stands in the sources: the passes, a declaration, and the lines that its walks
// change. test/process/newcomer.test.ts follows the walks.
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../src/program/passes/index.ts';
import { walksOf } from './helpers/walks.ts';

const document = readFileSync('docs/architecture.md', 'utf8');
const walks = walksOf(document);
const section = (title: string): string =>
  document.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';

test('the table of passes is the list of passes', () => {
  const rows = [...section('The passes').matchAll(/^\| (.+) \| (.+) \| (.+) \|$/gm)].slice(2);
  assert.equal(
    rows.map(([, name, reason, when]) => [name, reason, when === 'always']),
    passes.map(({ name, reason, applies }) => [name, reason, applies === undefined]),
  );
});

test('the declaration of a kernel is that of the sources', () => {
  const [, declaration = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(section('What a kernel is')) ?? [];
  assert.match(declaration, /^export const assign = kernel\(/);
  assert.ok(readFileSync('src/kernels/places.ts', 'utf8').includes(declaration), declaration);
});

test('each change of a walk finds its lines once, and each new file is new', () => {
  const changing = walks.filter(({ changes }) => changes.length > 0).map(({ title }) => title);
  assert.equal(changing, [
    'Add a kernel parameter',
    'Add a pass',
    'Add a divergence',
    'Add a distribution',
    'Add an environment',
  ]);
  for (const { title, changes } of walks)
    for (const { file, before } of changes) {
      if (before === undefined) assert.not.ok(existsSync(file), `${title}: ${file}`);
      else
        assert.is(
          readFileSync(file, 'utf8').split(before).length - 1,
          1,
          `${title}: ${file} does not hold once\n${before}`,
        );
    }
});

test('each walk says when it is done', () => {
  for (const { title } of walks.filter((walk) => walk.title.startsWith('Add ')))
    assert.match(section(title), /\bDone when\b|\]\(settings\.md\)/, title);
});

test.run();
