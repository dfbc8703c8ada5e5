// The README is the first minute: short, with a picture and an example, and it leads to everything else.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const text = readFileSync('README.md', 'utf8');

test('it has at most 150 lines, says how to install, and shows one picture and one example', () => {
  assert.ok(text.split('\n').length <= 150);
  for (const words of ['npm install divergrad', 'npx divergrad', 'npm run bench', 'npm test'])
    assert.ok(text.includes(words), words);
  const pictures = [...text.matchAll(/!\[[^\]]{20,}\]\(([^)]+\.svg)\)/g)].map(([, path]) => path);
  assert.is(pictures.length, 1);
  assert.ok(statSync(pictures[0]).size < 20_000);
  assert.is([...text.matchAll(/^```ts$/gm)].length, 1);
});

test('every document is linked from it, or from one that is', () => {
  const reached = new Set<string>(['README.md']);
  for (const file of reached)
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/\]\(([\w./-]+\.md)[#)]/g)) {
      const target = join(dirname(file), path);
      if (existsSync(target)) reached.add(target);
    }
  for (const name of readdirSync('docs').filter((each) => each.endsWith('.md')))
    assert.ok(reached.has(`docs/${name}`), name);
});

test.run();
