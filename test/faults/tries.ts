// One try: a command is disturbed, then repeated undisturbed, and what came of both is judged.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Draws } from './draws.ts';
import { drawFault, type Facts, type Fault, type Place, pagesOf } from './faults.ts';
import { type Ended, leftOver, Started } from './processes.ts';
import {
  drawScenario,
  filesBelow,
  type Kind,
  layOut,
  resultOf,
  type Scenario,
  sourceScenarios,
} from './scenarios.ts';

export interface Finding {
  readonly seed: number;
  readonly number: number;
  readonly scenario: string;
  readonly fault: string;
  /** What is wrong. */
  readonly problems: readonly string[];
}

interface Reference {
  readonly facts: Facts;
  readonly result: ReadonlyMap<string, string>;
}

/** What hangs is ended after this, ms: a machine ten times slower than ours needs less. */
const HANGS_MS = 120_000;
/** How long processes may run on after the one that started them has ended. */
const ORPHANS_MS = 60_000;

const cut = (text: string, most = 400): string => (text.length > most ? `${text.slice(0, most)}…` : text);

export class Tries {
  private readonly references = new Map<string, Promise<Reference>>();
  private readonly sources: string;
  private made: Promise<void> | undefined;
  private count = 0;

  /** @param base a folder of its own */
  constructor(
    private readonly base: string,
    private readonly seed: number,
    private readonly only: { readonly kind?: Kind; readonly fault?: string; readonly cli?: string } = {},
  ) {
    this.sources = join(base, 'sources');
  }

  /** @returns what is wrong, and what was tried */
  async attempt(number: number): Promise<{ readonly finding?: Finding; readonly told: string }> {
    await (this.made ??= this.makeSources());
    const draws = new Draws(this.seed, number);
    const wanted = ({ name }: Fault) => !this.only.fault || name.includes(this.only.fault);
    let scenario = drawScenario(draws, this.only.kind);
    let reference = await this.referenceOf(scenario);
    let fault = drawFault(draws, reference.facts, scenario);
    for (let drawn = 1; !wanted(fault); drawn++) {
      // Not every fault befalls every command.
      if (drawn % 500 === 0) {
        scenario = drawScenario(draws, this.only.kind);
        reference = await this.referenceOf(scenario);
      }
      fault = drawFault(draws, reference.facts, scenario);
    }
    const problems = await this.disturb(number, scenario, fault, reference);
    const told = `${scenario.name}; ${fault.name}`;
    if (problems.length === 0) return { told };
    return {
      told,
      finding: { seed: this.seed, number, scenario: scenario.name, fault: fault.name, problems },
    };
  }

  private async makeSources(): Promise<void> {
    for (const [name, args, prepare] of sourceScenarios()) {
      const folder = join(this.sources, name);
      mkdirSync(folder, { recursive: true });
      prepare(folder);
      const { code, stderr } = await this.start(args, folder, {}).ended;
      if (code !== 0) throw new Error(`${args.join(' ')} fails undisturbed: ${stderr}`);
    }
  }

  private get cli(): { readonly cli?: string } {
    const { cli } = this.only;
    return cli === undefined ? {} : { cli };
  }

  private start(args: readonly string[], folder: string, options: object): Started {
    return new Started(
      args,
      { folder, mark: `${process.pid}-${this.count}`, ...this.cli, ...options },
      HANGS_MS,
    );
  }

  private referenceOf(scenario: Scenario): Promise<Reference> {
    const known = this.references.get(scenario.name);
    if (known) return known;
    const made = this.makeReference(scenario);
    this.references.set(scenario.name, made);
    return made;
  }

  private async makeReference(scenario: Scenario): Promise<Reference> {
    const folder = join(this.base, 'reference', 'try');
    const counts = join(this.base, 'reference', 'counts');
    mkdirSync(counts, { recursive: true });
    layOut(scenario, folder, this.sources);
    const plan = JSON.stringify({ under: folder, at: 0, action: 'none', count: counts });
    const options = `--require ${join(process.cwd(), 'test/faults/inject.cjs')}`;
    const ended = await this.start(scenario.args, folder, {
      env: { NODE_OPTIONS: options, DIVERGRAD_INJECT: plan },
    }).ended;
    if (ended.code !== 0) throw new Error(`${scenario.name} fails undisturbed: ${ended.stderr}`);
    const result = resultOf(scenario, folder, ended.stdout);
    const { readFileSync } = await import('node:fs');
    const calls = readdirSync(counts).map((name) => Number(readFileSync(join(counts, name), 'utf8')));
    const facts = { ms: ended.ms, calls: Math.max(1, ...calls), kilobytes: pagesOf(folder) };
    rmSync(join(this.base, 'reference'), { recursive: true, force: true });
    return { facts, result };
  }

  private async disturb(
    number: number,
    scenario: Scenario,
    fault: Fault,
    reference: Reference,
  ): Promise<string[]> {
    this.count++;
    const problems: string[] = [];
    const folder = join(this.base, String(number));
    const temporary = join(this.base, `${number}-tmp`);
    mkdirSync(temporary, { recursive: true });
    layOut(scenario, folder, this.sources);
    const place: Place = { folder, scenario };
    const held = fault.before?.(place);
    try {
      if (!fault.skipFirst) {
        const given = fault.start?.(place) ?? {};
        const all = Array.from({ length: fault.times ?? 1 }, () =>
          this.start(scenario.args, folder, { ...given, env: { ...given.env, TMPDIR: temporary } }),
        );
        await fault.during?.(all[0], place);
        const ends = await Promise.all(all.map(({ ended }) => ended));
        const left = await leftOver(all[0].mark, ORPHANS_MS);
        if (left.length > 0) problems.push(`processes still ran: ${left.join(', ')}`);
        for (const ended of ends) problems.push(...this.judgeDisturbed(ended, place, fault, reference));
        if (fault.times && !ends.some(({ code }) => code === 0))
          problems.push('of several at once none came to its end');
        if (!fault.mayLeave) problems.push(...leftFiles(folder, 'after the disturbed command'));
      }
      held?.mend();
      const damaged = fault.after?.(place);
      const finished = scenario.kind === 'train' && same(resultOf(scenario, folder, ''), reference.result);
      if (!finished) {
        const ended = await this.start(scenario.args, folder, { env: { TMPDIR: temporary } }).ended;
        const left = await leftOver(`${process.pid}-${this.count}`, ORPHANS_MS);
        if (left.length > 0)
          problems.push(`processes of the undisturbed command still ran: ${left.join(', ')}`);
        const told = this.judgeRepeated(ended, place, fault, reference);
        problems.push(...told.map((text) => (damaged ? `${text} [${damaged}]` : text)));
        if (ended.code === 0) problems.push(...leftFiles(folder, 'at the end'));
      } else problems.push(...leftFiles(folder, 'at the end'));
      const odd = readdirSync(temporary);
      if (odd.length > 0) problems.push(`temporary files: ${odd.join(', ')}`);
    } finally {
      held?.end();
      for (const each of [folder, temporary, `${folder}-aside`, `${folder}-held`])
        rmSync(each, { recursive: true, force: true });
    }
    return problems;
  }

  private judgeDisturbed(
    ended: Ended,
    { folder, scenario }: Place,
    fault: Fault,
    reference: Reference,
  ): string[] {
    const problems = judgeEnd(ended, fault.mute === true);
    if (fault.harmless && ended.code !== 0)
      problems.push(`ended with ${ended.code} for what changes nothing: ${cut(ended.stderr)}`);
    if (ended.code !== 0 || fault.filesGone) return problems;
    const told = differenceOf(resultOf(scenario, folder, ended.stdout), reference.result, true);
    if (told) problems.push(`ended with 0 though disturbed, and ${told}`);
    return problems;
  }

  private judgeRepeated(
    ended: Ended,
    { folder, scenario }: Place,
    fault: Fault,
    reference: Reference,
  ): string[] {
    const problems = judgeEnd(ended, false).map((text) => `repeated: ${text}`);
    const finished =
      (scenario.kind === 'train' && /holds a finished run/.test(ended.stderr)) ||
      (scenario.kind === 'play' && /is not empty/.test(ended.stderr));
    if (ended.code === 0 || (finished && !fault.mayRefuse)) {
      const told = differenceOf(resultOf(scenario, folder, ended.stdout), reference.result, finished);
      if (told) problems.push(`silent difference: repeated, it ended with 0, and ${told}`);
    } else if (!fault.mayRefuse)
      problems.push(`repeated, it refuses with ${ended.code}: ${cut(ended.stderr.trim() || ended.stdout)}`);
    return problems;
  }
}

/** Whether an end is one that is allowed: done, refused in a line, or asked to stop. */
function judgeEnd({ code, signal, stderr, stdout, hung }: Ended, mute: boolean): string[] {
  if (hung) return [`did not end: ${cut(stderr)}`];
  const said = `${stderr}\n${stdout}`;
  const problems: string[] = [];
  if (/unexpected:/.test(said))
    problems.push(`an error without a type: ${cut(/.*unexpected:.*/.exec(said)?.[0] ?? '')}`);
  const trace = /^\s+at .*(?:cli\.js|node:|\.ts):\d+.*$/m.exec(said);
  if (trace) problems.push(`a stack: ${cut(stderr)}`);
  const line = said.split('\n').find((each) => each.length > 10_000 && /^divergrad: /.test(each));
  if (line) problems.push(`a message of ${line.length} characters: ${cut(line, 200)}`);
  if (signal === null && ![0, 1, 2, 129, 130, 131, 137, 141, 143].includes(code))
    problems.push(`exit code ${code}: ${cut(stderr)}`);
  if (signal !== null && !/^SIG(INT|TERM|HUP|KILL|PIPE|XFSZ)$/.test(signal))
    problems.push(`ended by ${signal}: ${cut(stderr)}`);
  if ((code === 1 || code === 2) && signal === null && !mute && !/^(divergrad: |failed )/m.test(said))
    problems.push(`ended with ${code} without a word: ${cut(stderr) || '(nothing)'}`);
  return problems;
}

const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  differenceOf(a, b) === undefined;

/** What differs between a result and the undisturbed one. @param unsaid leaves out what is printed */
export function differenceOf(
  found: ReadonlyMap<string, string>,
  reference: ReadonlyMap<string, string>,
  unsaid = false,
): string | undefined {
  for (const [name, text] of reference) {
    const own = found.get(name);
    if (name === 'standard output' && unsaid) continue;
    if (own === undefined) return `'${name}' is missing`;
    if (own === text) continue;
    let at = 0;
    while (own[at] === text[at]) at++;
    const near = (of: string) => JSON.stringify(of.slice(Math.max(0, at - 40), at + 40));
    return `'${name}' differs at ${at}: ${near(own)} instead of ${near(text)}`;
  }
  const extra = [...found.keys()].find((name) => !reference.has(name) && name !== 'standard output');
  return extra === undefined ? undefined : `there is '${extra}' besides`;
}

function leftFiles(folder: string, when: string): string[] {
  if (!existsSync(folder)) return [];
  const left = filesBelow(folder).filter((name) => /\.part$|\.part\/|\.lock\./.test(name));
  return left.length > 0 ? [`left ${when}: ${left.join(', ')}`] : [];
}
