// What a model in MJCF may ask for, looked at before MuJoCo parses it: past these the engine takes minutes, runs out of
// memory or of its stack, which ends it or harms whatever else it holds.

import { DataError } from '../../errors.ts';

/** Bytes of the XML of a model, each included file among it. */
const MOST_XML_BYTES = 2 ** 23;
/** Bytes of all files that a model names. */
const MOST_FILE_BYTES = 2 ** 29;
/** Elements within each other; a cable's parts are. The engine's stack ends at some 135. */
const MOST_LEVELS = 100;
/** Elements with those that `replicate` makes, and bodies among them: the engine's time grows with the square of these. */
const MOST_ELEMENTS = 20_000;
const MOST_BODIES = 3000;

/** By element and attribute: the most that one may ask for. Of several numbers in an attribute, or attributes, the product. */
const most: Readonly<Record<string, readonly { readonly of: readonly string[]; readonly most: number }[]>> = {
  // The engine's time grows with the square.
  replicate: [{ of: ['count'], most: 2000 }],
  flexcomp: [{ of: ['count'], most: 3000 }],
  hfield: [{ of: ['nrow', 'ncol'], most: 2 ** 24 }],
  texture: [{ of: ['width', 'height'], most: 2 ** 24 }],
  size: [
    { of: ['memory'], most: 2 ** 30 },
    { of: ['nstack'], most: 2 ** 27 },
    { of: ['njmax'], most: 2 ** 20 },
    { of: ['nconmax'], most: 2 ** 20 },
    { of: ['nkey'], most: 100_000 },
    { of: ['nuserdata'], most: 2 ** 20 },
    ...['body', 'jnt', 'geom', 'site', 'cam', 'tendon', 'actuator', 'sensor'].map((kind) => ({
      of: [`nuser_${kind}`],
      most: 1000,
    })),
  ],
};

type Files = Readonly<Record<string, string | Uint8Array>>;

/** @throws DataError for a model that asks for more than the engine survives, naming what, how much, and the limit */
export function requireModest(xml: string, files: Files): void {
  const bytes = Object.values(files).reduce((total, { length }) => total + length, 0);
  requireMost('files of so many bytes', bytes, MOST_FILE_BYTES);
  new Scan(files).read(xml, 0, 1, []);
}

function requireMost(what: string, asked: number, limit: number): void {
  if (asked <= limit) return;
  throw new DataError(`The MJCF asks for ${what}: ${asked}, more than ${limit}.`, {
    hint: 'MuJoCo would take too long, or end for want of memory.',
  });
}

interface Open {
  readonly tag: string;
  /** How often each child comes. */
  readonly times: number;
}

const token =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([\w:.-]+)((?:"[^"]*"|'[^']*'|[^"'<>])*?)(\/?)>/g;
const attribute = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** Tags and attributes of a model and of what it includes, one after the other. What is no XML, MuJoCo refuses. */
class Scan {
  private elements = 0;
  private bodies = 0;
  private xmlBytes = 0;

  constructor(private readonly files: Files) {}

  /**
   * @param levels elements around it
   * @param times how often it comes
   * @param within names of the files that include it
   */
  read(xml: string, levels: number, times: number, within: readonly string[]): void {
    this.xmlBytes += xml.length;
    requireMost('XML of so many bytes', this.xmlBytes, MOST_XML_BYTES);
    const open: Open[] = [];
    for (const [, closes, tag, text, ends] of xml.matchAll(token)) {
      if (tag === undefined) continue;
      if (closes) {
        open.pop();
        continue;
      }
      const around = open.at(-1)?.times ?? times;
      const depth = levels + open.length + 1;
      requireMost('elements within each other', depth, MOST_LEVELS);
      const attributes = new Map(
        [...text.matchAll(attribute)].map(([, name, double, single]) => [
          name,
          plain(double ?? single ?? ''),
        ]),
      );
      for (const { of, most: limit } of most[tag] ?? [])
        requireMost(`${tag} ${of.join(' × ')}`, product(of, attributes), limit);
      const count = product(['count'], attributes);
      // Each part of a composite is within the last.
      if (tag === 'composite') requireMost('elements within each other', depth + count, MOST_LEVELS);
      const made = around * (tag === 'replicate' || makesBodies(tag) ? count : 1);
      this.elements += made;
      if (tag === 'body' || makesBodies(tag)) this.bodies += made;
      requireMost('bodies, replicated ones among them', this.bodies, MOST_BODIES);
      requireMost('elements, replicated ones among them', this.elements, MOST_ELEMENTS);
      const file = attributes.get('file');
      if (tag === 'include' && file !== undefined) this.include(file, depth, around, within);
      if (!ends) open.push({ tag, times: made });
    }
  }

  private include(name: string, levels: number, times: number, within: readonly string[]): void {
    // MuJoCo refuses what includes itself, and what is not there.
    const content = Object.hasOwn(this.files, name) ? this.files[name] : undefined;
    if (content === undefined || within.includes(name)) return;
    const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
    this.read(text, levels, times, [...within, name]);
  }
}

const makesBodies = (tag: string): boolean => tag === 'flexcomp' || tag === 'composite';

/** The numbers of these attributes multiplied; 1 for those that are absent or hold none. */
const product = (names: readonly string[], attributes: ReadonlyMap<string, string>): number =>
  names
    .flatMap((name) => (attributes.get(name) ?? '').trim().split(/\s+/))
    .reduce((total, text) => total * (numberOf(text) ?? 1), 1);

const suffixes = 'KMGTPE';

/** `1e8`, or `512M` as memory is given. */
function numberOf(text: string): number | undefined {
  const value = Number.parseFloat(text);
  if (Number.isNaN(value)) return undefined;
  const suffix = /^\d+([KMGTPE])$/i.exec(text)?.[1];
  return suffix === undefined ? value : value * 1024 ** (1 + suffixes.indexOf(suffix.toUpperCase()));
}

/** A value with the characters that it writes by their numbers. */
const plain = (text: string): string =>
  text.replace(/&#(?:x([\da-f]+)|(\d+));/gi, (whole, hex, decimal) => {
    const code = hex === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
