// The command line in this process: what it refuses before any work starts needs no process of its own.
import { report, runCommand } from '../../src/cli/program.ts';

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command through the entry that the built command line has, and gives what it wrote and its exit code. */
export async function command(...args: string[]): Promise<Told> {
  const { argv, exitCode } = process;
  const told = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = (text: string | Uint8Array) => {
      told[name] += String(text);
      return true;
    };
    return () => {
      stream.write = write;
    };
  });
  process.argv = [argv[0], 'divergrad', ...args];
  process.exitCode = undefined;
  try {
    await runCommand(process.argv).catch((error: unknown) => {
      process.exitCode = report(error);
    });
    return { code: Number(process.exitCode ?? 0), ...told };
  } finally {
    for (const give of restore) give();
    process.argv = argv;
    process.exitCode = exitCode;
  }
}
