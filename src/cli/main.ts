import { ending } from '../study/runs/ending.ts';
import { report, runCommand } from './program.ts';
import { allowRelaxedSimd } from './relaxed-simd.ts';

ending.watch(report);
allowRelaxedSimd();
try {
  await runCommand(process.argv);
} catch (error) {
  // Not process.exit: piped output must be flushed, and Dawn crashes when its process is cut off.
  ending.failed(report(error));
} finally {
  ending.end();
}
