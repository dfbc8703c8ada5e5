// The site has every page in its navigation and every example in its guide; what is generated is up to date.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cliPage } from '../../docs/site/cli-page.ts';
import * as library from '../../src/index.ts';
import { nodeExamples, pageExamples } from '../helpers/examples.ts';

const load = (file: string) => import(pathToFileURL(join(process.cwd(), file)).href);
const { sections, others, generated } = (await load('docs/site/pages.mjs')) as {
  sections: readonly { readonly title: string; readonly pages: readonly [page: string, title: string][] }[];
  others: readonly [page: string, title: string][];
  generated: readonly string[];
};
const { deadLinks } = (await load('docs/site/dead-links.mjs')) as { deadLinks(folder: string): string[] };

/** Folders of docs/ that hold no pages that people write. */
const apart = ['docs/site', 'docs/public', 'docs/reference', 'docs/node_modules', 'docs/.vitepress'];
function* filesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) yield file;
    else if (!apart.includes(file)) yield* filesIn(file);
  }
}
const pages = [...filesIn('docs')].filter((file) => file.endsWith('.md'));
const guide = pages.filter((file) => file.startsWith('docs/guide/'));

test('every page is in the navigation once, and every entry of it is a page', () => {
  const listed = [...sections.flatMap((section) => section.pages), ...others].map(([page]) => page);
  assert.equal(
    listed.filter((page) => !generated.some((start) => page.startsWith(start))).sort(),
    pages.map((file) => file.slice('docs/'.length, -'.md'.length)).sort(),
  );
});

test('every page but the first and the embedded one has one title', () => {
  for (const file of pages.filter((name) => !['docs/index.md', 'docs/page.md'].includes(name))) {
    const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    assert.is(text.match(/^# /gm)?.length, 1, file);
  }
});

test('every example is run by a test and included by a page of the guide, and the guide includes no other file', () => {
  const included = guide.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^<<< ([^#{\n]+?)(?:[#{].*)?$/gm)].map(([, path]) =>
      relative('.', join(dirname(file), path)),
    ),
  );
  const there = [...filesIn('examples')].filter((file) => /\.(ts|html)$/.test(file));
  assert.ok(there.length >= 10, `${there.length} examples`);
  assert.equal([...new Set(included)].sort(), there.sort());
  assert.equal([...nodeExamples, ...pageExamples].map(({ file }) => file).sort(), there.sort());
});

test('a part of an example that is shown has its marks there', () => {
  for (const file of guide)
    for (const [, path, region] of readFileSync(file, 'utf8').matchAll(/^<<< ([^#{\n]+)#([\w-]+)/gm)) {
      const text = readFileSync(join(dirname(file), path), 'utf8');
      assert.match(text, new RegExp(`^\\s*// #region ${region}$`, 'm'), `${file}: ${region}`);
      assert.match(text, new RegExp(`^\\s*// #endregion ${region}$`, 'm'), `${file}: ${region}`);
    }
});

test('examples import the package by its name and modules of Node, and throw when their result is wrong', () => {
  for (const { file } of nodeExamples) {
    const text = readFileSync(file, 'utf8');
    for (const [, from] of text.matchAll(/from '([^']+)'/g))
      assert.match(from, /^(divergrad(\/[\w-]+)?|node:[\w/]+)$/, `${file}: ${from}`);
    assert.match(text, /throw new Error\(/, `${file} judges nothing`);
    assert.match(text, /console\.log\(/, `${file} prints nothing`);
  }
});

test("the README's example is examples/readme.ts, but for its check", () => {
  const [, block = ''] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
  const file = readFileSync('examples/readme.ts', 'utf8').replace(
    /^ *\/\/ #region check\n[\s\S]*?\/\/ #endregion check\n/gm,
    '',
  );
  /** Without what a formatter decides. */
  const bare = (text: string): string => text.replace(/\s+/g, '').replace(/,(?=[\])}])/g, '');
  assert.is(bare(file), bare(block));
});

test('docs/cli.md is what the commands print for --help: `node build.mjs docs --cli` writes it anew', () => {
  assert.is(readFileSync('docs/cli.md', 'utf8'), cliPage());
  assert.match(cliPage(), /^## train\n\n```text\nUsage: divergrad train /m);
});

test('the guide names what the library has', () => {
  // Of a random stream.
  const members = new Set(Object.getOwnPropertyNames(library.PhiloxStream.prototype));
  const names = new Set(Object.keys(library));
  for (const file of guide) {
    const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    for (const [, name] of text.matchAll(/`([a-z]\w+)\(/gi)) {
      if (members.has(name)) continue;
      assert.ok(names.has(name), `${file}: ${name}()`);
    }
  }
});

test('links of a built site that lead nowhere are found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-site-'));
  try {
    mkdirSync(join(folder, 'guide'));
    writeFileSync(join(folder, 'index.html'), '<h1 id="a">A</h1><a href="/guide/">g</a><a href="#a">a</a>');
    writeFileSync(
      join(folder, 'guide/index.html'),
      '<a href="../index.html#a">1</a><a href="https://x.org/y">2</a><a class="b" href="../index.html#b">3</a><img src="no.png">',
    );
    assert.equal(deadLinks(folder), ['guide/index.html: ../index.html#b', 'guide/index.html: no.png']);
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.ok(existsSync('docs/package-lock.json'));
});

test.run();
