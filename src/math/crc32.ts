/** Bytes taken at once. */
const BYTES = 8;
/** Eight rows of 256: what a byte leaves after none, one, … seven more. */
const table = new Uint32Array(256 * BYTES);
for (let byte = 0; byte < 256; byte++) {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  table[byte] = rest;
}
for (let i = 256; i < table.length; i++) table[i] = (table[i - 256] >>> 8) ^ table[table[i - 256] & 0xff];

/**
 * CRC-32 of a sequence of bytes, as zip and PNG have it.
 *
 * @param before the checksum of the bytes that come before, to go on from
 * @source ISO 3309, polynomial 0x04C11DB7, bits reversed; eight bytes at once as in Kounavis and Berry, A Systematic
 *   Approach to Building High Performance Software-Based CRC Generators, 2005
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let rest = ~before;
  let i = 0;
  for (const last = bytes.length - BYTES; i <= last; i += BYTES) {
    rest ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    rest =
      table[1792 + (rest & 0xff)] ^
      table[1536 + ((rest >>> 8) & 0xff)] ^
      table[1280 + ((rest >>> 16) & 0xff)] ^
      table[1024 + (rest >>> 24)] ^
      table[768 + bytes[i + 4]] ^
      table[512 + bytes[i + 5]] ^
      table[256 + bytes[i + 6]] ^
      table[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) rest = (rest >>> 8) ^ table[(rest ^ bytes[i]) & 0xff];
  return ~rest >>> 0;
}
