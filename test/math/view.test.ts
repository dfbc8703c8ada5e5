// Views against arrays that are moved element by element: whatever chain of operations a view takes, it shows the same
// numbers, or says that it has no such form.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PhiloxStream } from '../../src/math/philox.ts';
import { broadcastAxes, broadcastShapes, normalizeAxis } from '../../src/math/shape.ts';
import { applyView, contiguousView, isContiguous, isPlain, type View } from '../../src/math/view.ts';

/** An array with its shape, row by row. */
interface Plain {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Every index of a shape, row by row. */
function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (found, extent) => found.flatMap((index) => Array.from({ length: extent }, (_, i) => [...index, i])),
    [[]],
  );
}

const at = ({ shape, values }: Plain, index: readonly number[]): number =>
  values[index.reduce((sum, i, axis) => sum * shape[axis] + i, 0)];

const made = (shape: readonly number[], value: (index: number[]) => number): Plain => ({
  shape,
  values: indicesOf(shape).map(value),
});

type Operation = Parameters<typeof applyView>[1];

/** What the operation makes of an array. */
function moved(x: Plain, operation: Operation): Plain {
  switch (operation.kind) {
    case 'alias':
      return x;
    case 'reshape':
      return { shape: operation.shape, values: x.values };
    case 'transpose': {
      const { permutation } = operation;
      return made(
        permutation.map((axis) => x.shape[axis]),
        (index) =>
          at(
            x,
            x.shape.map((_, axis) => index[permutation.indexOf(axis)]),
          ),
      );
    }
    case 'broadcast': {
      const pad = operation.shape.length - x.shape.length;
      return made(operation.shape, (index) =>
        at(
          x,
          x.shape.map((extent, axis) => (extent === 1 ? 0 : index[axis + pad])),
        ),
      );
    }
    case 'slice':
      return made(operation.size, (index) =>
        at(
          x,
          index.map((i, axis) => operation.begin[axis] + i * operation.step[axis]),
        ),
      );
    case 'pad':
      return made(operation.size, (index) => {
        const from = index.map((i, axis) => (i - operation.begin[axis]) / operation.step[axis]);
        const inside = from.every((i, axis) => Number.isInteger(i) && i >= 0 && i < x.shape[axis]);
        return inside ? at(x, from) : 0;
      });
    default:
      return operation satisfies never;
  }
}

/** What a view shows of a buffer, by the words of its own description. */
function shown({ axes, offset }: View, buffer: readonly number[]): Plain {
  const shape = axes.map(({ size }) => size);
  return made(shape, (index) => {
    let place = offset;
    for (const [axis, i] of index.entries()) {
      const { begin, step, count, stride } = axes[axis];
      const entry = (i - begin) / step;
      if (!Number.isInteger(entry) || entry < 0 || entry >= count) return 0;
      place += entry * stride;
    }
    return buffer[place];
  });
}

/** An operation that fits the shape, drawn at random. */
function drawn(shape: readonly number[], random: PhiloxStream): Operation {
  const one = () => 1 + random.nextInt(2);
  switch (random.nextInt(5)) {
    case 0: {
      const left = sizeOf(shape);
      const first = [1, 2, 3, 4, 6].filter((extent) => left % extent === 0);
      const extent = first[random.nextInt(first.length)];
      const parts = [extent, left / extent];
      if (random.nextInt(2) === 0) parts.splice(random.nextInt(3), 0, 1);
      return { kind: 'reshape', shape: parts };
    }
    case 1: {
      const permutation = [...shape.keys()];
      for (let i = permutation.length - 1; i > 0; i--) {
        const j = random.nextInt(i + 1);
        [permutation[i], permutation[j]] = [permutation[j], permutation[i]];
      }
      return { kind: 'transpose', permutation };
    }
    case 2: {
      const wide = shape.map((extent) => (extent === 1 ? one() + 1 : extent));
      return { kind: 'broadcast', shape: random.nextInt(2) === 0 ? [2, ...wide] : wide };
    }
    case 3: {
      const begin = shape.map((extent) => random.nextInt(extent));
      const step = shape.map(one);
      const size = shape.map(
        (extent, axis) => 1 + random.nextInt(Math.ceil((extent - begin[axis]) / step[axis])),
      );
      return { kind: 'slice', begin, size, step };
    }
    default: {
      const begin = shape.map(() => random.nextInt(2));
      const step = shape.map(one);
      const size = shape.map(
        (extent, axis) => begin[axis] + (extent - 1) * step[axis] + 1 + random.nextInt(2),
      );
      return { kind: 'pad', begin, size, step };
    }
  }
}

test('chains of operations show what moving the elements gives', () => {
  const random = new PhiloxStream(11);
  const seen = new Set<string>();
  let without = 0;
  for (let chain = 0; chain < 1500; chain++) {
    const shape = Array.from({ length: 1 + random.nextInt(3) }, () => [1, 2, 3, 4, 6][random.nextInt(5)]);
    const buffer = Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);
    let view: View | undefined = contiguousView(shape);
    let plain: Plain = { shape, values: buffer };
    const kinds: string[] = [];
    for (let length = 0; length < 4 && view && plain.values.length < 500; length++) {
      const operation = drawn(plain.shape, random);
      kinds.push(JSON.stringify(operation));
      view = applyView(view, operation);
      if (!view) {
        without++;
        break;
      }
      plain = moved(plain, operation);
      seen.add(kinds.map((text) => JSON.parse(text).kind).join(' '));
      assert.equal(shown(view, buffer), plain, `${shape}: ${kinds.join(' ')}`);
      const inOrder = plain.values.every((value, i) => value === plain.values[0] + i);
      const places = plain.values.every((value) => value > 0);
      if (isContiguous(view)) assert.ok(inOrder && places, `${shape}: ${kinds.join(' ')} is not contiguous`);
      if (isPlain(view)) assert.is(plain.values[0], 1, `${shape}: ${kinds.join(' ')} does not begin at 0`);
    }
  }
  // Nearly all that can follow each other has, and some had no form as a view.
  assert.ok(seen.size > 150, String(seen.size));
  assert.ok(without > 40, String(without));
});

test('operations that only move the offset or split an axis need no copy', () => {
  const rows = contiguousView([4, 6]);
  const lower = applyView(rows, { kind: 'slice', begin: [2, 0], size: [2, 6], step: [1, 1] }) as View;
  assert.ok(isContiguous(lower));
  assert.not(isPlain(lower));
  assert.ok(applyView(rows, { kind: 'reshape', shape: [2, 2, 1, 6] }));
  const turned = applyView(rows, { kind: 'transpose', permutation: [1, 0] }) as View;
  assert.ok(applyView(turned, { kind: 'reshape', shape: [2, 3, 4] }));
  assert.is(applyView(turned, { kind: 'reshape', shape: [24] }), undefined);
  assert.is(applyView(turned, { kind: 'reshape', shape: [4, 6] }), undefined);
});

test('axes are counted from either end, and no further', () => {
  assert.equal(
    [-4, -3, -1, 0, 2, 3, 0.5].map((axis) => normalizeAxis(axis, 3)),
    [undefined, 0, 2, 0, 2, undefined, undefined],
  );
});

test('shapes broadcast by the last axes', () => {
  assert.equal(broadcastShapes([3, 1], [2, 1, 4]), [2, 3, 4]);
  assert.is(broadcastShapes([3, 2], [3]), undefined);
  assert.equal(broadcastAxes([3, 1], [2, 3, 4]), [0, 2]);
  assert.equal(broadcastAxes([2, 3], [2, 3]), []);
});

test.run();
