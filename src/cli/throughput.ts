import type { Command } from 'commander';
import { environments } from '../envs/registry.ts';
import { unknownName } from '../errors.ts';
import { jsonText } from '../json.ts';
import {
  measureThroughput,
  medianRow,
  type ThroughputRow,
  type ThroughputSettings,
  throughputDefaults,
  throughputParts,
} from '../measure/throughput.ts';
import { type BackendChoice, open } from '../open/open.ts';
import {
  backendChoice,
  type CommonOptions,
  making,
  nameList,
  wholeNumber,
  widths,
  withCommonOptions,
  withJsonSwitch,
} from './common.ts';
import { print, progressBar } from './terminal.ts';

interface ThroughputOptions extends CommonOptions {
  readonly envs?: string[];
  readonly steps: number;
  readonly rounds: number;
  readonly batch: number;
  readonly hidden: number[];
  readonly backend: BackendChoice;
  readonly json?: boolean;
}

/** What `throughput --json` prints. */
export interface ThroughputReport {
  readonly kind: 'divergrad-throughput';
  readonly versions: Readonly<Record<string, string>>;
  /** The arguments that give it again. */
  readonly command: readonly string[];
  readonly backend: string;
  readonly settings: ThroughputSettings;
  readonly rounds: number;
  /** Medians of the rounds. */
  readonly rows: readonly ThroughputRow[];
}

/** Registers `throughput`: how fast training goes in each environment. */
export function throughputCommand(program: Command): void {
  const { steps, batch, hidden } = throughputDefaults;
  const command = program
    .command('throughput')
    .description('measure environment steps and updates a second, and where the time of training goes')
    .option('--envs <names>', 'environments, as a,b,c (default: all)', nameList)
    .option('--steps <n>', 'steps timed in each environment', wholeNumber(10, 1_000_000), steps)
    .option('--rounds <n>', 'interleaved rounds, of which medians are shown', wholeNumber(1, 1000), 3)
    .option('--batch <n>', 'transitions in a batch', wholeNumber(1, 65_536), batch)
    .option('--hidden <widths>', 'hidden layers, as 64,64', widths, [...hidden])
    .option('--backend <name>', 'auto, or a backend by name', backendChoice, 'auto' as BackendChoice);
  withJsonSwitch(withCommonOptions(command)).action(run);
}

async function run(options: ThroughputOptions): Promise<void> {
  const known = environments.map(({ name }) => name);
  const names = options.envs ?? known;
  for (const name of names) if (!known.includes(name)) throw unknownName('environment', name, known);
  const { steps, batch, hidden, seed } = options;
  const settings = { steps, batch, hidden, seed };
  const device = await open({ backend: options.backend });
  const bar = progressBar('throughput');
  const measured: ThroughputRow[][] = names.map(() => []);
  try {
    // Each environment once a round, so that a slow minute of the machine spoils no environment's every round.
    for (let round = 0; round < options.rounds; round++)
      for (const [i, name] of names.entries()) {
        const before = (round * names.length + i) / (options.rounds * names.length);
        measured[i].push(
          await measureThroughput(device, name, settings, {
            onStep: (done) => bar.update(before + done / (options.rounds * names.length), name),
          }),
        );
      }
  } finally {
    bar.stop();
    await device.dispose();
  }
  const rows = measured.map(medianRow);
  const backend = device.backend.description;
  if (options.json) {
    const report: ThroughputReport = {
      kind: 'divergrad-throughput',
      ...making(),
      backend,
      settings,
      rounds: options.rounds,
      rows,
    };
    print(jsonText(report, 'The result'));
    return;
  }
  print(
    `${backend}; hidden ${hidden.join('-')}, batch ${batch}, one update a step, medians of ${options.rounds} rounds of ${steps} steps, seed ${seed}`,
  );
  const heads = ['steps/s', 'environment/s', 'updates/s', ...throughputParts];
  print(`${'environment'.padEnd(26)}${heads.map((head) => head.padStart(15)).join('')}`);
  for (const { environment, stepsPerSecond, rates, shares } of rows) {
    const cells = [
      ...[stepsPerSecond, rates.physics, rates.update].map(digits),
      ...throughputParts.map((part) => `${(100 * shares[part]).toFixed(1)}%`),
    ];
    print(`${environment.padEnd(26)}${cells.map((cell) => cell.padStart(15)).join('')}`);
  }
}

/** Three digits. */
const digits = (rate: number): string => String(Number(rate.toPrecision(3)));
