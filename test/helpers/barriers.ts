// Looks in the text of a WGSL kernel for workgroup memory that is read or overwritten before a barrier has passed: what
// no software driver shows, since there a workgroup's invocations hardly run at once.
//
// Every function is followed along its statements from `main` on, calls included, both ways at each branch, and each loop
// round and round until nothing new comes of it. Between a write to a workgroup variable and a read of it, and between a read and the next write,
// there must be a barrier. Which elements are meant is not asked, but for two cases:
// - the two halves of a variable that are read and written in turn, as `let destination = 2u * WIDTH - source` has it;
// - what only an invocation's own index reaches, `[thread]` or `[local]`, after that invocation wrote it there.
// Writes one after another are not looked at.

interface Block {
  readonly kind: 'block';
  readonly body: readonly Statement[];
}
type Statement =
  | Block
  | { readonly kind: 'plain'; readonly text: string }
  | { readonly kind: 'leave'; readonly how: 'return' | 'continue' | 'break'; readonly value: string }
  | { readonly kind: 'branch'; readonly condition: string; readonly ways: readonly Statement[] }
  | {
      readonly kind: 'loop';
      readonly begin: string;
      readonly condition: string;
      readonly next: string;
      readonly body: Statement;
    };

interface Function {
  readonly parameters: readonly string[];
  readonly text: string;
}

/** An access to half 0 or 1 of a workgroup variable, and whether by an invocation's own index. */
interface Access {
  readonly name: string;
  readonly half: number;
  readonly own: boolean;
}

/** What one way through the text has come to. */
interface Way {
  /** Which half the variables that say so mean. */
  readonly halves: ReadonlyMap<string, number>;
  /** Accesses since the last barrier, by their keys. */
  readonly read: ReadonlyMap<string, Access>;
  readonly written: ReadonlyMap<string, Access>;
}

/** How ways leave a statement: by its end, or earlier. */
type Exits = Record<'end' | 'return' | 'continue' | 'break', Way[]>;

/** In place of a half where it may be one or the other. */
const EITHER = -1;

/** What is wrong in a kernel, a line each; none where nothing is. */
export function missingBarriers(wgsl: string): string[] {
  const text = wgsl.replace(/\/\/.*$/gm, '');
  const shared = [...text.matchAll(/var<workgroup>\s+(\w+)/g)].map(([, name]) => name);
  const privates = [...text.matchAll(/var<private>\s+(\w+)/g)].map(([, name]) => name);
  const functions = functionsOf(text);
  return shared.length > 0 ? new Follower(shared, privates, functions).follow('main') : [];
}

// ---------------------------------------------------------------- text into statements

function functionsOf(text: string): Map<string, Function> {
  const found = new Map<string, Function>();
  for (const match of text.matchAll(/\bfn (\w+)\s*\(/g)) {
    const open = match.index + match[0].length - 1;
    const close = closing(text, open);
    const begin = text.indexOf('{', close);
    const parameters = splitList(text.slice(open + 1, close)).map(
      (each) => /(\w+)\s*:/.exec(each)?.[1] ?? '',
    );
    found.set(match[1], { parameters, text: text.slice(begin, closing(text, begin) + 1) });
  }
  return found;
}

/** Where the bracket at `open` closes. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if ('([{'.includes(text[at])) depth++;
    else if (')]}'.includes(text[at]) && --depth === 0) return at;
  }
  throw new Error(`a bracket does not close: ${text.slice(open, open + 40)}`);
}

/** The parts between commas that are in no bracket. */
function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < text.length; at++) {
    if ('([{'.includes(text[at])) depth++;
    else if (')]}'.includes(text[at])) depth--;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  const last = text.slice(begin).trim();
  return last === '' ? parts : [...parts, last];
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  block(): Block {
    this.expect('{');
    const body: Statement[] = [];
    while (!this.takes('}')) body.push(this.statement());
    return { kind: 'block', body };
  }

  private statement(): Statement {
    this.space();
    if (this.text[this.at] === '{') return this.block();
    const word = /^\w*/.exec(this.text.slice(this.at, this.at + 20))?.[0];
    switch (word) {
      case 'if': {
        this.at += 2;
        return this.branch();
      }
      case 'for': {
        this.at += 3;
        const [begin = '', condition = '', next = ''] = this.bracket().split(';');
        return { kind: 'loop', begin, condition, next, body: this.block() };
      }
      case 'switch': {
        this.at += 6;
        const open = this.text.indexOf('{', this.at);
        const condition = this.text.slice(this.at, open);
        this.at = open + 1;
        const ways: Statement[] = [];
        while (!this.takes('}')) {
          this.at = this.text.indexOf('{', this.at);
          ways.push(this.block());
        }
        return { kind: 'branch', condition, ways };
      }
      case 'while':
      case 'loop':
        throw new Error(`'${word}' is not followed: write a for`);
    }
    const end = this.text.indexOf(';', this.at);
    const text = this.text.slice(this.at, end).trim();
    this.at = end + 1;
    const leave = /^(return|continue|break)\b(.*)/s.exec(text);
    if (leave) return { kind: 'leave', how: leave[1] as 'return', value: leave[2].trim() };
    return { kind: 'plain', text };
  }

  private branch(): Statement {
    this.space();
    // Up to the block: conditions need no brackets.
    let condition = '';
    while (this.text[this.at] !== '{') condition += this.text[this.at++];
    const then = this.block();
    this.space();
    if (!this.text.startsWith('else', this.at))
      return { kind: 'branch', condition, ways: [then, { kind: 'block', body: [] }] };
    this.at += 4;
    this.space();
    if (/^if\b/.test(this.text.slice(this.at, this.at + 3))) {
      this.at += 2;
      return { kind: 'branch', condition, ways: [then, this.branch()] };
    }
    return { kind: 'branch', condition, ways: [then, this.block()] };
  }

  private bracket(): string {
    this.space();
    const close = closing(this.text, this.at);
    const inside = this.text.slice(this.at + 1, close);
    this.at = close + 1;
    return inside;
  }

  private space(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  private takes(character: string): boolean {
    this.space();
    if (this.at >= this.text.length) throw new Error(`no '${character}' until the end`);
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private expect(character: string): void {
    if (!this.takes(character))
      throw new Error(`no '${character}' at ${this.text.slice(this.at, this.at + 40)}`);
  }
}

// ---------------------------------------------------------------- following them

class Follower {
  private readonly problems = new Set<string>();
  private readonly access: RegExp;
  /** Functions in which something happens, so that calls of the others need not be followed. */
  private readonly relevant = new Set<string>();
  private readonly bodies = new Map<string, Block>();

  constructor(
    private readonly shared: readonly string[],
    private readonly privates: readonly string[],
    private readonly functions: ReadonlyMap<string, Function>,
  ) {
    this.access = new RegExp(`(?<![.\\w])(${shared.join('|')})\\s*\\[`, 'g');
    const wanted = new RegExp(`\\b(${[...shared, 'workgroupBarrier'].join('|')})\\b`);
    for (let before = -1; before !== this.relevant.size; ) {
      before = this.relevant.size;
      for (const [name, { text }] of functions) {
        const calls = [...text.matchAll(/\b(\w+)\(/g)].some(([, called]) => this.relevant.has(called));
        if (calls || wanted.test(text)) this.relevant.add(name);
      }
    }
  }

  follow(entry: string): string[] {
    this.run(this.bodyOf(entry), [{ halves: new Map(), read: new Map(), written: new Map() }], entry);
    return [...this.problems];
  }

  private bodyOf(name: string): Block {
    const { text } = this.functions.get(name) as Function;
    const body = this.bodies.get(name) ?? new Parser(text).block();
    this.bodies.set(name, body);
    return body;
  }

  private run(statement: Statement, ways: readonly Way[], place: string): Exits {
    const exits: Exits = { end: [], return: [], continue: [], break: [] };
    if (ways.length === 0) return exits;
    switch (statement.kind) {
      case 'block': {
        let now = [...ways];
        for (const each of statement.body) {
          const then = this.run(each, now, place);
          exits.return.push(...then.return);
          exits.continue.push(...then.continue);
          exits.break.push(...then.break);
          now = then.end;
        }
        exits.end = now;
        break;
      }
      case 'plain':
        exits.end = ways.map((way) => this.plain(statement.text, way, place));
        break;
      case 'leave':
        exits[statement.how] = ways.map((way) =>
          statement.value === '' ? way : this.assign('return', statement.value, way, place),
        );
        break;
      case 'branch': {
        const begun = ways.map((way) => this.evaluate(statement.condition, way, place).way);
        for (const each of statement.ways) {
          const then = this.run(each, begun, place);
          for (const how of ['end', 'return', 'continue', 'break'] as const) exits[how].push(...then[how]);
        }
        break;
      }
      case 'loop': {
        // Round until nothing new comes back to its head.
        const known = new Map<string, Way>();
        let now = merged(ways.map((way) => this.plain(statement.begin, way, place)));
        while (now.length > 0) {
          const grown = now.flatMap((way) => {
            const before = known.get(keyOf(way));
            const all = before ? mergedAll([before, way], way.halves) : way;
            if (before && pending(before) === pending(all)) return [];
            known.set(keyOf(way), all);
            return [this.evaluate(statement.condition, all, place).way];
          });
          exits.end.push(...grown);
          const then = this.run(statement.body, grown, place);
          exits.return.push(...then.return);
          exits.end.push(...then.break);
          now = merged([...then.end, ...then.continue].map((way) => this.plain(statement.next, way, place)));
        }
        break;
      }
      default:
        statement satisfies never;
    }
    for (const how of ['end', 'return', 'continue', 'break'] as const) exits[how] = merged(exits[how]);
    return exits;
  }

  private plain(text: string, way: Way, place: string): Way {
    const trimmed = text.trim();
    if (trimmed === '') return way;
    const declared = /^(?:let|const|var)\s+(\w+)(?:\s*:[^=]*)?\s*(?:=(?!=)([\s\S]*))?$/.exec(trimmed);
    if (declared) return declared[2] === undefined ? way : this.assign(declared[1], declared[2], way, place);
    const assigned = /^(\w+)\s*=(?!=)([\s\S]*)$/.exec(trimmed);
    if (assigned) return this.assign(assigned[1], assigned[2], way, place);
    // An element of what is shared may be what is assigned to.
    const target = this.targetOf(trimmed);
    if (!target) return this.evaluate(trimmed, way, place).way;
    const after = this.evaluate(`${target.index}, ${target.value}`, way, place).way;
    const touched = target.updates ? this.touch('read', target, after, place) : after;
    return this.touch('write', target, touched, place);
  }

  private targetOf(text: string) {
    const found = new RegExp(`^(${this.shared.join('|')})\\s*\\[`).exec(text);
    if (!found) return undefined;
    const open = found[0].length - 1;
    const close = closing(text, open);
    const operator = /^[.\w\s]*(?:\[[^\]]*\]\s*)?([-+*/|&^]?)=(?!=)([\s\S]*)$/.exec(text.slice(close + 1));
    if (!operator) return undefined;
    return {
      name: found[1],
      index: text.slice(open + 1, close),
      value: operator[2],
      updates: operator[1] !== '',
    };
  }

  /** A variable that gets a value: of those that say which half is meant, that half. */
  private assign(name: string, value: string, way: Way, place: string): Way {
    const after = this.evaluate(value, way, place);
    const halves = new Map(after.way.halves);
    setHalf(halves, name, after.half ?? halfOf(value.trim(), halves));
    return { ...after.way, halves };
  }

  /** Follows calls and reads in an expression; the half that a call by itself returns. */
  private evaluate(text: string, way: Way, place: string): { way: Way; half?: number } {
    let now = way;
    let half: number | undefined;
    if (/\bworkgroupBarrier\s*\(/.test(text)) return { way: { ...way, read: new Map(), written: new Map() } };
    for (const match of text.matchAll(/(?<![.\w])(\w+)\s*\(/g)) {
      const called = this.functions.get(match[1]);
      if (!called || !this.relevant.has(match[1])) continue;
      const open = match.index + match[0].length - 1;
      const close = closing(text, open);
      const given = splitList(text.slice(open + 1, close)).map((each) => halfOf(each, now.halves));
      const inside = new Map(now.halves);
      for (const [i, name] of called.parameters.entries()) setHalf(inside, name, given[i]);
      inside.delete('return');
      const { end, return: returned } = this.run(
        this.bodyOf(match[1]),
        [{ ...now, halves: inside }],
        match[1],
      );
      const ends = [...end, ...returned];
      const results = new Set(ends.map(({ halves }) => halves.get('return')));
      const outer = new Map(now.halves);
      for (const name of this.privates) {
        const after = new Set(ends.map(({ halves }) => halves.get(name)));
        setHalf(outer, name, after.size === 1 ? [...after][0] : EITHER);
      }
      now = mergedAll(ends, outer);
      if (text.slice(0, match.index).trim() === '') half = results.size === 1 ? [...results][0] : EITHER;
    }
    for (const match of text.matchAll(this.access)) {
      const open = match.index + match[0].length - 1;
      now = this.touch(
        'read',
        { name: match[1], index: text.slice(open + 1, closing(text, open)) },
        now,
        place,
      );
    }
    return half === undefined ? { way: now } : { way: now, half };
  }

  private touch(
    how: 'read' | 'write',
    { name, index }: { readonly name: string; readonly index: string },
    way: Way,
    place: string,
  ): Way {
    const own = /^(thread|local)$/.test(index.trim());
    const half = way.halves.get(/^\w+/.exec(index.trim())?.[0] ?? '') ?? 0;
    const access = { name, half, own };
    const key = `${name} ${half} ${own}`;
    for (const other of (how === 'read' ? way.written : way.read).values()) {
      const apart = other.half !== half && other.half !== EITHER && half !== EITHER;
      if (other.name !== name || apart || (own && other.own)) continue;
      this.problems.add(
        how === 'read'
          ? `${place} reads ${name}[${index}] with no barrier after a write`
          : `${place} writes ${name}[${index}] with no barrier after a read`,
      );
    }
    return how === 'read'
      ? { ...way, read: new Map([...way.read, [key, access]]) }
      : { ...way, written: new Map([...way.written, [key, access]]) };
  }
}

/** Which half an expression means, if it says so. */
function halfOf(text: string, halves: ReadonlyMap<string, number>): number | undefined {
  if (/^0u$/.test(text)) return 0;
  const other = /^2u \* WIDTH - (\w+)$/.exec(text);
  const half = halves.get(other ? other[1] : text);
  return other && half !== undefined && half !== EITHER ? 1 - half : half;
}

function setHalf(halves: Map<string, number>, name: string, half: number | undefined): void {
  if (half === undefined) halves.delete(name);
  else halves.set(name, half);
}

/** Ways with the same halves as one, on which all is pending that is on any of them. */
function merged(ways: readonly Way[]): Way[] {
  const byHalves = new Map<string, Way[]>();
  for (const way of ways) {
    byHalves.set(keyOf(way), [...(byHalves.get(keyOf(way)) ?? []), way]);
  }
  return [...byHalves.values()].map((alike) => mergedAll(alike, alike[0].halves));
}

const keyOf = ({ halves }: Way): string => JSON.stringify([...halves].sort(([a], [b]) => (a < b ? -1 : 1)));

/** How much is pending on a way. */
const pending = ({ read, written }: Way): number => read.size + written.size;

function mergedAll(ways: readonly Way[], halves: ReadonlyMap<string, number>): Way {
  return {
    halves,
    read: new Map(ways.flatMap(({ read }) => [...read])),
    written: new Map(ways.flatMap(({ written }) => [...written])),
  };
}
