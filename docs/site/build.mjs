// Builds the site: docs/reference by TypeDoc, docs/public from the page and from files beside the documents, then all of
// docs/ by VitePress into dist/docs, in which no link may be dead.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deadLinks } from './dead-links.mjs';

const site = dirname(fileURLToPath(import.meta.url));
const docs = join(site, '..');
const root = join(docs, '..');
/** Files that pages link to; pictures are found by VitePress. */
const linked = /\.(html|json|yaml|csv|svg)$/;
/** Folders of docs/ that hold no documents. */
const own = ['site', 'public', 'reference', 'node_modules', '.vitepress'];

function tool(file, ...args) {
  const { status } = spawnSync(process.execPath, [join(docs, 'node_modules', file), ...args], {
    cwd: docs,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${file} failed`);
}

/** @returns the folder in which the site lies */
export function buildSite() {
  const out = join(root, 'dist/docs');
  for (const folder of [join(docs, 'public'), join(docs, 'reference'), out])
    rmSync(folder, { recursive: true, force: true });
  tool('typedoc/bin/typedoc', '--options', 'site/typedoc.json');
  mkdirSync(join(docs, 'public'));
  cpSync(join(root, 'dist/web'), join(docs, 'public/page'), { recursive: true });
  for (const { name } of readdirSync(docs, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    if (!own.includes(name))
      cpSync(join(docs, name), join(docs, 'public', name), {
        recursive: true,
        filter: (file) => linked.test(file) || !/\.\w+$/.test(file),
      });
  tool('vitepress/bin/vitepress.js', 'build', '.');
  // The embedded page makes its own parts when it runs.
  const dead = deadLinks(out).filter((line) => !line.startsWith('page/'));
  if (dead.length > 0) throw new Error(`dead links:\n${dead.join('\n')}`);
  return out;
}
