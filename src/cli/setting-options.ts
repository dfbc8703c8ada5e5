// Settings of a run as options of commands, made of their table.
import { type Command, InvalidArgumentError, Option } from 'commander';
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

/** Whether an option was given, whatever its default. */
export const isSaid = (command: Command, option: Option): boolean =>
  !['default', undefined].includes(command.getOptionValueSource(option.attributeName()));

/** Whether a command was given no option at all. */
export const isBare = (command: Command): boolean =>
  !command.options.some((option) => isSaid(command, option));

/**
 * What options say of settings, by the settings' names in files; where they say nothing, what a file says, and else the
 * defaults.
 */
export const settingsFrom = (command: Command, file: Partial<SettingValues> = {}): Partial<SettingValues> =>
  Object.fromEntries(
    settingEntries.map(([name, { flag }]) => {
      const option = new Option(flag);
      const value = command.getOptionValue(option.attributeName());
      return [name, isSaid(command, option) ? value : (file[name] ?? value)];
    }),
  );
