import { BackendError } from '../errors.ts';
import { formatCount } from '../program/program.ts';

interface Host {
  readonly constrainedMemory?: () => number;
  readonly getBuiltinModule?: (name: 'os') => { totalmem(): number } | undefined;
}

/**
 * Bytes of memory that this process can have at most: what the machine has, or its container allows. Undefined where the
 * engine does not say, as in pages.
 */
export function hostMemory(): number | undefined {
  const { process } = globalThis as { process?: Host };
  try {
    const limits = [process?.getBuiltinModule?.('os')?.totalmem(), process?.constrainedMemory?.()];
    const known = limits.filter((limit): limit is number => typeof limit === 'number' && limit > 0);
    return known.length === 0 ? undefined : Math.min(...known);
  } catch {
    // Deno asks for a permission that it may not have.
    return undefined;
  }
}

/** @throws BackendError for more bytes than the machine has */
export function requireHostMemory(bytes: number, what: string, limit = hostMemory()): void {
  if (limit === undefined || bytes <= limit) return;
  throw new BackendError(
    `${what} needs ${formatCount(bytes)}B, and this process can have ${formatCount(limit)}B of memory at most.`,
    { fault: 'memory', hint: 'Use a smaller batch, network or replay buffer.' },
  );
}
