// Faults from outside, by the hundred: node build.mjs faults [--tries=N] [--seed=S] [--only=K] [--kind=K] [--fault=TEXT] [--json]
//
// Each try draws a command (train, study, report, play) and a fault (a signal, a descriptor that leads nowhere, a disk that
// fails, a file that is damaged, a folder that goes away), and then repeats the command undisturbed. Allowed is the
// undisturbed result, or a typed refusal; no process, no lock and no half written file may be left.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useForMounts } from './faults.ts';
import type { Kind } from './scenarios.ts';
import { type Finding, Tries } from './tries.ts';

const usage = `usage: node build.mjs faults [--tries=N] [--seed=S] [--only=K] [--kind=KIND] [--fault=TEXT] [--json]

  --tries=N      how many tries (100)
  --seed=S       what is drawn (of the clock, and told)
  --only=K       only try number K
  --kind=KIND    only train, study, report or play
  --fault=TEXT   only faults with this in their name
  --json         findings as JSON on standard output

Exit code 1 with any finding. Linux as root has disks of its own for it (tmpfs); elsewhere calls that fail stand for them.`;

interface Options {
  tries: number;
  seed: number;
  only?: number;
  kind?: Kind;
  fault?: string;
  json: boolean;
}

function optionsOf(argv: readonly string[]): Options {
  const options: Options = { tries: 100, seed: Date.now() % 2 ** 31, json: false };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, name, given] = /^--(tries|seed|only|kind|fault|json)(?:=(.*))?$/.exec(word) ?? [];
    const value = given ?? (name && name !== 'json' ? words.shift() : undefined);
    const number = /^\d+$/.test(value ?? '') ? Number(value) : undefined;
    if (name === 'json' && given === undefined) options.json = true;
    else if ((name === 'tries' || name === 'seed' || name === 'only') && number !== undefined)
      options[name] = number;
    else if (name === 'kind' && /^(train|study|report|play)$/.test(value ?? '')) options.kind = value as Kind;
    else if (name === 'fault' && value) options.fault = value;
    else {
      console.error(`divergrad: unknown argument ${word}\n${usage}`);
      process.exit(2);
    }
  }
  return options;
}

if (process.argv.includes('--help')) {
  console.log(usage);
  process.exit(0);
}
const options = optionsOf(process.argv.slice(2));
const base = mkdtempSync(join(tmpdir(), 'divergrad-faults-'));
mkdirSync(join(base, 'mount'));
useForMounts(join(base, 'mount'));
const remove = () => rmSync(base, { recursive: true, force: true, maxRetries: 3 });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    process.exitCode = 130;
    stopped = true;
  });
let stopped = false;

const terminal = process.stderr.isTTY === true;
const progress = (text: string) => {
  if (terminal) process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
};
const say = (text: string) => {
  progress('');
  if (!options.json) console.log(text);
};

const { kind, fault } = options;
const tries = new Tries(base, options.seed, { ...(kind ? { kind } : {}), ...(fault ? { fault } : {}) });
const findings: Finding[] = [];
const numbers =
  options.only === undefined ? Array.from({ length: options.tries }, (_, i) => i) : [options.only];
let done = 0;
const begun = performance.now();
say(`${numbers.length} tries, seed ${options.seed}`);
try {
  for (const number of numbers) {
    if (stopped) break;
    progress(`${done} of ${numbers.length} tries, ${findings.length} findings; ${number}`);
    const { finding, told } = await tries.attempt(number);
    done++;
    if (numbers.length === 1) say(told);
    if (!finding) continue;
    findings.push(finding);
    say(
      `FOUND in try ${number}: ${finding.scenario}\n  ${finding.fault}\n${finding.problems.map((each) => `  - ${each}`).join('\n')}`,
    );
    say(
      `  repeat with: node build.mjs faults --seed=${options.seed} --only=${number}${kind ? ` --kind=${kind}` : ''}${fault ? ` --fault=${fault}` : ''}`,
    );
  }
} finally {
  progress('');
  remove();
}
const seconds = (performance.now() - begun) / 1000;
if (options.json)
  console.log(
    JSON.stringify({ kind: 'divergrad-faults', seed: options.seed, tries: done, seconds, findings }, null, 2),
  );
else
  console.log(`${done} tries in ${seconds.toFixed(0)} s, seed ${options.seed}: ${findings.length} findings`);
if (findings.length > 0) process.exitCode ||= 1;
