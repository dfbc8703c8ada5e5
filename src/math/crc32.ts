const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/**
 * CRC-32 of a sequence of bytes, as zip and PNG have it.
 *
 * @param before the checksum of the bytes that come before, to go on from
 * @source ISO 3309, polynomial 0x04C11DB7, bits reversed
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let rest = ~before;
  for (let i = 0; i < bytes.length; i++) rest = (rest >>> 8) ^ table[(rest ^ bytes[i]) & 0xff];
  return ~rest >>> 0;
}
