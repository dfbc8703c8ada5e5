// Heaps over buffers that only count: what is given out is zeros and nobody else's, and what is given back is used again.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Heaps, type Range } from '../../src/backend/webgpu/heaps.ts';
import { segmentsInOne } from '../../src/backend/webgpu/segments.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import { kernelSpec } from '../../src/program/kernels.ts';
import type { KernelStep } from '../../src/program/program.ts';

/** A buffer whose elements are 0 or dirty. */
interface Fake {
  readonly dirty: Uint8Array;
  ended: boolean;
}

function heapsOf(first: number, most: number) {
  const buffers: Fake[] = [];
  const heaps = new Heaps(
    {
      create: (elements) => {
        const fake: Fake & { destroy(): void } = {
          dirty: new Uint8Array(elements),
          ended: false,
          destroy() {
            this.ended = true;
          },
        };
        buffers.push(fake);
        return fake as unknown as GPUBuffer;
      },
      clear: (gpu, offset, count) => {
        const { dirty } = gpu as unknown as Fake;
        assert.ok(offset + count <= dirty.length);
        dirty.fill(0, offset, offset + count);
      },
    },
    { f32: first, u32: first },
    most,
  );
  const open = () => buffers.filter(({ ended }) => !ended);
  return { heaps, buffers, open };
}

const fakeOf = ({ heap }: Range): Fake => heap.gpu as unknown as Fake;
const part = (range: Range): Uint8Array =>
  fakeOf(range).dirty.subarray(range.offset, range.offset + range.count);

test('ranges are zeros, apart, and as long as asked for, whatever comes and goes', () => {
  const random = new PhiloxStream(3);
  const { heaps, open } = heapsOf(1024, 4096);
  const held: Range[] = [];
  for (let i = 0; i < 2000; i++) {
    if (held.length > 0 && random.nextInt(5) < 2) {
      heaps.free(held.splice(random.nextInt(held.length), 1)[0]);
      continue;
    }
    const count = 1 + random.nextInt(random.nextInt(20) === 0 ? 6000 : 300);
    const range = heaps.allocate(count, random.nextInt(4) === 0 ? 'u32' : 'f32', 'x');
    assert.ok(range.count >= count && range.offset + range.count <= fakeOf(range).dirty.length);
    assert.not(fakeOf(range).ended);
    assert.ok(
      part(range).every((element) => element === 0),
      'not zeros, or of another',
    );
    part(range).fill(1);
    held.push(range);
    if (held.length > 40) for (const each of held.splice(0, 30)) heaps.free(each);
  }
  for (const range of held) heaps.free(range);
  assert.is(open().length, 0);
});

test('neighbours that are free are one', () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [0, 2, 1],
    [1, 0, 2],
  ]) {
    const { heaps, buffers } = heapsOf(1024, 4096);
    const ranges = [0, 1, 2, 3].map(() => heaps.allocate(256, 'f32', 'x'));
    for (const i of order) heaps.free(ranges[i]);
    const large = heaps.allocate(768, 'f32', 'x');
    assert.is(buffers.length, 1, `${order}`);
    assert.is(large.offset, 0);
  }
});

test('a heap ends with its last range, and the next is no larger', () => {
  const { heaps, buffers, open } = heapsOf(256, 4096);
  for (let i = 0; i < 5; i++) {
    const range = heaps.allocate(200, 'f32', 'x');
    assert.is(open().length, 1);
    heaps.free(range);
    assert.is(open().length, 0);
  }
  assert.equal(
    buffers.map(({ dirty }) => dirty.length),
    [256, 256, 256, 256, 256],
  );
});

test('heaps double up to the most; what is larger has one to itself', () => {
  const { heaps, buffers } = heapsOf(256, 1024);
  const sizes = () => buffers.map(({ dirty }) => dirty.length);
  for (let i = 0; i < 5; i++) heaps.allocate(256 * 2 ** Math.min(i, 2), 'f32', 'x');
  assert.equal(sizes(), [256, 512, 1024, 1024, 1024]);
  heaps.allocate(2048, 'f32', 'x');
  assert.is(sizes().at(-1), 2048);
  const words = heaps.allocate(1, 'u32', 'x');
  assert.is(words.heap.dtype, 'u32');
  assert.is(sizes().at(-1), 256);
});

test('two segments of input are read as one only where they lie in one heap', () => {
  const { bindings } = kernelSpec('mlp_layer_forward');
  const step = (x1: number): KernelStep => ({
    ...{ kind: 'kernel', kernel: 'mlp_layer_forward', params: { hasX1: Number(x1 >= 0) } },
    ...{ label: '', flops: 0, bytes: 0, shapes: '' },
    buffers: bindings.map(({ name }) => ({ x0: 0, x1, parameters: 2, y: 3 })[name] ?? -1),
  });
  const { heaps } = heapsOf(256, 256);
  const one = [0, 1, 2, 3].map(() => heaps.allocate(64, 'f32', 'x').heap);
  const two = [one[0], heaps.allocate(64, 'f32', 'x').heap, one[2], one[3]];
  assert.is.not(two[1], one[0]);
  const hasX1 = (x1: number, of: typeof one) =>
    (segmentsInOne(step(x1), (buffer) => of[buffer]) as KernelStep).params.hasX1;
  assert.is(hasX1(1, one), 2);
  assert.is(hasX1(-1, two), 2);
  assert.is(hasX1(1, two), 1);
});

test.run();
