// Plugins of a user: modules that register estimators, families and environments by name.
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataError, DivergradError, quoted } from '../../errors.ts';
import * as divergrad from '../../index.ts';
import { readFile } from './files.ts';
import { isLoaded, noteLoaded } from './loaded-plugins.ts';

/**
 * What a plugin's file exports as its default: a function that is given this library, and registers what it adds. It is given
 * it, so that both have the same one, wherever the file lies.
 */
export type Plugin = (library: typeof divergrad) => void | Promise<void>;

/**
 * Loads plugins, one after the other, each once.
 *
 * @param files paths of JavaScript modules
 * @throws DataError naming the file, when it cannot be read, does not load, exports no function, or what it registers is wrong
 */
export async function loadPlugins(files: readonly string[]): Promise<void> {
  for (const path of files) {
    const file = resolve(path);
    if (isLoaded(file)) continue;
    const text = await readFile(file);
    const hash = createHash('sha256').update(text).digest('hex');
    await register(path, file);
    noteLoaded({ file, identity: `${basename(file)} sha256:${hash}` });
  }
}

async function register(path: string, file: string): Promise<void> {
  const failed = (what: string, cause: unknown) => {
    const said = cause instanceof Error ? cause.message : String(cause);
    return new DataError(`The plugin '${path}' ${what}: ${said.replace(/\.$/, '')}.`, {
      cause,
      ...(cause instanceof DivergradError ? {} : { hint: `--debug shows where.` }),
    });
  };
  let plugin: unknown;
  try {
    plugin = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (cause) {
    throw failed('does not load', cause);
  }
  if (typeof plugin !== 'function')
    throw new DataError(`The plugin '${path}' exports ${quoted(plugin)} as its default, not a function.`, {
      hint: 'Write export default (divergrad) => { divergrad.registerEstimator(…); }.',
    });
  try {
    await (plugin as Plugin)(divergrad);
  } catch (cause) {
    throw failed('cannot register', cause);
  }
}
