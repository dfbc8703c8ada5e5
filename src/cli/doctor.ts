import type { Command } from 'commander';
import type { Backend } from '../backend/backend.ts';
import { Device } from '../device.ts';
import { ProbeError } from '../errors.ts';
import { jsonText } from '../json.ts';
import { checkKernels, isWrongKernel, type KernelCheck, kernelCheckLine } from '../measure/kernel-check.ts';
import { backends } from '../open/backends.ts';
import { open } from '../open/open.ts';
import { probe } from '../open/probe/quick.ts';
import { type CommonOptions, versions, withCommonOptions, withJsonSwitch } from './common.ts';
import { print, progressBar } from './terminal.ts';

interface DoctorOptions extends CommonOptions {
  readonly json?: boolean;
  readonly kernels: boolean;
}

type Information = Readonly<Record<string, string | number | boolean>>;

/** What `doctor --json` prints. */
export interface DoctorReport {
  readonly versions: Readonly<Record<string, string>>;
  readonly adapters: readonly CheckedBackend[];
  /** The wasm backend, where the engine has WebAssembly. */
  readonly wasm?: CheckedBackend;
  /** Why there is no adapter, and what to install. */
  readonly problem?: string;
  readonly auto: { readonly backend: string; readonly description: string; readonly reason: string };
}

/** A backend with what each of its kernels was found to compute. */
export interface CheckedBackend {
  readonly description: string;
  readonly information: Information;
  /** Why it is not opened: what the probe found wrong. */
  readonly refused?: string;
  readonly kernels: readonly KernelCheck[];
}

/** Registers `doctor`: what this machine offers. */
export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'show WebGPU adapters, check every kernel on them and on wasm, and say which backend auto picks; exit code 1 when one is wrong',
    );
  command.option('--no-kernels', 'leave the kernels unchecked, which takes a software adapter a minute');
  withCommonOptions(withJsonSwitch(command)).action(async ({ json, kernels }: DoctorOptions) => {
    const report = await examine(kernels);
    if (json) print(jsonText(report, 'The result', { indent: 2 }));
    else printReport(report);
    const checked = [...report.adapters, ...(report.wasm ? [report.wasm] : [])];
    if (checked.some(({ refused, kernels }) => refused !== undefined || kernels.some(isWrongKernel)))
      process.exitCode = 1;
  });
}

/** A machine without a GPU is a finding here, not a failure. */
async function examine(kernels: boolean): Promise<DoctorReport> {
  const adapters: CheckedBackend[] = [];
  let problem: string | undefined;
  for (const powerPreference of ['high-performance', 'low-power'] as const) {
    try {
      const backend = await backends.webgpu({ powerPreference });
      const known = adapters.some(({ description }) => description === backend.description);
      if (known) await backend.dispose();
      else adapters.push(await check(backend, kernels));
    } catch (error) {
      problem ??= (error as Error).message;
    }
  }
  const wasm = await backends.wasm().then(
    (backend) => check(backend, kernels),
    () => undefined,
  );
  const device = await open();
  const { name, description } = device.backend;
  await device.dispose();
  return {
    versions: versions(),
    adapters,
    ...(wasm ? { wasm } : {}),
    ...(problem === undefined ? {} : { problem }),
    auto: { backend: name, description, reason: device.reason },
  };
}

/** Probes a backend, checks every kernel if that is wanted, and ends it. */
async function check(backend: Backend, wanted: boolean): Promise<CheckedBackend> {
  const { name, description, information } = backend;
  const bar = progressBar(name);
  const progress = (done: number) => bar.update(done, 'kernels');
  try {
    const refused = await probe(backend).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof ProbeError) return error.message;
        throw error;
      },
    );
    const kernels = wanted ? await checkKernels(new Device(backend), undefined, progress) : [];
    return { description, information, ...(refused === undefined ? {} : { refused }), kernels };
  } finally {
    bar.stop();
    await backend.dispose();
  }
}

function printReport({ versions: facts, adapters, wasm, problem, auto }: DoctorReport): void {
  for (const [name, value] of Object.entries(facts)) print(`${name.padEnd(10)} ${value}`);
  for (const checked of adapters) printChecked('adapter', checked);
  if (problem !== undefined) print(`\nadapter    none: ${problem}`);
  if (wasm) printChecked('wasm', wasm);
  print(`\nauto picks ${auto.backend} (${auto.description})`);
  print(`because    ${auto.reason}`);
}

function printChecked(title: string, { description, information, refused, kernels }: CheckedBackend): void {
  print(`\n${title.padEnd(10)} ${description}`);
  for (const [name, value] of Object.entries(information)) print(`  ${name.padEnd(34)} ${value}`);
  if (refused !== undefined) print(`  WRONG, not opened: ${refused}`);
  if (kernels.length > 0)
    print('  kernels against float64: steps of several shapes, the largest deviation in what is allowed');
  for (const kernel of kernels) {
    const { factor, steps } = kernel;
    const how = factor === null ? 'not finite' : `${factor.toPrecision(2)}×`;
    const verdict = isWrongKernel(kernel) ? `WRONG: ${kernelCheckLine(kernel)}` : 'right';
    print(`  ${kernel.kernel.padEnd(46)} ${String(steps).padStart(4)}  ${how.padStart(10)}  ${verdict}`);
  }
}
