// What a machine can do at most, as the roofline needs it: arithmetic, and bytes by how many of them are in use.

/** Ways in which bytes are streamed: reads alone, or two arrays read and a third written. */
export const streams = ['read', 'triad'] as const;
export type Stream = (typeof streams)[number];

/** GB/s of each stream over so many bytes for each thread. */
export interface Streams extends Readonly<Record<Stream, number>> {
  readonly bytes: number;
}

/** A measured peak; plain JSON. */
export interface Peak {
  readonly backend: 'cpu' | 'wasm' | 'webgpu';
  /** What the arithmetic was, for people. */
  readonly instructions: string;
  readonly threads: number;
  readonly gflops: number;
  /** From the smallest working set to the largest. */
  readonly streams: readonly Streams[];
  /** Least time of a kernel that does nothing, µs. */
  readonly launchMicroseconds: number;
}

/**
 * GB/s that a kernel can hope for which touches so many bytes: the faster of the streams, log-linear between the
 * working sets that were measured.
 *
 * @param bytes touched by all threads together
 */
export function bandwidthAt(
  { streams: rows, threads }: Pick<Peak, 'streams' | 'threads'>,
  bytes: number,
): number {
  const best = rows.map(({ read, triad }) => Math.max(read, triad));
  const at = Math.log(Math.max(1, bytes / threads));
  const next = rows.findIndex((row) => Math.log(row.bytes) >= at);
  if (next <= 0) return next === 0 ? best[0] : best[best.length - 1];
  const [low, high] = [Math.log(rows[next - 1].bytes), Math.log(rows[next].bytes)];
  const share = (at - low) / (high - low);
  return best[next - 1] ** (1 - share) * best[next] ** share;
}

/** The largest of several measurements: what the machine can do, not what its neighbours let it. */
export function bestOf(rounds: number, measure: () => number): number;
export function bestOf(rounds: number, measure: () => Promise<number>): Promise<number>;
export function bestOf(rounds: number, measure: () => number | Promise<number>): number | Promise<number> {
  const first = measure();
  if (typeof first === 'number') {
    let best = first;
    for (let round = 1; round < rounds; round++) best = Math.max(best, measure() as number);
    return best;
  }
  return (async () => {
    let best = await first;
    for (let round = 1; round < rounds; round++) best = Math.max(best, await measure());
    return best;
  })();
}
