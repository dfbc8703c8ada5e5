// What the documents tell people to type, open and read exists and means what it says.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { walksOf } from '../helpers/walks.ts';

interface Suite {
  readonly tier: 'test' | 'all';
  readonly proves: string;
  readonly minutes: number;
}
interface Options {
  readonly only: string;
  readonly test: string;
  readonly [name: string]: unknown;
}
const load = (file: string) => import(pathToFileURL(join(process.cwd(), file)).href);
const { suites } = (await load('test/suites.mjs')) as { suites: Record<string, Suite> };
const { parse } = (await load('test/runner/arguments.mjs')) as { parse(argv: string[]): Options };
const { chosenFiles } = (await load('test/runner/select.mjs')) as {
  chosenFiles(options: Options): { readonly file: string }[];
};

const page = readFileSync('CONTRIBUTING.md', 'utf8');
/** Every document that people write, by its path. */
const documents = new Map(
  [
    'README.md',
    'CONTRIBUTING.md',
    ...['docs', 'docs/guide'].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`),
    ),
  ].map((path): [string, string] => [path, readFileSync(path, 'utf8')]),
);
/** Files that a newcomer is shown how to write. */
const shown = new Set(
  [...documents.values()].flatMap((text) =>
    walksOf(text).flatMap(({ changes }) =>
      changes.filter(({ before }) => before === undefined).map(({ file }) => file),
    ),
  ),
);
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const build = readFileSync('build.mjs', 'utf8');

test('the table of suites is that of test/suites.mjs', () => {
  const rows = [...page.matchAll(/^\| `([\w-]+)` \| `([^`]+)` \| (.+) \|$/gm)].map(([, ...row]) => row);
  assert.equal(
    rows,
    Object.entries(suites).map(([name, { tier, proves }]) => [
      name,
      tier === 'test' ? 'npm test' : 'npm run test:all',
      proves,
    ]),
  );
});

test('every npm script and command of build.mjs that the documents name exists', () => {
  for (const [file, text] of documents) {
    for (const [, name] of text.matchAll(/npm run ([\w:]+)/g))
      assert.ok(name in scripts, `${file}: npm run ${name}`);
    for (const [, name] of text.matchAll(/node build\.mjs ([\w:]+)/g))
      assert.match(
        build,
        new RegExp(`^ {2}(async )?'?${name}'?[(:]`, 'm'),
        `${file}: node build.mjs ${name}`,
      );
  }
});

test('every command and option of the command line that the documents name exists', () => {
  const sources = ['src/cli', 'src/study/runs', 'bench']
    .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  let seen = 0;
  for (const [file, text] of documents)
    for (const [, command, rest] of text.matchAll(/\bdivergrad (?:-- )?([a-z]+)\b([^\n`|]*)/g)) {
      const isCommand = sources.includes(`command('${command}`);
      const options = [...rest.matchAll(/(?<= )--[a-z][\w-]*/g)].map(([option]) => option);
      if (!isCommand && options.length === 0) continue; // a sentence
      seen++;
      assert.ok(isCommand, `${file}: divergrad ${command}`);
      for (const option of options)
        assert.ok(sources.includes(option), `${file}: divergrad ${command} ${option}`);
    }
  assert.ok(seen > 10, `${seen} commands`);
});

test('every selection of tests that the documents show is understood, and selects something', () => {
  const lines = [...documents.values()].flatMap((text) =>
    [...text.matchAll(/npm test -- ([^\n`#]+)/g)].map(([, args]) => args.trim().split(/\s+/)),
  );
  assert.ok(lines.length >= 6);
  for (const args of lines) {
    // --help and --list print and exit, so they are not given to the parser here.
    const options = parse(args.filter((argument) => argument !== '--help'));
    const files = chosenFiles(options);
    assert.ok(files.length > 0, args.join(' '));
    const named = files.filter(({ file }) => readFileSync(file, 'utf8').includes(options.test));
    assert.ok(named.length > 0, `no test has the name in ${args.join(' ')}`);
  }
});

test('every path that the documents name exists', () => {
  /** Tests are named without their endings, `test/rl/resume`. */
  const isTest = (path: string): boolean =>
    path.startsWith('test/') &&
    existsSync(dirname(path)) &&
    readdirSync(dirname(path)).some((name) => name.startsWith(`${basename(path)}.`));
  let seen = 0;
  for (const [file, text] of documents)
    for (const [, path] of text.matchAll(/`((?:test|src|bench|docs|shaders|web|\.ci)(?:\/[\w./-]*)?)`/g)) {
      seen++;
      assert.ok(existsSync(path) || shown.has(path) || isTest(path), `${file}: ${path}`);
    }
  assert.ok(seen > 60, `${seen} paths`);
});

test('every link of the documents leads to a file, and to a heading in it', () => {
  const anchors = (path: string): string[] =>
    [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
  for (const [file, text] of documents)
    for (const [, to, anchor] of text.matchAll(/\]\((?!\w+:)([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const path = to === '' ? file : join(dirname(file), to);
      assert.ok(existsSync(path), `${file}: ${to}`);
      if (anchor) assert.ok(anchors(path).includes(anchor), `${file}: ${to}#${anchor}`);
    }
});

test.run();
