// docs/cli.md: what every command prints for `--help`, and nothing else.
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';

/** What a command prints for `--help`, 100 columns wide. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

const fenced = (text: string): string => `\`\`\`text\n${text}\n\`\`\`\n`;

/** The page, as Markdown. */
export function cliPage(): string {
  const program = createProgram();
  const commands = program.commands.map((command) => `## ${command.name()}\n\n${fenced(helpOf(command))}`);
  return [
    '# Command line\n',
    'Generated from the help of the commands by `node build.mjs docs --cli`. Run them as `npx divergrad <command>`; in a clone, as\n`npm run divergrad -- <command>`.\n',
    fenced(helpOf(program)),
    ...commands,
  ].join('\n');
}
