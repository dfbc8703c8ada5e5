// How long a command takes to end when it is asked to: node build.mjs latency [--tries=20] [--seed=0] [--only=NAME] [--cli=FILE].
// Every command is asked at random moments, by Ctrl-C, by SIGTERM, and by a second Ctrl-C. It prints the median and the worst
// as a table, and decides nothing by them; what is wrong is another exit code than a shell's, a run that was stopped and
// speaks of its end, and files that are half written or locked.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PhiloxStream } from '../../src/math/philox.ts';
import { optionsOf } from '../helpers/options.ts';
import { cliFile, type Ended, startIn } from '../helpers/process.ts';
import { type Case, prepareCases, ready } from './cases.ts';

const options = optionsOf(
  { tries: 20, seed: 0, only: '', cli: cliFile },
  'usage: node build.mjs latency [--tries=N] [--seed=N] [--only=NAME] [--cli=FILE]',
);

const folder = mkdtempSync(join(tmpdir(), 'divergrad-latency-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

interface Request {
  readonly name: string;
  readonly signal: 'SIGINT' | 'SIGTERM';
  readonly code: number;
  /** Whether it is asked a second time, after which nothing need be whole; the time is that from then on. */
  readonly twice?: boolean;
}
const requests: readonly Request[] = [
  { name: 'Ctrl-C', signal: 'SIGINT', code: 130 },
  { name: 'SIGTERM', signal: 'SIGTERM', code: 143 },
  { name: 'second Ctrl-C', signal: 'SIGINT', code: 130, twice: true },
];
/** Two that come sooner are one request. */
const BETWEEN_MS = 150;

const random = new PhiloxStream(options.seed, 'plain');
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const problems: string[] = [];

/** What is wrong with an end. */
function wrongIn({ code, stdout, stderr }: Ended, request: Request, out: string): string[] {
  const left = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((each) =>
    /\.part(\/|$)|\.lock/.test(each),
  );
  return [
    ...(code === request.code || code === 0 ? [] : [`exit code ${code}`]),
    ...(code !== 0 && /final return/.test(stdout) ? ['speaks of a final return'] : []),
    ...(/unexpected|\bat .*\.[jt]s:\d/.test(stderr) ? [stderr.trim().slice(0, 200)] : []),
    ...(left.length > 0 && !request.twice ? [`leaves ${left.join(', ')}`] : []),
  ];
}

/** @returns ms from the request to the end; undefined where it had ended before */
async function once(name: string, each: Case, request: Request): Promise<number | undefined> {
  const out = join(folder, 'out');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const child = startIn('node', each.file ?? options.cli, each.args(out));
  await ready(child, each.from);
  const moment = each.within * random.nextUniform();
  await Promise.race([child.ended, pause(moment)]);
  if (child.hasEnded) {
    const { code, stderr } = await child.ended;
    if (code !== 0) problems.push(`${name} ends by itself with ${code}: ${stderr.trim().slice(0, 200)}`);
    return undefined;
  }
  let asked = performance.now();
  child.kill(request.signal);
  if (request.twice) {
    await Promise.race([child.ended, pause(BETWEEN_MS)]);
    if (!child.hasEnded) {
      asked = performance.now();
      child.kill(request.signal);
    }
  }
  const ended = await child.ended;
  const ms = performance.now() - asked;
  for (const wrong of wrongIn(ended, request, out))
    problems.push(`${name}, ${request.name} after ${moment.toFixed(0)} ms: ${wrong}`);
  return ms;
}

const cases = await prepareCases(join(folder, 'read'), (args) => startIn('node', options.cli, args).ended);
console.log(
  `| ms from the request to the end: median, worst | ${requests.map(({ name }) => name).join(' | ')} |`,
);
console.log(`| --- |${' ---: |'.repeat(requests.length)}`);
for (const [name, each] of Object.entries(cases)) {
  if (!name.includes(options.only)) continue;
  const cells: string[] = [];
  for (const request of requests) {
    const took: number[] = [];
    for (let i = 0; i < options.tries; i++) {
      const ms = await once(name, each, request);
      if (ms !== undefined) took.push(ms);
    }
    if (took.length === 0) problems.push(`${name} had always ended before it was asked`);
    took.sort((a, b) => a - b);
    cells.push([took[took.length >> 1], took.at(-1)].map((ms) => ms?.toFixed(0) ?? '-').join(', '));
  }
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
