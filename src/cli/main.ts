import { watchOutput } from './common.ts';
import { report, runCommand } from './program.ts';
import { allowRelaxedSimd } from './relaxed-simd.ts';

watchOutput();
allowRelaxedSimd();
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.exitCode = report(error);
  });
}
try {
  await runCommand(process.argv);
} catch (error) {
  // Not process.exit: piped output must be flushed, and Dawn crashes when its process is cut off.
  process.exitCode = report(error);
}
