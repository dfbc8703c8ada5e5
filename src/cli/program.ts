// The commands of the command line, and how an error becomes a line and an exit code.
import { Command, CommanderError } from 'commander';
import { DivergradError, limited, UsageError, unknownName } from '../errors.ts';
import { Stopped } from '../study/runs/ending.ts';
import { fileError } from '../study/runs/files.ts';
import { version } from '../version.ts';
import { benchCommand } from './bench.ts';
import { doctorCommand } from './doctor.ts';
import { matrixCommand } from './matrix.ts';
import { playCommand } from './play.ts';
import { qualityCommand } from './quality.ts';
import { reportCommand } from './report.ts';
import { studyCommand } from './study.ts';
import { warn } from './terminal.ts';
import { throughputCommand } from './throughput.ts';
import { trainCommand } from './train.ts';
import { verifyCommand } from './verify.ts';

/** Exit codes: 1 when the work failed, 2 when it was asked for wrongly. */
const FAILURE = 1;
const USAGE = 2;

/** The command line, with every command. */
export function createProgram(): Command {
  const program = new Command('divergrad')
    .description(
      'Divergence estimators for entropy-regularised reinforcement learning: cost, training, checks.',
    )
    .version(version)
    .usage('<command> [options]')
    .argument('[command]')
    .argument('[of]')
    .addHelpText('after', '\nWhat a command takes: divergrad <command> --help')
    .exitOverride()
    // Errors of commander are printed below, in one line like all others.
    .configureOutput({ outputError: () => undefined });
  const commands = [
    benchCommand,
    qualityCommand,
    trainCommand,
    studyCommand,
    reportCommand,
    playCommand,
    throughputCommand,
    verifyCommand,
    doctorCommand,
    matrixCommand,
  ];
  for (const register of commands) register(program);
  return program.action((name: string | undefined, of: string | undefined) => {
    const wanted = name === 'help' ? of : name;
    const known = program.commands.map((command) => command.name());
    const found = name === 'help' && program.commands.find((command) => command.name() === of);
    if (wanted !== undefined && !found) throw unknownName('command', wanted, known);
    (found || program).outputHelp();
  });
}

/** Prints what went wrong in one line, or in full with `--debug`, and returns the exit code; none where nothing did. */
export function report(error: unknown): number | undefined {
  if (error instanceof Stopped) return undefined;
  const named = fileError(
    String((error as NodeJS.ErrnoException | undefined)?.path ?? 'A file'),
    'be read',
    error,
  );
  if (named !== error) return report(named);
  if (error instanceof CommanderError && error.exitCode === 0) return undefined; // help or version, already printed
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const problem = limited(message)
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
  const expected = error instanceof DivergradError || error instanceof CommanderError;
  warn(`divergrad: ${expected ? problem : `unexpected: ${problem}`}`);
  if (process.argv.includes('--debug') && stack) warn(withCauses(stack, error));
  return error instanceof UsageError || error instanceof CommanderError ? USAGE : FAILURE;
}

function withCauses(stack: string, error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error
    ? `${stack}\ncaused by ${withCauses(cause.stack ?? cause.message, cause)}`
    : stack;
}

/** Runs one command. @param argv as `process.argv`: the program's words come third */
export const runCommand = async (argv: readonly string[]): Promise<void> => {
  await createProgram().parseAsync(argv);
};
