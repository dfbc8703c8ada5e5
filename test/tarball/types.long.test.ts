// What is packed, by those who look at packages from outside: compilers, linters of packages, scales.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ended, run } from '../helpers/process.ts';
import { budgets, rows, tableText } from './rows.ts';
import { installed, row, succeeds, tarball, tool } from './setting.ts';

const folder = await installed();
const bytes = readFileSync(tarball);

/** Compiles a file of the folder with no types but the package's own. */
async function compile(file: string, options: Record<string, unknown>): Promise<Ended> {
  const config = {
    compilerOptions: {
      ...{ target: 'es2022', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ noEmit: true, skipLibCheck: false, types: [], ...options },
    },
    files: [file],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  return run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: folder });
}
const clean = ({ code, stdout }: Ended): void => assert.is(code, 0, stdout);

row('nodenext', async () => clean(await compile('program.ts', { module: 'nodenext' })));

row('bundlerTypes', async () =>
  clean(await compile('program.ts', { module: 'esnext', moduleResolution: 'bundler' })),
);

row('cjsTypes', async () => {
  writeFileSync(
    join(folder, 'program.cts'),
    "import { type OpenOptions, version } from 'divergrad';\nexport const options: OpenOptions = { backend: 'wasm' };\nexport const text: string = version;\n",
  );
  clean(await compile('program.cts', { module: 'nodenext' }));
});

row('wrongTypes', async () => {
  writeFileSync(
    join(folder, 'wrong.ts'),
    "import { open } from 'divergrad';\nexport const device = open({ backend: 'gpu' });\n",
  );
  const { code, stdout } = await compile('wrong.ts', { module: 'nodenext' });
  assert.is(code, 2);
  assert.match(stdout, /wrong\.ts\(2,\d+\): error TS2322: Type '"gpu"' is not assignable/);
});

row('publint', async () => {
  const { publint } = await import(pathToFileURL(tool('publint/src/index-node.js')).href);
  const { formatMessage } = await import(pathToFileURL(tool('publint/src/utils.js')).href);
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
  const found = messages.filter(({ type }: { type: string }) => type !== 'suggestion');
  assert.equal(
    found.map((message: unknown) => formatMessage(message, pkg)),
    [],
  );
});

row('attw', async () => {
  const { checkPackage, createPackageFromTarballData } = await import(
    pathToFileURL(tool('@arethetypeswrong/core/dist/index.js')).href
  );
  const { types, problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(bytes)));
  assert.is(types.kind, 'included');
  const kinds = problems.map(
    ({ kind, resolutionKind }: { kind: string; resolutionKind: string }) => `${kind} ${resolutionKind}`,
  );
  assert.equal(kinds, ['CJSResolvesToESM node16-cjs']);
});

row('contents', async () => {
  const inside = (file: string) => readFileSync(join(folder, 'node_modules/divergrad', file), 'utf8');
  const { stdout } = await succeeds('tar', ['-tzf', tarball]);
  const files = stdout.trim().split('\n');
  const unwanted = files.filter((file) => /\.map$|(?<!\.d)\.ts$|^package\/(test|web|src|bench)\//.test(file));
  assert.equal(unwanted, []);
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md', 'CITATION.cff', 'dist/THIRD-PARTY-NOTICES.txt'])
    assert.ok(files.includes(`package/${file}`), file);
  assert.match(inside('dist/THIRD-PARTY-NOTICES.txt'), /\nd3-array \d.*Copyright.*\nyaml \d/s);
  assert.not.match(inside('README.md'), /\]\((?!\w+:|#)/);
  const manifest = JSON.parse(inside('package.json'));
  for (const key of ['scripts', 'devDependencies', 'dependencies']) assert.not.ok(key in manifest, key);
  for (const key of ['repository', 'homepage', 'bugs', 'keywords', 'license', 'engines'])
    assert.ok(key in manifest, key);
});

/** Bytes that a program loads at once: its entry and what that imports, minified, each gzipped. */
async function loadedBytes(imports: string, splitting: boolean): Promise<number> {
  const esbuild = await import('esbuild');
  const names = imports.split(', ');
  const { metafile, outputFiles } = await esbuild.build({
    stdin: {
      contents: `import { ${imports} } from 'divergrad';\nconsole.log(${names});`,
      resolveDir: folder,
      sourcefile: 'entry.js',
    },
    ...{
      bundle: true,
      format: 'esm',
      platform: 'browser',
      minify: true,
      splitting,
      write: false,
      metafile: true,
    },
    ...{ outdir: join(folder, 'out'), absWorkingDir: folder, logLevel: 'warning' },
  });
  const { outputs } = metafile;
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const { path, kind, external } of outputs[file].imports)
      if (kind === 'import-statement' && !external) visit(path);
  };
  visit(Object.keys(outputs).find((file) => outputs[file].entryPoint === 'entry.js') ?? '');
  return outputFiles
    .filter(({ path }) => loaded.has(path.slice(folder.length + 1)))
    .reduce((total, { contents }) => total + gzipSync(contents).length, 0);
}

row('sizes', async () => {
  const { stdout } = await succeeds('tar', ['-tvzf', tarball]);
  const sizes = {
    version: await loadedBytes('version', false),
    'mlp, adam, open': await loadedBytes('mlp, adam, open', true),
    packed: bytes.length,
    unpacked: stdout
      .trim()
      .split('\n')
      .reduce((total, line) => total + Number(line.split(/\s+/)[2]), 0),
  };
  for (const [what, budget] of Object.entries(budgets)) {
    const size = sizes[what as keyof typeof budgets];
    assert.ok(size > 0 && size <= budget, `${what}: ${size} bytes, allowed ${budget}`);
  }
  console.log(`sizes in bytes: ${JSON.stringify(sizes)}`);
});

test('docs/runtimes.md holds the table of rows.ts', () => {
  assert.ok(Object.keys(rows).length > 20);
  assert.ok(readFileSync('docs/runtimes.md', 'utf8').includes(tableText()), tableText());
});

test.run();
