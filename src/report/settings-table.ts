import { type Setting, settingEntries } from '../study/runs/settings.ts';

/** The settings of a training run as a table in Markdown. */
export function settingsMarkdown(): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const cells = (name: string, { flag, help, kind, default: usual, identity }: Setting): string[] => [
    `\`${name}\`${identity === false ? ' \\*' : ''}`,
    `\`${flag}\``,
    help,
    kind.wanted,
    usual === undefined ? '' : `\`${String(usual)}\``,
  ];
  return [
    row(['in files', 'for `train`', 'what it is', 'it must be', 'default']),
    row(['---', '---', '---', '---', '---']),
    ...settingEntries.map(([name, setting]) => row(cells(name, setting))),
    '',
    '\\* The numbers of a run do not depend on it: it may be another when the run goes on, and a study does not say it.',
  ].join('\n');
}
