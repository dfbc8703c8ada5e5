// The peak of plain JavaScript: double-precision multiplications and additions in registers, typed arrays that stream past.
import { bestOf, type Peak, type Stream, type Streams, streams } from './peak.ts';

const STEPS = 2_000_000;
const SUMS = 8;

/** c ← c·x + y for 8 independent sums. */
function chains(times: number, x: number, y: number): number {
  let [a, b, c, d, e, f, g, h] = [y, y, y, y, y, y, y, y];
  for (let i = 0; i < times; i++) {
    a = a * x + y;
    b = b * x + y;
    c = c * x + y;
    d = d * x + y;
    e = e * x + y;
    f = f * x + y;
    g = g * x + y;
    h = h * x + y;
  }
  return a + b + c + d + e + f + g + h;
}

/** GFLOP/s of multiplications and additions in registers: one measurement of some ms. */
export function javaScriptGflops(): number {
  const begun = performance.now();
  chains(STEPS, 0.5, 1);
  return (2 * SUMS * STEPS) / (performance.now() - begun) / 1e6;
}

function read(values: Float32Array, times: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let time = 0; time < times; time++) {
    for (let i = 0; i < values.length; i += 4) {
      a += values[i];
      b += values[i + 1];
      c += values[i + 2];
      d += values[i + 3];
    }
  }
  return a + b + c + d;
}

function triad(to: Float32Array, b: Float32Array, c: Float32Array, scale: number, times: number): void {
  for (let time = 0; time < times; time++) for (let i = 0; i < to.length; i++) to[i] = b[i] + scale * c[i];
}

/** Bytes that one measurement streams, at least. */
const STREAMED_BYTES = 1 << 25;

/** GB/s over so many bytes in all. */
function gigabytesPerSecond(stream: Stream, bytes: number): number {
  const third = 4 * Math.max(1, Math.round(bytes / 48));
  const times = Math.max(1, Math.round(STREAMED_BYTES / (12 * third)));
  const arrays = [0, 1, 2].map(() => new Float32Array(third).fill(1));
  const all = new Float32Array(3 * third).fill(1);
  const begun = performance.now();
  if (stream === 'triad') triad(arrays[0], arrays[1], arrays[2], 0.5, times);
  else read(all, times);
  return (12 * third * times) / (performance.now() - begun) / 1e6;
}

/** @param sizes bytes of the working sets, @param rounds measurements of which the best counts */
export function measureJavaScriptPeak(
  sizes: readonly number[],
  rounds: number,
): Omit<Peak, 'launchMicroseconds'> {
  const gflops = bestOf(rounds, javaScriptGflops);
  const rows = sizes.map((bytes): Streams => {
    const [reads, triads] = streams.map((stream) => bestOf(rounds, () => gigabytesPerSecond(stream, bytes)));
    return { bytes, read: reads, triad: triads };
  });
  return {
    backend: 'cpu',
    instructions: 'multiplications and additions of doubles, one at a time',
    threads: 1,
    gflops,
    streams: rows,
  };
}
