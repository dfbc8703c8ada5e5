// What a device is asked for that it cannot mean: refused by name, before anything is computed, and nothing is left behind.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/backend/backend.ts';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { openWasm } from '../../src/backend/wasm/backend.ts';
import { Arena } from '../../src/backend/wasm/memory.ts';
import { Device, type Recorder } from '../../src/device.ts';
import {
  BackendError,
  type DivergradError,
  NumericsError,
  ShapeError,
  UsageError,
} from '../../src/errors.ts';
import {
  add,
  assign,
  exp,
  grad,
  gradient,
  literal,
  matmul,
  mul,
  randomNormal,
  read,
  reshape,
  State,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { countingBackend } from '../helpers/counting-backend.ts';

const test = suite('boundary');

type Kind = new (...given: never[]) => DivergradError;

async function refuses(kind: Kind, words: RegExp, body: () => unknown): Promise<void> {
  let thrown: unknown;
  try {
    await body();
  } catch (error) {
    thrown = error;
  }
  assert.instance(thrown, kind, `${thrown}`);
  assert.match((thrown as Error).message, words);
}

const opened = () => new Device(countingBackend());
/** Records a program, which is not run. */
const recorded = (body: (recorder: Recorder) => unknown) =>
  opened().compile(body as (recorder: Recorder) => Record<string, Tensor>);

test('a tensor of another recording is refused wherever it comes in', async () => {
  const kept: Tensor[] = [];
  await recorded(({ input }) => {
    const x = input('x', [2]);
    kept.push(x, exp(x), sum(exp(x)));
    return { y: kept[1] };
  });
  const [x, y, total] = kept;
  const own = (body: (z: Tensor) => unknown) => () => recorded(({ input }) => body(input('z', [2])));
  const words = /#\d+\[2?\] belongs to another recording/;
  await refuses(
    UsageError,
    words,
    own((z) => ({ y: add(z, y) })),
  );
  await refuses(
    UsageError,
    words,
    own((z) => ({ z, y })),
  );
  await refuses(
    UsageError,
    words,
    own((z) => ({ z, y: add(y, 0) })),
  );
  await refuses(
    UsageError,
    words,
    own((z) => ({ g: grad(sum(z), [x])[0] })),
  );
  await refuses(
    UsageError,
    words,
    own(() => ({ g: grad(total, [x])[0] })),
  );
  await refuses(
    UsageError,
    words,
    own((z) => ({ g: grad(z, [z], y)[0] })),
  );
  await refuses(
    UsageError,
    words,
    own(() => {
      assign(new State('s', [2]), y);
      return {};
    }),
  );
  // Of a recording around this one, too.
  await refuses(UsageError, words, () =>
    recorded(({ input }) => {
      const outer = input('x', [2]);
      refused = recorded(() => ({ y: exp(outer) }));
      return { outer };
    }).then(() => refused),
  );
});
let refused: Promise<unknown>;

test('a recording function returns tensors by name, at once', async () => {
  const of = (returned: (x: Tensor) => unknown) => () => recorded(({ input }) => returned(input('x', [])));
  await refuses(
    UsageError,
    /returned a promise.*async/,
    of(async (x) => ({ x })),
  );
  await refuses(
    UsageError,
    /returned undefined/,
    of(() => undefined),
  );
  await refuses(
    UsageError,
    /returned the tensor input#0\[\]/,
    of((x) => x),
  );
  await refuses(
    UsageError,
    /returned an array/,
    of((x) => [x]),
  );
  await refuses(
    UsageError,
    /returned 3 as output 'y'/,
    of((x) => ({ x, y: 3 })),
  );
  await refuses(
    UsageError,
    /returned undefined as output 'y'/,
    of((x) => ({ x, y: undefined })),
  );
  await refuses(UsageError, /exp takes a tensor.*got undefined/, () => exp(undefined as never));
});

test('an input that is read must be written, or have an initial value', async () => {
  const device = opened();
  const update = await device.compile(({ input }) => {
    input('unread', [4]);
    return { y: add(mul(input('a', [2]), input('b', [2])), input('c', [2], 10)) };
  });
  await refuses(UsageError, /nothing was written to 'a', 'b'/, () => update.run());
  update.write({ a: [1, 2] });
  await refuses(UsageError, /nothing was written to 'b'\./, () => update.run());
  await refuses(UsageError, /nothing was written to 'b'\./, () => update.trace().next());
  update.write({ b: [3, 4] });
  update.run();
  assert.equal([...(await update.read('y'))], [13, 18]);
  update.write({ c: [0, 0] });
  update.run();
  assert.equal([...(await update.read('y'))], [3, 8]);
  const passed = await device.compile(({ input }) => ({ x: input('x', [1]) }));
  await refuses(UsageError, /nothing was written to 'x'/, () => passed.run());
  await refuses(UsageError, /must be an array of numbers; got undefined/, () =>
    passed.write({ x: undefined as never }),
  );
});

test('shapes and seeds that mean nothing are refused when recorded', async () => {
  const shape = (body: () => Tensor) => () => recorded(() => ({ y: body() }));
  const words = /extents must be whole numbers/;
  await refuses(
    ShapeError,
    words,
    shape(() => literal([1, 2], [-1, -2])),
  );
  await refuses(
    ShapeError,
    words,
    shape(() => randomNormal([1.5])),
  );
  await refuses(
    ShapeError,
    words,
    shape(() => randomNormal([2 ** 30, 2 ** 30])),
  );
  await refuses(
    ShapeError,
    words,
    shape(() => randomNormal([-2, -2])),
  );
  await refuses(
    ShapeError,
    words,
    shape(() => reshape(literal([1, 2], [2]), [-2, -1, 1])),
  );
  await refuses(ShapeError, words, () => new State('s', [-1, -2], Float32Array.of(1, 2)));
  await refuses(ShapeError, words, () => recorded(({ input }) => ({ x: input('x', [0]) })));
  for (const seed of [-1, 0.5, 2 ** 53, Number.NaN])
    await refuses(UsageError, /The random seed is .* integer from 0/, () =>
      opened().compile(() => ({ y: randomNormal([2]) }), { seed }),
    );
});

test('the initial values of a state are finite as the device stores them, and the state’s own', async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e39]) {
    const state = new State('weights', [2], [0, value] as unknown as Float32Array);
    const words = /the initial value of state 'weights' holds (NaN|-?Infinity|1e\+39) at element 1/;
    await refuses(NumericsError, words, () => recorded(() => ({ y: exp(read(state)) })));
    await refuses(NumericsError, words, () => opened().read(state));
  }
  const text = ['a', 1n, '1'] as unknown as number[];
  for (const value of text) {
    const state = new State('weights', [1], [value] as unknown as Float32Array);
    await refuses(NumericsError, /holds (a|1) at element 0/, () => opened().read(state));
    await refuses(NumericsError, /holds (a|1) at element 0/, () =>
      opened().write(new State('x', [1]), [value] as unknown as Float32Array),
    );
  }
  const values = Float32Array.of(1);
  const state = new State('weights', [1], values);
  values[0] = Number.NaN;
  assert.equal(Array.from(await opened().read(state)), [1]);
  // What the reference computes in float64 holds 1e39.
  const wide = new Device(createCpuBackend({ precision: 'f64' }));
  const large = new State('large', [1], Float64Array.of(1e39) as unknown as Float32Array);
  assert.equal(Array.from(await wide.read(large)), [1e39]);
  await refuses(UsageError, /State 'weights' must be written an array/, () =>
    opened().write(state, null as unknown as Float32Array),
  );
});

test('what has no shape, and a gradient of another recording, are refused by name', async () => {
  for (const shape of [null, undefined, 'ab', 3]) {
    await refuses(ShapeError, /state 'x' has no shape/, () => new State('x', shape as unknown as number[]));
    await refuses(ShapeError, /input 'x' has no shape/, () =>
      recorded(({ input }) => ({ y: input('x', shape as unknown as number[]) })),
    );
  }
  let loss: Tensor | undefined;
  await recorded(({ input }) => {
    loss = sum(input('x', [2]));
    return { loss };
  });
  const other = () => recorded(() => ({ y: gradient(loss as Tensor, new State('w', [1])) }));
  await refuses(UsageError, /gradient: .* belongs to another recording/, other);
});

test('what is read has the shape and the place that was asked for', async () => {
  const device = opened();
  const state = new State('s', [3]);
  for (const [offset, count] of [
    [0, 4],
    [-1, 1],
    [0.5, 1],
    [0, Number.NaN],
  ])
    await refuses(ShapeError, /State 's' has 3 elements; cannot read/, () =>
      device.read(state, offset, count),
    );
  await refuses(ShapeError, /cannot write 1 at 1.5/, () => device.write(state, Float32Array.of(1), 1.5));
  const update = await device.compile(() => ({ y: exp(read(state)) }));
  update.run();
  await refuses(ShapeError, /'y' has shape \[3\]; it is no scalar/, () => update.readScalar('y'));
});

test('after its end nothing of a program or a device is used', async () => {
  const device = opened();
  const state = new State('s', [1], Float32Array.of(5));
  const update = await device.compile(({ input }) => ({ s: read(state), x: input('x', [1], 0) }));
  update.run();
  await refuses(UsageError, /State 's' cannot be freed: a program still uses it.*outputs s, x/, () =>
    device.free(state),
  );
  update.dispose();
  update.dispose();
  for (const use of [() => update.run(), () => update.read('s'), () => update.write({ x: [1] })])
    await refuses(BackendError, /program was disposed of/, use);
  device.free(state);
  await device.dispose();
  for (const use of [
    () => device.read(state),
    () => device.write(state, Float32Array.of(1)),
    () => device.compile(() => ({ s: read(state) })),
  ])
    await refuses(BackendError, /device was disposed of/, use);
  assert.equal((device.backend as ReturnType<typeof countingBackend>).wrong, []);
});

/** A program with every kind of buffer. */
const everything = (device: Device, state: State) =>
  device.compile(({ input }) => {
    const x = input('x', [2, 3]);
    const y = matmul(matmul(x, literal([1, 2, 3, 4, 5, 6], [3, 2])), x);
    assign(state, add(read(state), 1));
    return { y, total: sum(y) };
  });

test('a program that cannot be allocated or loaded leaves nothing, whichever call fails', async () => {
  let calls = Number.POSITIVE_INFINITY;
  const failing = (backend: Backend, name: 'allocate' | 'write' | 'load') => {
    const inner = backend[name].bind(backend) as (...given: never[]) => unknown;
    (backend as unknown as Record<string, unknown>)[name] = (...given: never[]) => {
      if (--calls === 0) throw new BackendError('No memory is left.', { fault: 'memory' });
      return inner(...given);
    };
  };
  for (const name of ['allocate', 'write', 'load'] as const) {
    const backend = countingBackend();
    failing(backend, name);
    const device = new Device(backend);
    const kept = new State('kept', [1], Float32Array.of(3));
    await device.read(kept);
    let failures = 0;
    for (let at = 1; ; at++) {
      calls = at;
      const state = new State('state', [1], Float32Array.of(1));
      const update = await everything(device, state).catch(() => undefined);
      calls = Number.POSITIVE_INFINITY;
      update?.dispose();
      if (update) break;
      failures++;
      assert.equal([...backend.held.values()], ['kept'], `${name}, call ${at}`);
      assert.is(backend.loaded.size, 0);
    }
    assert.ok(failures >= (name === 'allocate' ? 5 : 1), `${name}: ${failures}`);
    assert.equal(backend.wrong, []);
  }
});

test('a program that is disposed of leaves nothing but the states of its caller', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const weights = new State('weights', [2]);
  const body = () => ({ y: add(randomNormal([2]), read(weights)) });
  const program = device.lower(body);
  for (let i = 0; i < 3; i++) {
    const [update, twin] = [await device.load(program), await device.load(program)];
    update.run();
    const first = Array.from(await update.read('y'));
    update.dispose();
    // Its clock is still the other's: the draws go on.
    twin.run();
    assert.not.equal(Array.from(await twin.read('y')), first);
    twin.dispose();
    assert.equal([...backend.held.values()], ['weights']);
  }
  await device.dispose();
  assert.equal(backend.wrong, []);
});

test('a state that cannot be read leaves no memory behind, and one that could before keeps its own', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const kept = new State('kept', [1], Float32Array.of(3));
  await device.read(kept);
  const read = backend.read.bind(backend);
  backend.read = async () => {
    throw new BackendError('There is no memory.', { fault: 'memory' });
  };
  await refuses(BackendError, /no memory/, () => device.read(new State('s', [4])));
  await refuses(BackendError, /no memory/, () => device.read(kept));
  assert.equal([...backend.held.values()], ['kept']);
  backend.read = read;
  assert.equal([...(await device.read(kept))], [3]);
  assert.equal(backend.wrong, []);
});

test('a state that another program uses outlives a program that failed', async () => {
  const backend = countingBackend();
  const device = new Device(backend);
  const state = new State('s', [1], Float32Array.of(1));
  const [load] = [backend.load.bind(backend)];
  let fail = true;
  backend.load = async (...given) => {
    const failing = fail;
    fail = false;
    await new Promise((done) => setTimeout(done, failing ? 5 : 0));
    if (failing) throw new BackendError('It does not load.');
    return load(...given);
  };
  const [first, second] = [everything(device, state), everything(device, state)];
  await refuses(BackendError, /does not load/, () => first);
  const update = await second;
  update.write({ x: [1, 2, 3, 4, 5, 6] });
  update.run(2);
  assert.equal([...(await device.read(state))], [3]);
});

test('wasm memory is given back by programs that do not load, and the next one is right', async () => {
  let held = 0;
  const { allocate, release } = Arena.prototype;
  const size = (bytes: number) => Math.max(64, 64 * Math.ceil(bytes / 64));
  Arena.prototype.allocate = function (bytes, label) {
    const address = allocate.call(this, bytes, label);
    held += size(bytes);
    return address;
  };
  Arena.prototype.release = function (address, bytes) {
    held -= size(bytes);
    release.call(this, address, bytes);
  };
  try {
    const device = new Device(await openWasm({ threads: 1 }));
    const good = () => device.compile(({ input }) => ({ y: exp(input('x', [64], 1)) }));
    const scaled = (by: number) =>
      device.compile(({ input }) => ({ y: mul(add(input('x', [64], 1), by), 12.5) }));
    (await good()).dispose();
    (await scaled(2)).dispose();
    const before = held;
    // Constants that programs have in common stay while one of them does.
    const [one, two] = [await scaled(3), await scaled(4)];
    one.dispose();
    two.run();
    assert.is((await two.read('y'))[63], 62.5);
    two.dispose();
    assert.is(held, before, 'constants of programs that have ended');
    await refuses(BackendError, /cannot grow/, () =>
      device.compile(({ input }) => ({
        y: matmul(exp(input('x', [64, 64], 0)), randomNormal([64, 1 << 24])),
      })),
    );
    assert.is(held, before, 'memory that is missing');
    assert.ok((device.backend.information.memoryBytes as number) < 2 ** 25, 'and nothing was taken for it');
    const update = await good();
    update.run();
    assert.ok(Math.abs((await update.read('y'))[63] - Math.E) < 1e-6);
  } finally {
    Object.assign(Arena.prototype, { allocate, release });
  }
});

test.run();
