import type { Command } from 'commander';
import { type BackendChoice, open } from '../backend/select.ts';
import { unknownName } from '../errors.ts';
import { type GoldenGroup, readFolder } from '../study/golden/folder.ts';
import type { Precision } from '../study/golden/format.ts';
import { failureLine, type GroupReport, groupLine, summarise, totalLine } from '../study/golden/report.ts';
import { type CaseReport, verifyGroup } from '../study/golden/runner.ts';
import {
  backendChoice,
  type CommonOptions,
  nameList,
  print,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';

interface VerifyOptions extends CommonOptions {
  readonly backend: BackendChoice;
  readonly precision: Precision;
  readonly group: readonly string[];
  readonly json?: boolean;
}

/** What `verify --json` prints. An infinite error is null there, as JSON has no infinity. */
export interface VerifyReport {
  readonly folder: string;
  readonly backend: string;
  readonly description: string;
  readonly precision: Precision;
  readonly groups: readonly GroupReport[];
  readonly cases: readonly CaseReport[];
}

/** Registers `verify`: the library's numbers against reference values in a folder. */
export function verifyCommand(program: Command): void {
  const command = program
    .command('verify <folder>')
    .description('compare with golden vectors; exit code 1 when a case fails')
    .option('--backend <name>', 'wasm, cpu, webgpu or auto', backendChoice, 'cpu')
    .option('--precision <name>', 'f32, or f64 (cpu only) with the tolerances of float64', 'f32')
    .option(
      '--group <name>',
      'only this file or group, e.g. ops or ops_unary; repeatable',
      (text: string, sofar: readonly string[]) => [...sofar, ...nameList(text)],
      [],
    );
  withCommonOptions(withJsonSwitch(command)).action(async (folder: string, options: VerifyOptions) => {
    const { backend, precision, json } = options;
    const groups = select(await readFolder(folder), options.group);
    const device = await open({ backend, precision });
    const reports: GroupReport[] = [];
    const cases: CaseReport[] = [];
    const { name, description } = device.backend;
    try {
      if (!json) print(`${folder} on ${description}`);
      for (const group of groups) {
        const verified = await verifyGroup(group, device, { precision });
        const report = summarise(group.name, verified);
        reports.push(report);
        cases.push(...verified);
        if (!json) printGroup(report, verified, name === 'webgpu');
      }
    } finally {
      await device.dispose();
    }
    const report: VerifyReport = { folder, backend: name, description, precision, groups: reports, cases };
    print(json ? JSON.stringify(report, null, 2) : totalLine(reports));
    if (cases.some(({ status }) => status === 'failed')) process.exitCode = 1;
  });
}

function printGroup(report: GroupReport, cases: readonly CaseReport[], lenient: boolean): void {
  print(groupLine(report, lenient));
  for (const entry of cases) if (entry.status === 'failed') print(failureLine(entry));
}

/** The groups asked for, by file or by the wider name in the documents. @throws UsageError for an unknown name */
function select(groups: readonly GoldenGroup[], names: readonly string[]): readonly GoldenGroup[] {
  if (names.length === 0) return groups;
  const known = [...new Set(groups.flatMap(({ name, family }) => [family, name]))];
  for (const name of names) if (!known.includes(name)) throw unknownName('group', name, known);
  return groups.filter(({ name, family }) => names.includes(name) || names.includes(family));
}
