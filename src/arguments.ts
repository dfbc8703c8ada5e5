// What callers without a type checker get wrong, said by name: an option that is not one, a string where an object is wanted.
import { quoted, UsageError, unknownName } from './errors.ts';

/**
 * Options that a function takes, as an object whose names are all known.
 *
 * @param owner the function, for the error
 * @param known every option, each `true`: the type says when one is left out
 * @param example how a call is written
 * @throws UsageError for anything but an object, or a name that is not known: it would be ignored
 */
export function requireKnown<T extends object>(
  owner: string,
  given: T,
  known: Readonly<Record<keyof T, true>>,
  example: string,
): T {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UsageError(`${owner} takes its options as an object; got ${quoted(given)}.`, {
      hint: `Write ${example}.`,
    });
  for (const name of Object.keys(given))
    if (!Object.hasOwn(known, name)) throw unknownName(`option of ${owner}`, name, Object.keys(known));
  return given;
}

/** The names of defaults, each known: for {@link requireKnown}. */
export const namesOf = <T extends object>(defaults: T): Readonly<Record<keyof T, true>> =>
  Object.fromEntries(Object.keys(defaults).map((name) => [name, true])) as Record<keyof T, true>;

/** @throws UsageError naming the known ones, when a name is none of them */
export function requireName<T extends string>(kind: string, given: T, known: readonly T[]): T {
  if (known.includes(given)) return given;
  throw unknownName(kind, typeof given === 'string' ? given : quoted(given), known);
}

/**
 * What stands for a registered thing, when it is one.
 *
 * @param name the option, for the error
 * @param make what makes one of a name
 * @throws UsageError that says how, when a name or anything else was given in its place
 */
export function requireMade<T>(
  name: string,
  given: T,
  isOne: (given: Partial<T>) => boolean,
  make: string,
): T {
  if (typeof given === 'object' && given !== null && isOne(given)) return given;
  const called = typeof given === 'string' ? JSON.stringify(given) : '…';
  throw new UsageError(`${name} is ${quoted(given)}; it must be what ${make} returns.`, {
    hint: `Write ${make}(${called}).`,
  });
}

/** What a part may have to be. */
const kinds = {
  text: { wanted: 'a text', isOne: (value: unknown) => typeof value === 'string' && value !== '' },
  function: { wanted: 'a function', isOne: (value: unknown) => typeof value === 'function' },
  list: { wanted: 'a list', isOne: Array.isArray },
  object: { wanted: 'an object', isOne: (value: unknown) => typeof value === 'object' && value !== null },
  count: {
    wanted: 'a whole number from 1',
    isOne: (value: unknown) => Number.isInteger(value) && (value as number) >= 1,
  },
  flag: { wanted: 'true or false', isOne: (value: unknown) => typeof value === 'boolean' },
} as const;

/**
 * Checks that a thing to be registered has its parts, and a name that is free.
 *
 * @param kind what it is, for the error
 * @param parts of which kind each must be
 * @param taken names that are registered
 * @throws UsageError naming the first part that is wrong and what it must be, or the name that is taken
 */
export function requireNew<T extends { readonly name: string }>(
  kind: string,
  given: T,
  parts: Readonly<Partial<Record<keyof T, keyof typeof kinds>>>,
  taken: readonly string[],
): void {
  if (typeof given !== 'object' || given === null)
    throw new UsageError(`The ${kind} to register is ${quoted(given)}; it must be an object.`);
  for (const [part, of] of Object.entries(parts) as [keyof T & string, keyof typeof kinds][]) {
    const { wanted, isOne } = kinds[of];
    if (isOne(given[part])) continue;
    const named = typeof given.name === 'string' ? ` '${given.name}'` : '';
    throw new UsageError(`The ${kind}${named} has ${part} ${quoted(given[part])}; it must be ${wanted}.`);
  }
  if (!/^[A-Za-z0-9][\w./-]*$/.test(given.name))
    throw new UsageError(`'${given.name}' cannot be the name of a registered ${kind}.`, {
      hint: 'Names are letters, digits, - . and _; commas, colons, spaces, + and @ separate names.',
    });
  if (taken.includes(given.name))
    throw new UsageError(`The ${kind} '${given.name}' is registered already.`, {
      hint: 'Give yours another name.',
    });
}
