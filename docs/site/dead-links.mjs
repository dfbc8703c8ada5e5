// Links of a built site that lead nowhere: to a file that is not there, or to a heading that is not in it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

function* htmlFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) yield* htmlFiles(file);
    else if (entry.name.endsWith('.html')) yield file;
  }
}

const decoded = (text) => decodeURIComponent(text.replaceAll('&amp;', '&'));

/** @returns a line for each, as 'guide/install.html: ../nowhere.html#there' */
export function deadLinks(folder) {
  const idsOf = new Map();
  const hasId = (file, id) => {
    if (!idsOf.has(file))
      idsOf.set(
        file,
        new Set([...readFileSync(file, 'utf8').matchAll(/\bid="([^"]*)"/g)].map(([, name]) => decoded(name))),
      );
    return idsOf.get(file).has(id);
  };
  const dead = [];
  for (const file of htmlFiles(folder)) {
    const text = readFileSync(file, 'utf8').replace(/<script\b[\s\S]*?<\/script>/g, '');
    for (const [, href] of text.matchAll(/<(?:a|link|img|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"/g)) {
      if (/^[a-z][a-z+.-]*:|^\/\//i.test(href)) continue;
      const [, path, hash = ''] = /^([^?#]*)[^#]*(?:#(.*))?$/.exec(decoded(href)) ?? [];
      let target = path === '' ? file : join(path.startsWith('/') ? folder : dirname(file), path);
      if (existsSync(target) && statSync(target).isDirectory()) target = join(target, 'index.html');
      const there = existsSync(target) && (hash === '' || !target.endsWith('.html') || hasId(target, hash));
      if (!there) dead.push(`${relative(folder, file)}: ${href}`);
    }
  }
  return [...new Set(dead)];
}
