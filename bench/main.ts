// Benchmarks that the published package does not hold: beside development-only peers, and against the machine's peaks.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { allowRelaxedSimd } from '../src/cli/relaxed-simd.ts';
import { DataError, DivergradError, UsageError, unknownName } from '../src/errors.ts';
import { type BackendName, backendNames } from '../src/index.ts';
import { jsonText } from '../src/json.ts';
import { requireFile, requireFolder } from '../src/study/runs/destination.ts';
import { measureKernels, printKernels } from './kernels/run.ts';
import {
  measureRoofline,
  type RooflineSize,
  rooflineSizes,
  rooflineText,
  writeRoofline,
} from './roofline/run.ts';

const usage = `npm run bench -- --kernels [--quick] [--json FILE|-]
  one dense layer on every backend beside gpu.js, and the matrix product on wasm beside this machine's multiply-add peak

npm run bench -- --roofline [--sizes small,big] [--backends wasm,cpu,webgpu] [--threads 1,2] [--quick] [--json FILE|-]
                            [--out FOLDER]
  every kernel of a SAC update against this machine's measured peaks of arithmetic, memory and launches;
  --out writes roofline.json and a picture for each size`;

const names = <T extends string>(text: string, known: readonly T[], what: string): T[] =>
  text.split(',').map((name) => {
    const found = known.find((each) => each === name.trim());
    if (!found) throw unknownName(what, name.trim(), known);
    return found;
  });

function threadCounts(text: string): number[] {
  const counts = text.split(',').map(Number);
  if (counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 64)) return counts;
  throw new UsageError(`--threads is '${text}'; it must be whole numbers from 1 to 64, as in: --threads 1,2`);
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      kernels: { type: 'boolean' },
      roofline: { type: 'boolean' },
      sizes: { type: 'string', default: 'small,big' },
      backends: { type: 'string', default: 'wasm,cpu,webgpu' },
      threads: { type: 'string', default: '1,2' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (options.help) return console.log(usage);
  if (options.roofline === options.kernels) throw new UsageError(`Say one of these:\n${usage}`);
  allowRelaxedSimd();
  // gpu.js looks for WebGPU where browsers have it, and so do the peaks.
  if (!globalThis.navigator?.gpu) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    // As the library opens it: clearing workgroup memory takes seconds to compile on a software adapter.
    const gpu = create(['enable-dawn-features=disable_workgroup_init']);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  }
  const { quick, json, out } = options;
  await requireFile(json);
  await requireFolder(out);
  if (options.kernels) {
    const report = await measureKernels(quick);
    await output(json, report, () => printKernels(report));
    if (report.wrong.length > 0) process.exitCode = 1;
    return;
  }
  const report = await measureRoofline({
    sizes: names(options.sizes, Object.keys(rooflineSizes) as RooflineSize[], 'size'),
    backends: names<BackendName>(options.backends, backendNames, 'backend'),
    threads: threadCounts(options.threads),
    quick,
  });
  if (out !== undefined) await writeRoofline(out, report);
  await output(json, report, () => console.log(rooflineText(report)));
}

/** JSON alone on standard output, or text and a file. */
async function output(file: string | undefined, report: object, print: () => void): Promise<void> {
  const text = `${jsonText(report, 'The result', { indent: 2 })}\n`;
  if (file === '-') {
    process.stdout.write(text);
    return;
  }
  print();
  if (file === undefined) return;
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new DataError(`Cannot write '${file}': ${(cause as Error).message}.`, { cause });
  }
}

try {
  await main();
} catch (error) {
  const wrong =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof DivergradError) && !wrong) throw error;
  console.error(`divergrad: ${(error as Error).message}`);
  process.exitCode = wrong ? 2 : 1;
}
