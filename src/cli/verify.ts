import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { type SimdVariant, simdVariants } from '../backend/wasm/options.ts';
import { DataError, UsageError, unknownName } from '../errors.ts';
import { jsonText } from '../json.ts';
import { checkKernels, isWrongKernel, type KernelCheck, kernelCheckLine } from '../measure/kernel-check.ts';
import { type BackendChoice, open } from '../open/open.ts';
import { type GoldenGroup, readFolder } from '../verify/folder.ts';
import type { Precision } from '../verify/format.ts';
import { failureLine, type GroupReport, groupLine, summarise, totalLine } from '../verify/report.ts';
import { type CaseReport, verifyGroup } from '../verify/runner.ts';
import {
  backendChoice,
  type CommonOptions,
  making,
  nameList,
  wholeNumber,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';
import { print, progressBar } from './terminal.ts';

interface VerifyOptions extends CommonOptions {
  readonly backend?: BackendChoice;
  readonly precision: Precision;
  readonly group: readonly string[];
  readonly simd?: SimdVariant;
  readonly threads?: number;
  readonly json?: boolean;
}

/** What `verify --json` prints. An infinite error is null there, as JSON has no infinity. */
export interface VerifyReport {
  readonly versions: Readonly<Record<string, string>>;
  /** The arguments that give it again. */
  readonly command: readonly string[];
  readonly seed: number;
  readonly folder: string;
  readonly backend: string;
  readonly description: string;
  readonly precision: Precision;
  readonly groups: readonly GroupReport[];
  readonly cases: readonly CaseReport[];
  /** Every kernel of the backend against the cpu in float64; only where no folder and no group was named. */
  readonly kernels?: readonly KernelCheck[];
}

/** The reference values that the package carries, beside the built command line. */
const carried = (): string => fileURLToPath(new URL('golden', import.meta.url));

/** Registers `verify`: the library's numbers against reference values in a folder. */
export function verifyCommand(program: Command): void {
  const command = program
    .command('verify [folder]')
    .description(
      'compare with golden vectors; without a folder, with those of the package, and every kernel of the backend with the cpu; exit code 1 when anything differs',
    )
    .option(
      '--backend <name>',
      'wasm, cpu, webgpu or auto (default: cpu; without a folder auto)',
      backendChoice,
    )
    .option('--precision <name>', 'f32, or f64 (cpu only) with the tolerances of float64', 'f32')
    .option(
      '--simd <build>',
      `wasm only: which build of the kernels, ${simdVariants.join(', ')}`,
      simdVariant,
    )
    .option(
      '--threads <n>',
      'wasm only: threads of every program (default: as many as help)',
      wholeNumber(1, 64),
    )
    .option(
      '--group <name>',
      'only this file or group, e.g. ops or ops_unary; repeatable',
      (text: string, sofar: readonly string[]) => [...sofar, ...nameList(text)],
      [],
    );
  withCommonOptions(withJsonSwitch(command)).action(
    async (named: string | undefined, options: VerifyOptions) => {
      const { precision, json, simd, threads } = options;
      const folder = named ?? carried();
      const backend = options.backend ?? (named === undefined && precision === 'f32' ? 'auto' : 'cpu');
      if ((simd !== undefined || threads !== undefined) && backend !== 'wasm') {
        throw new UsageError('--simd and --threads are options of the wasm backend.', {
          hint: 'Add --backend wasm.',
        });
      }
      const wasm = { ...(simd ? { simd } : {}), ...(threads ? { threads } : {}) };
      const groups = select(await readFolder(folder), options.group);
      const device = await open({ backend, precision, wasm });
      const reports: GroupReport[] = [];
      const cases: CaseReport[] = [];
      let kernels: KernelCheck[] | undefined;
      const { name } = device.backend;
      let { description } = device.backend;
      try {
        if (!json) print(`${named ?? 'reference values of the package'} on ${description}`);
        for (const group of groups) {
          const verified = await verifyGroup(group, device, { precision });
          const report = summarise(group.name, verified);
          reports.push(report);
          for (const each of verified) cases.push(each);
          if (!json) printGroup(report, verified, name === 'webgpu');
        }
        if (named === undefined && options.group.length === 0 && name !== 'cpu') {
          const bar = progressBar(name);
          kernels = await checkKernels(device, undefined, (done) => bar.update(done, 'kernels')).finally(() =>
            bar.stop(),
          );
          if (!json) printKernels(kernels);
        }
        // With the threads that the programs brought up.
        description = device.backend.description;
      } finally {
        await device.dispose();
      }
      const report: VerifyReport = {
        ...making(),
        seed: options.seed,
        folder,
        backend: name,
        description,
        precision,
        groups: reports,
        cases,
        ...(kernels ? { kernels } : {}),
      };
      print(json ? jsonText(report, 'The result', { indent: 2, unbounded: true }) : totalLine(reports));
      if (cases.some(({ status }) => status === 'failed') || kernels?.some(isWrongKernel))
        process.exitCode = 1;
      else if (!cases.some(({ status }) => status === 'passed'))
        throw new DataError(`Nothing was compared: of ${cases.length} cases in '${folder}' none was run.`);
    },
  );
}

function printGroup(report: GroupReport, cases: readonly CaseReport[], lenient: boolean): void {
  print(groupLine(report, lenient));
  for (const entry of cases) if (entry.status === 'failed') print(failureLine(entry));
}

/** One line for all, and one for each that is wrong. */
function printKernels(kernels: readonly KernelCheck[]): void {
  const wrong = kernels.filter(isWrongKernel);
  const worst = kernels.reduce((most, { factor }) => Math.max(most, factor ?? Number.POSITIVE_INFINITY), 0);
  print(
    `kernels          ${kernels.length - wrong.length} agree with the cpu, ${wrong.length} do not, worst error ${worst.toPrecision(2)}× of the tolerance`,
  );
  for (const kernel of wrong) print(`  ${kernelCheckLine(kernel)}`);
}

/** @throws UsageError naming the known builds */
function simdVariant(text: string): SimdVariant {
  const found = simdVariants.find((name) => name === text);
  if (!found) throw unknownName('SIMD variant', text, simdVariants);
  return found;
}

/** The groups asked for, by file or by the wider name in the documents. @throws UsageError for an unknown name */
function select(groups: readonly GoldenGroup[], names: readonly string[]): readonly GoldenGroup[] {
  if (names.length === 0) return groups;
  const known = [...new Set(groups.flatMap(({ name, family }) => [family, name]))];
  for (const name of names) if (!known.includes(name)) throw unknownName('group', name, known);
  return groups.filter(({ name, family }) => names.includes(name) || names.includes(family));
}
