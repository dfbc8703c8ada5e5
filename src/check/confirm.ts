import { CheckError } from '../errors.ts';

/** @throws CheckError when something does not hold */
export function confirm(holds: boolean, problem: string): void {
  if (!holds) throw new CheckError(`${problem.replace(/\.$/, '')}.`);
}

/** What a check tried, one line each. */
export type Checked = readonly string[];

/**
 * Tries one after the other.
 *
 * @param what is checked, for the error
 * @returns the names of what was tried
 * @throws CheckError with what was found, each with its name, once all were tried
 */
export async function tryAll(
  what: string,
  checks: readonly (readonly [name: string, check: () => unknown])[],
): Promise<Checked> {
  const found: string[] = [];
  let cause: unknown;
  for (const [name, check] of checks) {
    try {
      await check();
    } catch (error) {
      cause ??= error;
      found.push(`${name}: ${(error instanceof Error ? error.message : String(error)).replace(/\.$/, '')}`);
    }
  }
  if (found.length === 0) return checks.map(([name]) => name);
  throw new CheckError(`${what} fails ${found.length} of ${checks.length} checks: ${found.join('; ')}.`, {
    cause,
  });
}
