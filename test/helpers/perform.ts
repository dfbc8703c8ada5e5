// A command of the command line in this process: its options as they are registered, and what it writes.
import { Command } from 'commander';

export interface Said {
  readonly out: string;
  readonly err: string;
  /** What the process would end with; undefined for 0 that nobody set. */
  readonly exitCode: number | string | undefined;
}

/** The command that `register` adds to a program. */
export function commandOf(register: (program: Command) => void): Command {
  const program = new Command('divergrad').exitOverride().configureOutput({ outputError: () => undefined });
  register(program);
  return program.commands[0].exitOverride().configureOutput({ outputError: () => undefined });
}

const given = new Map<string, Set<string>>();

/** Options of a command that no call of {@link perform} in this process has given, but for those every command has. */
export function neverGiven(register: (program: Command) => void): string[] {
  const command = commandOf(register);
  const used = given.get(command.name()) ?? new Set();
  return command.options
    .map((option) => option.long ?? '')
    .filter((name) => !used.has(name) && name !== '--debug')
    .sort();
}

/** Runs a command with arguments. @throws what the command throws */
export async function perform(register: (program: Command) => void, args: readonly string[]): Promise<Said> {
  const said = { out: '', err: '' };
  const { stdout, stderr, exitCode } = process;
  const [writeOut, writeErr] = [stdout.write, stderr.write];
  const keep = (name: 'out' | 'err') => (text: unknown) => {
    said[name] += String(text);
    return true;
  };
  stdout.write = keep('out');
  stderr.write = keep('err');
  process.exitCode = undefined;
  const command = commandOf(register);
  const used = given.get(command.name()) ?? new Set();
  given.set(command.name(), used);
  for (const arg of args) used.add(arg);
  try {
    await command.parseAsync([...args], { from: 'user' });
    return { ...said, exitCode: process.exitCode };
  } finally {
    stdout.write = writeOut;
    stderr.write = writeErr;
    process.exitCode = exitCode;
  }
}

/** Runs a command that writes JSON. */
export async function performJson<T>(
  register: (program: Command) => void,
  args: readonly string[],
): Promise<T> {
  const { out } = await perform(register, args);
  return JSON.parse(out) as T;
}
