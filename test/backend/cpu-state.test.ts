import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { philox4x32 } from '../../src/math/philox.ts';
import { close, runKernel } from '../helpers/cpu-run.ts';

interface GoldenArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface GoldenCase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, GoldenArray>>;
  readonly params: Readonly<Record<string, number | boolean | null>>;
  readonly expect: Readonly<Record<string, GoldenArray>>;
  readonly tolerance: Readonly<Record<string, Record<'f32' | 'f64', { rtol: number; atol: number }>>>;
}

const golden: { cases: GoldenCase[] } = JSON.parse(
  readFileSync(resolve(process.cwd(), 'test/golden/optim.json'), 'utf8'),
);

for (const precision of ['f64', 'f32'] as const) {
  for (const { name, inputs, params, expect, tolerance } of golden.cases.filter((c) =>
    c.name.startsWith('adam/'),
  )) {
    test(`${name}, ${precision}: 20 steps as in PyTorch`, async () => {
      const [a, b] = [inputs.p0.data.length, inputs.p1.data.length];
      const zeros = new Float64Array(a + b);
      let state: Record<'parameters' | 'm' | 'v', Float64Array> = {
        parameters: Float64Array.from([...inputs.p0.data, ...inputs.p1.data]),
        m: zeros,
        v: zeros,
      };
      for (let t = 0; t < 20; t++) {
        const gradient = [
          ...inputs.G0.data.slice(t * a, (t + 1) * a),
          ...inputs.G1.data.slice(t * b, (t + 1) * b),
        ];
        const norm = Math.hypot(...gradient);
        const limit = params.max_grad_norm as number | null;
        const after = await runKernel(
          'adam',
          {
            ...{
              count: a + b,
              hasScale: 1,
              decoupled: params.decoupled ? 1 : 0,
              epsilon: params.eps as number,
            },
            ...{
              learningRate: params.lr as number,
              beta1: params.beta1 as number,
              beta2: params.beta2 as number,
            },
            weightDecay: params.weight_decay as number,
          },
          {
            ...{ parameters: state.parameters, moments: [...state.m, ...state.v], gradient },
            ...{ scale: [limit ? Math.min(1, limit / (norm + 1e-6)) : 1], clock: [1, 2, t, 0] },
          },
          precision,
        );
        state = {
          parameters: after.parameters,
          m: after.moments.slice(0, a + b),
          v: after.moments.slice(a + b),
        };
        const bounds = (key: string) => tolerance[key][precision];
        const at = `step ${t + 1}`;
        close(
          state.parameters.slice(0, a),
          expect.p0_after.data.slice(t * a, (t + 1) * a),
          at,
          bounds('p0_after'),
        );
        close(
          state.parameters.slice(a),
          expect.p1_after.data.slice(t * b, (t + 1) * b),
          at,
          bounds('p1_after'),
        );
      }
      close(state.m.slice(0, a), expect.m0.data, 'm0', tolerance.m0[precision]);
      close(state.v.slice(a), expect.v1.data, 'v1', tolerance.v1[precision]);
    });
  }
}

test('adam moves its target after the step', async () => {
  const { parameters, target } = await runKernel(
    'adam',
    { count: 2, hasTarget: 1, learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, tau: 0.25 },
    {
      ...{ parameters: [1, 2], moments: 4, gradient: [3, -5] },
      ...{ target: [0, 8], clock: [0, 0, 0, 0] },
    },
  );
  close(parameters, [0.9, 2.1], 'first step is the learning rate', { atol: 1e-8, rtol: 0 });
  close(target, [0.25 * parameters[0], 0.75 * 8 + 0.25 * parameters[1]], 'target');
});

test('tick advances the third word only', async () => {
  const { clock } = await runKernel('tick', {}, { clock: [5, 6, 7, 8] });
  assert.equal([...clock], [5, 6, 8, 8]);
});

const clock = [0xdeadbeef, 7, 41, 3];
const wordsOf = (draw: number, count: number): number[] => {
  const words: number[] = [];
  const block = new Uint32Array(4);
  for (let i = 0; words.length < count; i++) {
    philox4x32([i, clock[2], draw, clock[3]], [clock[0], clock[1]], block);
    words.push(...block);
  }
  return words.slice(0, count);
};

for (const count of [1, 2, 3, 4, 7, 257]) {
  test(`philox: ${count} words, uniforms and normals from the same bits`, async () => {
    const words = wordsOf(9, count + 1);
    const params = { count, draw: 9, each: count, drawStep: 0 };
    const bits = await runKernel('philox', { ...params, kind: 0 }, { clock, y: new Uint32Array(count) });
    assert.equal([...bits.y], words.slice(0, count));
    const uniform = (word: number) => ((word >>> 9) + 0.5) / 2 ** 23;
    const uniforms = await runKernel('philox', { ...params, kind: 1 }, { clock, y: count }, 'f32');
    assert.equal([...uniforms.y], words.slice(0, count).map(uniform));
    const normals = await runKernel('philox', { ...params, kind: 2 }, { clock, y: count });
    const expected = Array.from({ length: count }, (_, i) => {
      const even = i - (i % 2);
      const angle = 2 * Math.PI * uniform(words[even + 1]);
      return Math.sqrt(-2 * Math.log(uniform(words[even]))) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
    });
    close(normals.y, expected, 'normals', { rtol: 1e-14, atol: 1e-15 });
  });
}

test('philox: several draws, one after another', async () => {
  const params = { count: 30, draw: 9, kind: 0, each: 12, drawStep: -4 };
  const { y } = await runKernel('philox', params, { clock, y: new Uint32Array(30) });
  assert.equal([...y], [...wordsOf(9, 12), ...wordsOf(5, 12), ...wordsOf(1, 6)]);
});

test('philox refuses to put bits where floats are, and floats where words are', async () => {
  for (const [kind, y, message] of [
    [0, 4, /'y' must hold u32 words/],
    [2, new Uint32Array(4), /'y' must hold floats/],
  ] as const) {
    const params = { count: 4, draw: 0, kind, each: 4, drawStep: 0 };
    const problem = await runKernel('philox', params, { clock, y }).catch((error: Error) => error);
    assert.match(String(problem), message);
  }
});

test('replay_sample takes the rows that Philox names, evenly, and none that is not filled', async () => {
  const [batch, width, capacity, filled] = [4000, 2, 50, 37];
  const storage = Float64Array.from({ length: capacity * width }, (_, i) => i);
  const { y } = await runKernel(
    'replay_sample',
    { batch, width, draw: 5 },
    { storage, fill: [filled], clock, y: batch * width },
  );
  const counts = new Array<number>(capacity).fill(0);
  wordsOf(5, batch).forEach((word, i) => {
    const row = Number((BigInt(word) * BigInt(filled)) >> 32n);
    assert.equal([y[i * width], y[i * width + 1]], [row * width, row * width + 1]);
    counts[row]++;
  });
  const expected = batch / filled;
  const chiSquare = counts.slice(0, filled).reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  // Mean 36, standard deviation √72 ≈ 8.5: four of them.
  assert.ok(chiSquare < 70, `chi-square ${chiSquare}`);
  assert.equal(counts.slice(filled), new Array(capacity - filled).fill(0));
});

test.run();
