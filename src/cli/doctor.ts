import type { Command } from 'commander';
import { open } from '../backend/select.ts';
import { openWebGpu } from '../backend/webgpu/open.ts';
import { type CommonOptions, print, versions, withCommonOptions, withJsonSwitch } from './common.ts';

interface DoctorOptions extends CommonOptions {
  readonly json?: boolean;
}

type Information = Readonly<Record<string, string | number | boolean>>;

/** What `doctor --json` prints. */
export interface DoctorReport {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapters: readonly { readonly description: string; readonly information: Information }[];
  /** Why there is no adapter, and what to install. */
  readonly problem?: string;
  readonly auto: { readonly backend: string; readonly description: string; readonly reason: string };
}

/** Registers `doctor`: what this machine offers. */
export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('show WebGPU adapters with their limits and features, and which backend auto picks');
  withCommonOptions(withJsonSwitch(command)).action(async ({ json }: DoctorOptions) => {
    const report = await examine();
    if (json) print(JSON.stringify(report, null, 2));
    else printReport(report);
  });
}

/** A machine without a GPU is a finding here, not a failure. */
async function examine(): Promise<DoctorReport> {
  const adapters: DoctorReport['adapters'][number][] = [];
  let problem: string | undefined;
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    try {
      const { description, information } = await withBackend(powerPreference);
      if (!adapters.some((known) => known.description === description))
        adapters.push({ description, information });
    } catch (error) {
      problem ??= (error as Error).message;
    }
  }
  const device = await open();
  const { name, description } = device.backend;
  await device.dispose();
  return {
    versions: versions(),
    adapters,
    ...(problem === undefined ? {} : { problem }),
    auto: { backend: name, description, reason: device.reason },
  };
}

async function withBackend(powerPreference: GPUPowerPreference) {
  const backend = await openWebGpu({ powerPreference });
  await backend.dispose();
  return backend;
}

function printReport({ versions: facts, adapters, problem, auto }: DoctorReport): void {
  for (const [name, value] of Object.entries(facts)) print(`${name.padEnd(10)} ${value}`);
  for (const { description, information } of adapters) {
    print(`\nadapter    ${description}`);
    for (const [name, value] of Object.entries(information)) print(`  ${name.padEnd(34)} ${value}`);
  }
  if (problem !== undefined) print(`\nadapter    none: ${problem}`);
  print(`\nauto picks ${auto.backend} (${auto.description})`);
  print(`because    ${auto.reason}`);
}
