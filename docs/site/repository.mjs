// Where the sources can be read: what package.json says.
import { readFileSync } from 'node:fs';

const { repository } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const address = (typeof repository === 'string' ? repository : repository?.url)
  ?.replace(/^git\+/, '')
  .replace(/\.git$/, '');

/** The address of a file or folder; undefined while package.json names no repository. */
export const repositoryUrl = (path, hash = '') =>
  address?.startsWith('https://') ? `${address}/blob/main/${path}${hash}` : undefined;
