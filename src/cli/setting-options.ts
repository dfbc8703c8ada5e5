// Settings of a run as options of commands, made of their table.
import { InvalidArgumentError, Option } from 'commander';
import type { Kind } from '../study/runs/kinds.ts';
import {
  type Setting,
  type SettingName,
  type SettingValues,
  settingEntries,
  settingsTable,
} from '../study/runs/settings.ts';

/** Reads an option's value. */
export const parserOf =
  <T>(kind: Kind<T>) =>
  (text: string): T => {
    const value = kind.parse(text);
    if (kind.fault(value)) throw new InvalidArgumentError(`It must be ${kind.wanted}.`);
    return value;
  };

export function optionOf(name: SettingName): Option {
  const { flag, help, kind, default: usual }: Setting = settingsTable[name];
  const option = new Option(flag, help).argParser(parserOf(kind));
  return usual === undefined ? option : option.default(usual);
}

/** What options say of settings, by the settings' names in files. */
export const settingsFrom = (options: object): Partial<SettingValues> =>
  Object.fromEntries(
    settingEntries.map(([name, { flag }]) => [
      name,
      (options as Readonly<Record<string, unknown>>)[new Option(flag).attributeName()],
    ]),
  );
