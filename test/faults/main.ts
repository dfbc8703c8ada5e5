// Faults from outside, by the hundred: node build.mjs faults [--tries=N] [--seed=S] [--only=K] [--kind=K] [--fault=TEXT] [--json]
//
// Each try draws a command (train, study, report, play) and a fault (a signal, a descriptor that leads nowhere, a disk that
// fails, a file that is damaged, a folder that goes away), and then repeats the command undisturbed. Allowed is the
// undisturbed result, or a typed refusal; no process, no lock and no half written file may be left.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { optionsOf } from '../helpers/options.ts';
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

const { only, kind, fault, json, ...options } = optionsOf(
  { tries: 100, seed: Date.now() % 2 ** 31, only: -1, kind: '', fault: '', json: false },
  usage,
);
if (!/^(train|study|report|play|)$/.test(kind)) {
  console.error(`divergrad: --kind is '${kind}'\n${usage}`);
  process.exit(2);
}
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
  if (!json) console.log(text);
};

const tries = new Tries(base, options.seed, {
  ...(kind ? { kind: kind as Kind } : {}),
  ...(fault ? { fault } : {}),
});
const findings: Finding[] = [];
const numbers = only < 0 ? Array.from({ length: options.tries }, (_, i) => i) : [only];
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
if (json)
  console.log(
    JSON.stringify({ kind: 'divergrad-faults', seed: options.seed, tries: done, seconds, findings }, null, 2),
  );
else
  console.log(`${done} tries in ${seconds.toFixed(0)} s, seed ${options.seed}: ${findings.length} findings`);
if (findings.length > 0) process.exitCode ||= 1;
