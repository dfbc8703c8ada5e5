// The site: pages of docs/ as they are. Links that leave docs/ lead to the repository, files beside the pages are copied.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';
import { sections } from '../site/pages.mjs';
import { repositoryUrl } from '../site/repository.mjs';

const docs = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(docs, '../package.json'), 'utf8'));
const linkOf = (page: string): string => `/${page.replace(/(^|\/)index$/, '$1')}`;

/** Where a link of a page leads, as the site has it; undefined where it leads nowhere that is known. */
function onSite(href: string, page: string): string | undefined {
  if (/^[a-z]+:|^#|^\//.test(href)) return href;
  const [path, hash = ''] = href.split(/(?=#)/);
  const target = posix.normalize(posix.join(posix.dirname(page), decodeURI(path)));
  if (target.endsWith('.md') && !target.startsWith('../')) return href;
  if (!target.startsWith('../') && existsSync(join(docs, 'public', target)) && /\.\w+$/.test(target))
    return `/${target}${hash}`;
  return repositoryUrl(posix.join('docs', target), hash);
}

export default defineConfig({
  title: 'divergrad',
  description:
    'Reinforcement learning as inference: every divergence, every estimator of its gradient, measured',
  srcExclude: ['site/**', 'public/**'],
  outDir: '../dist/docs',
  base: process.env.DOCS_BASE ?? '/',
  cleanUrls: false,
  lastUpdated: false,
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Guide', link: '/guide/install' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Findings', link: '/learning' },
      { text: 'Try it', link: '/page' },
      { text: version, link: '/guide/install' },
    ],
    sidebar: sections.map(({ title, pages }) => ({
      text: title,
      collapsed: false,
      items: pages.map(([page, text]) => ({ text, link: linkOf(page) })),
    })),
    outline: [2, 3],
  },
  markdown: {
    config(md) {
      md.core.ruler.push('links', ({ tokens, env }) => {
        const page = relative(docs, env.path ?? join(docs, 'index.md')).replaceAll('\\', '/');
        let dropped = false;
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          if (token.type === 'link_open') {
            const leads = onSite(token.attrGet('href') ?? '', page);
            dropped = leads === undefined;
            if (leads !== undefined) token.attrSet('href', leads);
          }
          if (dropped && token.type.startsWith('link_')) {
            // Its text stands without a link.
            Object.assign(token, { type: token.type.replace('link', 'em'), tag: 'span', attrs: null });
          }
        }
      });
    },
  },
});
