// What a release says of itself agrees, and what the package holds of others is named with its licence.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Bundle {
  readonly out: string;
}
interface Metafile {
  readonly inputs: Readonly<Record<string, unknown>>;
}
const load = (file: string) => import(pathToFileURL(join(process.cwd(), file)).href);
const { bundles } = (await load('build.mjs')) as { bundles: readonly Bundle[] };
const { metafilesOf, noticesText, packagesIn } = (await load('release/notices.mjs')) as {
  metafilesOf(root: string, bundles: readonly Bundle[]): Promise<readonly Metafile[]>;
  packagesIn(metafiles: readonly Metafile[]): readonly string[];
  noticesText(root: string, folders: readonly string[]): string;
};
const { problemsOf, withAbsoluteLinks } = (await load('release/release.mjs')) as {
  problemsOf(root: string): { readonly problems: readonly string[]; readonly unknown: boolean };
  withAbsoluteLinks(text: string, url: string, at: string): string;
};

test('every package in the command line is in the notices, by version and with the text of its licence', async () => {
  const published = bundles.filter(({ out }) => ['dist/cli.js', 'dist/environment-worker.js'].includes(out));
  assert.is(published.length, 2);
  const metafiles = await metafilesOf(process.cwd(), published);
  const folders = new Set(
    metafiles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .filter((file) => file.includes('node_modules/'))
      .map((file) => {
        const parts = file.split('/');
        const at = parts.lastIndexOf('node_modules') + 1;
        return parts.slice(0, at + (parts[at].startsWith('@') ? 2 : 1)).join('/');
      }),
  );
  assert.ok(folders.size > 40, `${folders.size} packages`);
  const text = noticesText(process.cwd(), packagesIn(metafiles));
  for (const folder of [...folders, 'node_modules/assemblyscript']) {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    assert.ok(text.includes(`\n${name} ${version} (`), `${name} ${version}`);
    for (const file of readdirSync(folder).filter((each) => /^licen[cs]e(\.(md|txt))?$/i.test(each)))
      assert.ok(text.includes(readFileSync(join(folder, file), 'utf8').trim()), `${folder}/${file}`);
  }
});

test('the library holds no package of others', async () => {
  const [library] = await metafilesOf(
    process.cwd(),
    bundles
      .filter(({ out }) => out === 'dist/index.js')
      .map((bundle) => ({
        ...bundle,
        options: { ...(bundle as { options?: object }).options, splitting: true },
      })),
  );
  assert.equal(
    Object.keys(library.inputs).filter((file) => file.includes('node_modules')),
    [],
  );
});

test('version and repository are the same wherever they stand', () => {
  assert.equal(problemsOf(process.cwd()).problems, []);
});

test('each place that disagrees is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'divergrad-release-'));
  try {
    const files = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'CITATION.cff'];
    for (const file of files) cpSync(file, join(folder, file));
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
    manifest.version = '9.8.7';
    manifest.bugs = { url: 'https://example.org/issues' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const { problems } = problemsOf(folder);
    assert.is(problems.length, 4, problems.join('\n'));
    for (const file of files)
      assert.ok(
        problems.some((problem) => problem.startsWith(file)),
        file,
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('links and pictures become absolute; others stay', () => {
  const at = (text: string): string => withAbsoluteLinks(text, 'https://github.com/a/b', 'v1.2.3');
  assert.is(at('[x](docs/a.md#b)'), '[x](https://github.com/a/b/blob/v1.2.3/docs/a.md#b)');
  assert.is(
    at('![x](docs/p.svg "title")'),
    '![x](https://raw.githubusercontent.com/a/b/v1.2.3/docs/p.svg "title")',
  );
  assert.is(
    at('<img src="docs/p.png">'),
    '<img src="https://raw.githubusercontent.com/a/b/v1.2.3/docs/p.png">',
  );
  for (const same of ['[x](#here)', '[x](https://example.org/a.md)', '<a href="mailto:a@example.org">'])
    assert.is(at(same), same);
  const readme = at(readFileSync('README.md', 'utf8'));
  const relative = [...readme.matchAll(/\]\((?!\w+:|#)[^)]*\)/g)].map(([link]) => link);
  assert.equal(relative, []);
});

test.run();
