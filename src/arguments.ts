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
export function requireOptions<T extends object>(
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
