// The plugins of this process: what a run must say of itself, and what its worker threads and processes must load too.

/** A plugin that was loaded. */
export interface LoadedPlugin {
  /** Its absolute path. */
  readonly file: string;
  /** Its name without folders, and the SHA-256 of its text: what a run with it is known by. */
  readonly identity: string;
}

const loaded = new Map<string, LoadedPlugin>();

export const noteLoaded = (plugin: LoadedPlugin): void => void loaded.set(plugin.file, plugin);

export const isLoaded = (file: string): boolean => loaded.has(file);

/** Paths, in the order in which they were loaded. */
export const pluginFiles = (): string[] => [...loaded.keys()];

/** The options of a command that load the same plugins. */
export const pluginArguments = (): string[] => pluginFiles().flatMap((file) => ['--plugin', file]);

/** What the settings of a run hold of its plugins: nothing where there are none. */
export const pluginSettings = (): { readonly plugins?: readonly string[] } =>
  loaded.size === 0 ? {} : { plugins: [...loaded.values()].map(({ identity }) => identity).sort() };
