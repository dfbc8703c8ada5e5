// A release up to the step that publishes: checks, the folder that is packed, the file.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** What stands for an account that is not known yet. */
export const placeholder = 'OWNER';

/** `https://github.com/…` of a manifest's repository. */
const repositoryOf = ({ repository }) => repository.url.replace(/^git\+/, '').replace(/\.git$/, '');

/** What keeps this tree from being released: sentences; those about placeholders apart. */
export function problemsOf(root) {
  const manifest = readJson(join(root, 'package.json'));
  const { version } = manifest;
  const read = (file) => readFileSync(join(root, file), 'utf8');
  const url = repositoryOf(manifest);
  const problems = [];
  const require = (holds, problem) => holds || problems.push(problem);
  require(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version), `package.json: '${version}' is no version`);
  require(readJson(join(root, 'package-lock.json')).version ===
    version, `package-lock.json is not of ${version}`);
  require(read('CHANGELOG.md').includes(`\n## ${version}\n`), `CHANGELOG.md has no heading '## ${version}'`);
  require(read('CITATION.cff').includes(`\nversion: ${version}\n`), `CITATION.cff is not of ${version}`);
  require(read('CITATION.cff').includes(`\nrepository-code: ${url}\n`), `CITATION.cff does not name ${url}`);
  require(manifest.homepage === `${url}#readme`, `package.json: homepage is not ${url}#readme`);
  require(manifest.bugs.url === `${url}/issues`, `package.json: bugs is not ${url}/issues`);
  return { problems, unknown: url.includes(`/${placeholder}/`) };
}

/** The same text with relative links and pictures made absolute. @param at the version's tag */
export function withAbsoluteLinks(text, url, at) {
  const raw = url.replace('//github.com/', '//raw.githubusercontent.com/');
  const isPicture = (to) => /\.(svg|png|gif|jpe?g|webp)$/.test(to);
  const absolute = (to) => (isPicture(to) ? `${raw}/${at}/${to}` : `${url}/blob/${at}/${to}`);
  const isRelative = (to) => !/^(\w+:|#|\/)/.test(to);
  return text
    .replace(/(\]\()([^)\s]+)(?=[)\s])/g, (all, open, to) =>
      isRelative(to) ? `${open}${absolute(to)}` : all,
    )
    .replace(/(\b(?:src|srcset|href)=")([^"]+)(?=")/g, (all, open, to) =>
      isRelative(to) ? `${open}${absolute(to)}` : all,
    );
}

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
function run(args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(npm, args, {
    ...{ cwd, encoding: 'utf8', maxBuffer: 2 ** 28, shell: process.platform === 'win32' },
    env: { ...process.env, npm_config_ignore_scripts: 'true' },
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * Packs what is built: makes the folder `dist/release/package` and from it the file.
 *
 * @returns its path and sizes in bytes
 */
export function pack(root) {
  const target = join(root, 'dist/release/package');
  rmSync(join(root, 'dist/release'), { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const [{ files }] = JSON.parse(run(['pack', '--dry-run', '--json'], root));
  for (const { path } of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    cpSync(join(root, path), join(target, path));
  }
  const {
    scripts: _,
    devDependencies: __,
    overrides: ___,
    ...manifest
  } = readJson(join(root, 'package.json'));
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const { version } = manifest;
  writeFileSync(join(target, 'README.md'), withAbsoluteLinks(readme, repositoryOf(manifest), `v${version}`));
  const [packed] = JSON.parse(run(['pack', '--json', '--pack-destination', dirname(target)], target));
  return {
    file: join(dirname(target), packed.filename),
    packedBytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    files: packed.entryCount,
  };
}

/** The release itself. @param steps what build.mjs lends: `build()` and `test(arguments)`, which gives an exit code */
export async function release(root, args, { build, test }) {
  const unknown = args.filter((argument) => argument !== '--quick');
  if (unknown.length > 0) return say(2, `release knows --quick, and not ${unknown.join(' ')}`);
  const { problems, unknown: hasPlaceholder } = problemsOf(root);
  const changed = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).stdout;
  if (changed !== '') problems.push(`the work tree has changes:\n${changed.trimEnd()}`);
  if (problems.length > 0) return say(1, `not released:\n- ${problems.join('\n- ')}`);
  await build();
  const code = await test(args.includes('--quick') ? ['--suite=tarball'] : ['--all']);
  if (code !== 0) return say(code, 'not released: a test failed');
  // The suites have packed; once more, so that the file is there however they were run.
  const { file, packedBytes, unpackedBytes, files } = pack(root);
  const { version } = readJson(join(root, 'package.json'));
  console.log(
    `\n${file}: ${files} files, ${kilobytes(packedBytes)} packed, ${kilobytes(unpackedBytes)} unpacked`,
  );
  if (hasPlaceholder)
    console.log(
      `'${placeholder}' in package.json and CITATION.cff still stands for an account: set it first`,
    );
  console.log(`to publish:\n  git tag v${version} && git push origin v${version}\n  npm publish ${file}`);
  return 0;
}
const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`;

function say(code, message) {
  console.error(`divergrad: ${message}`);
  return code;
}
