// What a program may not get wrong by its plan, whatever the kernels: values of states as of where they were read, elements
// in their order, extremes that are met again, and which number was not finite. Expected values are written out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Device } from '../../src/device.ts';
import {
  add,
  argMax,
  assign,
  concat,
  div,
  grad,
  log,
  max,
  min,
  mul,
  randomUniform,
  read,
  reshape,
  State,
  sum,
  type Tensor,
  transpose,
} from '../../src/tape/index.ts';
import { type Body, type Data, evaluate, openDevice } from '../helpers/devices.ts';
import { normals } from '../helpers/gradcheck.ts';

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

/** Outputs on the device of this run, each number rounded to five digits. */
async function outputs(body: Body, inputs: Data = {}): Promise<Record<string, number[]>> {
  const results = await evaluate(body, inputs, { device });
  return Object.fromEntries(
    Object.entries(results).map(([name, values]) => [name, [...values].map((x) => Number(x.toPrecision(5)))]),
  );
}

/** A state [2, 3] with the elements 1 to 6. */
const counting = () => new State('counting', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));

/** Ways to use a value of the state, and what they give for 1 to 6. */
const uses: Readonly<Record<string, [(x: Tensor) => Tensor, number[]]>> = {
  itself: [(x) => x, [1, 2, 3, 4, 5, 6]],
  'an elementwise operation': [(x) => mul(x, x), [1, 4, 9, 16, 25, 36]],
  'a sum': [(x) => sum(x, 1), [6, 15]],
  'a sum that something finishes': [(x) => add(sum(x, 0), 1), [6, 8, 10]],
  'a view': [(x) => transpose(x), [1, 4, 2, 5, 3, 6]],
  'a view of a view': [(x) => reshape(transpose(x), [6]), [1, 4, 2, 5, 3, 6]],
  'an index': [(x) => argMax(x, 1), [2, 2]],
  'parts of two': [(x) => concat([x, x], 1), [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]],
};
for (const [name, [use, expected]] of Object.entries(uses)) {
  test(`a state read before a write and used after it is as it was: ${name}`, async () => {
    const state = counting();
    const results = await outputs(() => {
      const before = read(state);
      const turned = transpose(before);
      assign(state, mul(before, 10));
      // `turned` is a view recorded before the write, with a user after it.
      return { early: use(before), again: use(transpose(turned)), late: use(div(read(state), 10)) };
    });
    assert.equal(results, { early: expected, again: expected, late: expected });
    assert.equal([...(await device.read(state))], [10, 20, 30, 40, 50, 60]);
    device.free(state);
  });
}

test('what finishes a reduction takes its elements where they are', async () => {
  const x = Float64Array.from({ length: 36 }, (_, i) => i * i);
  const total = (i: number, j: number) => [0, 1, 2, 3].reduce((s, k) => s + (12 * i + 4 * j + k) ** 2, 0);
  const square = (at: (i: number, j: number) => number) =>
    [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => Number(at(i, j).toPrecision(5))));
  // Each by itself: what two finish is finished by none.
  const finished: Readonly<Record<string, [(sums: Tensor) => Tensor, number[]]>> = {
    straight: [(sums) => add(sums, 1), square((i, j) => total(i, j) + 1)],
    turned: [(sums) => add(transpose(sums), 1), square((i, j) => total(j, i) + 1)],
    both: [(sums) => add(sums, transpose(sums)), square((i, j) => total(i, j) + total(j, i))],
    divided: [(sums) => div(sums, reshape(sums, [3, 3])), square(() => 1)],
  };
  for (const [name, [finish, expected]] of Object.entries(finished)) {
    const { y } = await outputs(({ input }) => ({ y: finish(sum(input('x', [3, 3, 4]), 2)) }), { x });
    assert.equal(y, expected, name);
  }
});

test('an extreme of computed values meets the value that it is', async () => {
  const [a, b] = [normals(300, 1), normals(300, 2)];
  const products = Array.from(a, (x, i) => Math.fround(x) * Math.fround(b[i]));
  for (const [name, extreme, at] of [
    ['max', max, products.indexOf(Math.max(...products))],
    ['min', min, products.indexOf(Math.min(...products))],
  ] as const) {
    const results = await outputs(
      ({ input }) => {
        const [left, right] = [input('a', [300]), input('b', [300])];
        const [slope] = grad(extreme(mul(left, right)), [left]);
        return { slope };
      },
      { a, b },
    );
    const expected = products.map((_, i) => (i === at ? Number(Math.fround(b[i]).toPrecision(5)) : 0));
    assert.equal(results.slope, expected, name);
  }
});

test('the first output that was not finite is named, with its update', async () => {
  for (const [wrong, name] of [
    ['a', 'first'],
    ['b', 'second'],
    ['c', 'third'],
    ['cb', 'second'],
  ]) {
    for (const bad of [-1, 0]) {
      const update = await device.compile(({ input }) => {
        const noise = mul(sum(randomUniform([2])), 0);
        const logOf = (name: string) => add(sum(log(input(name, [1]))), noise);
        return { first: logOf('a'), second: logOf('b'), third: logOf('c') };
      });
      update.write({ a: [1], b: [2], c: [3] });
      update.run(4);
      assert.is(await update.fault(), undefined);
      for (const input of wrong) update.write({ [input]: [bad] });
      update.run(2);
      assert.equal(await update.fault(), { update: 5, what: `the output '${name}'` });
      update.dispose();
    }
  }
});

test.run();
