// The notices of the packages whose code is in what is published: those that the bundles of the command line hold.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const title = `divergrad contains code of the packages below. Their licences follow.
The library itself (dist/library) contains none but the standard library of AssemblyScript, in dist/library/wasm.
`;

/** The compiled kernels hold parts of its standard library. */
const compiledIn = ['node_modules/assemblyscript'];

/** Folders of the packages that have code in these bundles, sorted: of one name there may be two versions. @param metafiles esbuild's */
export function packagesIn(metafiles) {
  const folders = new Set(compiledIn);
  for (const { inputs } of metafiles)
    for (const file of Object.keys(inputs)) {
      const [folder] = file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/) ?? [];
      if (folder) folders.add(folder);
    }
  return [...folders].sort();
}

/** What the bundles are made of, by esbuild's account; nothing is written. */
export async function metafilesOf(root, bundles) {
  const esbuild = await import('esbuild');
  const built = bundles.map(({ entry, options }) =>
    esbuild.build({
      ...options,
      ...{ entryPoints: [join(root, entry)], outdir: join(root, 'dist'), write: false, metafile: true },
    }),
  );
  return (await Promise.all(built)).map(({ metafile }) => metafile);
}

/** The text of the notices. @throws Error for a package that says nothing about its licence */
export function noticesText(root, folders) {
  const sections = folders.map((below) => {
    const folder = join(root, below);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { name, version, license } = manifest;
    const files = readdirSync(folder)
      .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file) && !/\.(js|json)$/.test(file))
      .sort();
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    if (texts.length === 0 && !license)
      throw new Error(`${name} has neither a licence file nor a licence in its package.json`);
    if (texts.length === 0) texts.push(`${license}, ${authorOf(manifest)}`);
    return `${name} ${version} (${license ?? 'see below'})\n\n${texts.join('\n\n')}\n`;
  });
  const rule = `\n${'-'.repeat(80)}\n\n`;
  return [title, ...sections].join(rule);
}

function authorOf({ author, contributors, name }) {
  const first = author ?? contributors?.[0] ?? `the authors of ${name}`;
  return typeof first === 'string' ? first : first.name;
}

/** The file of the notices, below the root. */
export const noticesFile = 'dist/THIRD-PARTY-NOTICES.txt';
