// What CONTRIBUTING.md tells a newcomer to type exists and means what it says.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

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
const readme = readFileSync('README.md', 'utf8');
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

test('every npm script and command of build.mjs that the pages name exists', () => {
  for (const text of [page, readme]) {
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name);
    assert.ok(named.length > 0);
    for (const name of named) assert.ok(name in scripts, `npm run ${name}`);
    for (const [, name] of text.matchAll(/node build\.mjs ([\w:]+)/g))
      assert.match(build, new RegExp(`^ {2}(async )?'?${name}'?[(:]`, 'm'), `node build.mjs ${name}`);
  }
});

test('every selection of tests that the page shows is understood, and selects something', () => {
  const lines = [...page.matchAll(/npm test -- ([^\n`#]+)/g)].map(([, args]) => args.trim().split(/\s+/));
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

test('every path that the page names exists', () => {
  for (const [, path] of page.matchAll(/`((?:test|src|bench|docs)\/[\w./-]+)`/g))
    assert.ok(existsSync(path), path);
});

test.run();
