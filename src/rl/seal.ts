// JSON documents that tell when they were changed: their last entry is a checksum of the others.
import { DataError } from '../errors.ts';
import { crc32 } from '../math/crc32.ts';

/** A document with its checksum. */
export const sealed = <T extends object>(document: T): T & { readonly checksum: string } => ({
  ...document,
  checksum: checksumOf(document),
});

/**
 * Checks a document against its checksum, if it has one: those of earlier releases have none.
 *
 * @param where what it came from, for the error
 * @throws DataError when it was changed after it was written
 */
export function requireSealed(document: unknown, where: string): void {
  if (typeof document !== 'object' || document === null || !Object.hasOwn(document, 'checksum')) return;
  const { checksum, ...rest } = document as { readonly checksum: unknown };
  if (checksum === checksumOf(rest)) return;
  throw new DataError(`${where} was changed after it was written: its checksum does not match.`, {
    hint: "Restore it; or, if it was changed on purpose, remove 'checksum' from it.",
  });
}

/** Of the values, whatever spaces and lines are between them: CRC-32 in hexadecimal. */
const checksumOf = (document: object): string =>
  crc32(new TextEncoder().encode(JSON.stringify(document)))
    .toString(16)
    .padStart(8, '0');
