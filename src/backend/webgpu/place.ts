import { literal } from './fused.ts';

/** Where a step has each of the kernel's bindings, by the heap's number; none where it leaves one out. */
export type Places = readonly ({ readonly heap: number; readonly offset: number } | undefined)[];

/** What a step gives its kernel: values of the parameters in their order, and places of the bindings. */
export interface Use {
  readonly params: readonly number[];
  readonly places: Places;
}

/** Bytes of a step's values in the table. */
export const ENTRY = 512;

/** Steps that have one pipeline at most: each makes the choice among them longer. */
export const MOST_USES = 8;

/**
 * Whether two steps of a kernel have each binding in the same heap, or one of them lacks it and nothing comes of that: it
 * is read only, or written only where a parameter says so. What is written anyway would hit the memory of others.
 */
export function agree(wgsl: string, some: Places, others: Places): boolean {
  const fields = fieldsOf(wgsl).map(([name]) => name.toLowerCase());
  return [...wgsl.matchAll(binding)].every(([, access, name], i) => {
    const [at, other] = [some[i], others[i]];
    if (at && other) return at.heap === other.heap;
    return at === other || access === 'read' || fields.includes(`has${name.replace(/_$/, '')}`);
  });
}

const binding = /@group\(0\) @binding\(\d+\) var<storage, (\w+)> (\w+): array<(.*)>;\n/g;
const uniform = /@group\(0\) @binding\(\d+\) var<uniform> params: Params;\n/;
const begin = /^fn main\([^{]*\{\n/m;

/** The parameters' names in a kernel's text. */
const fieldsOf = (wgsl: string): readonly [name: string, type: string][] =>
  [...(/struct Params \{([^}]*)\}/.exec(wgsl)?.[1] ?? '').matchAll(/(\w+): (\w+),/g)].map(
    ([, name, type]) => [name, type],
  );

/** By what the steps of a pipeline know their numbers, from 1. */
export interface Numbering {
  /** Axis along which a step's grid is folded as many times as its number says. */
  readonly folded: 'y' | 'z';
  /** Axis along which the grids of steps whose numbers follow lie side by side, if the kernel leaves one. */
  readonly beside: 'y' | 'z' | undefined;
}

/** How steps of a kernel are told apart, if several may have its pipeline in common. */
export function numberingOf(wgsl: string): Numbering | undefined {
  // What varies with the step is not known to be uniform.
  if (wgsl.includes('workgroupBarrier') || wgsl.includes('workgroupUniformLoad')) return undefined;
  const folded = (['z', 'y'] as const).find((axis) => wgsl.includes(`group.${axis} * groups.x`));
  if (!folded) return undefined;
  const other = folded === 'y' ? 'z' : 'y';
  return { folded, beside: wgsl.includes(`group.${other}`) ? undefined : other };
}

/**
 * The kernel with its bindings in heaps, all of a program's in one group. One step takes its values from entry `slot` of
 * the program's table. Several steps have theirs written in, and each is told by its number: a choice among literals takes
 * a software adapter less time to compile than what it loads.
 *
 * @param heaps elements of each that is bound: an index into a size that is known takes less to keep in bounds
 * @param numbering of several steps
 */
export function place(
  wgsl: string,
  heaps: readonly number[],
  uses: readonly Use[],
  slot: number,
  numbering?: Numbering,
): string {
  const names = [...wgsl.matchAll(binding)].map(([, , name, type], i) => ({
    name,
    type,
    at: uses.map(({ places }) => places[i]).find(Boolean),
  }));
  const types = heaps.map((_, heap) => {
    const distinct = new Set(names.filter(({ at }) => at?.heap === heap).map(({ type }) => type));
    return distinct.size === 1 ? [...distinct][0] : 'u32';
  });
  const fields = fieldsOf(wgsl);
  const several = numbering !== undefined;
  const entry = `steps[${slot}]`;
  const chosen = (values: readonly string[]): string =>
    values.reduce((choice, value, i) =>
      value === values[0] ? choice : `select(${choice}, ${value}, number_ == ${i + 1}u)`,
    );

  const declared = types.map(
    (type, i) => `@group(0) @binding(${i}) var<storage, read_write> heap${i}: array<${type}, ${heaps[i]}>;\n`,
  );
  const begun: string[] = [];
  if (numbering) {
    const { folded, beside } = numbering;
    begun.push(`  let number_ = groups.${folded}${beside ? ` + group.${beside}` : ''};\n`);
  }
  let text = wgsl.replace(binding, '').replace(uniform, '');
  names.forEach(({ name, type, at }, i) => {
    if (!at) {
      // Named, but not reached.
      declared.push(`var<private> ${name}: array<${type}, 1>;\n`);
      return;
    }
    const start = several
      ? chosen(uses.map(({ places }) => `${places[i]?.offset ?? 0}u`))
      : `${entry}.${name}_start`;
    const counted = `const ${name}_begin = 0u;\n`;
    declared.push(`var<private> ${name}_begin: u32;\n`);
    begun.push(`  ${name}_begin = ${start};\n`);
    const access = {
      from: text.includes(counted) ? `heap${at.heap}[` : `heap${at.heap}[${name}_begin + `,
      cast: type === types[at.heap] ? undefined : type,
    };
    text = moved(text.replace(counted, ''), name, access);
  });

  if (several && fields.length > 0) {
    const values = fields.map(([, type], i) =>
      chosen(uses.map(({ params }) => (type === 'f32' ? literal(params[i]) : `${params[i] >>> 0}u`))),
    );
    declared.push('var<private> params: Params;\n');
    begun.push(`  params = Params(${values.join(', ')});\n`);
  } else if (!several) {
    const starts = names.filter(({ at }) => at).map(({ name }) => `${name}_start: u32`);
    declared.push(
      entryStruct([fields.map(([name, type]) => `${name}: ${type}`), starts]),
      `@group(0) @binding(${heaps.length}) var<uniform> steps: array<Entry, ${slot + 1}>;\n`,
    );
    text = text.replace(/(?<![.\w])params\./g, `${entry}.`);
  }
  const first = text.search(/^(?!enable|diagnostic|\/\/)/m);
  return (text.slice(0, first) + declared.join('') + text.slice(first)).replace(
    begin,
    (line) => line + begun.join(''),
  );
}

/**
 * The struct of an entry: each part begins a row of four words, and rows of a member of their own fill it up. It holds
 * words and arrays of whole rows alone and has no attributes, so that every driver lays it out in the same way.
 */
function entryStruct(parts: readonly (readonly string[])[]): string {
  const members: string[] = [];
  for (const part of parts) {
    members.push(...part);
    while (members.length % 4 !== 0) members.push(`unused${members.length}: u32`);
  }
  const rows = (ENTRY - 4 * members.length) / 16;
  if (rows > 0) members.push(`unused: array<vec4<u32>, ${rows}>`);
  return `struct Entry {\n${members.map((member) => `  ${member},\n`).join('')}}\n`;
}

/**
 * A step's values as they lie in its entry: the parameters, then where its bindings begin.
 *
 * @param floats whether each parameter is a float
 */
export function writeEntry(view: DataView, { params, places }: Use, floats: readonly boolean[]): void {
  params.forEach((value, i) => {
    if (floats[i]) view.setFloat32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  let at = Math.ceil(params.length / 4) * 16;
  for (const each of places) {
    if (!each) continue;
    view.setUint32(at, each.offset, true);
    at += 4;
  }
}

/** How a binding's elements are written: what comes before their index, and the type that the heap's stand for. */
interface Access {
  readonly from: string;
  readonly cast: string | undefined;
}

/** The text with each `name[i]` as an element of a heap. */
function moved(text: string, name: string, access: Access): string {
  const { from, cast } = access;
  const found = new RegExp(`(?<![.\\w])${name}\\[`, 'g');
  let result = '';
  let done = 0;
  for (let match = found.exec(text); match; match = found.exec(text)) {
    const begin = match.index + match[0].length;
    const end = closing(text, begin);
    const element = `${from}(${moved(text.slice(begin, end), name, access)})]`;
    result += text.slice(done, match.index);
    done = end + 1;
    const store = cast ? /^ ([-+*/]?)= ([^;]*);/.exec(text.slice(done)) : null;
    if (store) {
      const [whole, operator, value] = store;
      const right = moved(value, name, access);
      const kept = operator ? `bitcast<${cast}>(${element}) ${operator} (${right})` : right;
      result += `${element} = bitcast<u32>(${kept});`;
      done += whole.length;
    } else {
      result += cast ? `bitcast<${cast}>(${element})` : element;
    }
    found.lastIndex = done;
  }
  return result + text.slice(done);
}

/** Where the bracket that is open before `from` closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; depth > 0; at++) depth += text[at] === '[' ? 1 : text[at] === ']' ? -1 : 0;
  return at - 1;
}
