// The texts of the shaders, without a device: they say the same as the kernels' table, and generated code is
// what it should be to the letter.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSoftwareAdapter } from '../../src/backend/webgpu/backend.ts';
import { generateFused, literal } from '../../src/backend/webgpu/fused.ts';
import { mathFor, shaders, specialise, unroll } from '../../src/backend/webgpu/shaders.ts';
import { dispatchSize } from '../../src/backend/webgpu/step-code.ts';
import { applyView, contiguousView, type View } from '../../src/math/view.ts';
import { joinedKernels, joinedSpec } from '../../src/program/join.ts';
import {
  ADAM_ITEMS,
  kernels,
  LAYER_GROUP,
  LAYER_TILE,
  MLP_ROWS,
  MLP_WIDTH,
  PASS_GROUP,
  REPLAY_COLUMNS,
  SUM_THREADS,
  WORKGROUP,
} from '../../src/kernels/index.ts';
import type { FusedKernel } from '../../src/program/program.ts';

/** Names that WGSL reserves carry an underscore. */
const plain = (name: string): string => name.replace(/_$/, '');

/** What joined kernels call otherwise than their parts, which call it y; noise is kept as floats there. */
const calledY: Readonly<Record<string, readonly string[]>> = {
  mlp_forward_gaussian_sample: ['head', 'noise'],
  philox_gaussian_sample: ['noise'],
};

const table = [...kernels, ...joinedKernels.map((name) => joinedSpec(name))];

test('every kernel has a shader and every shader a kernel', () => {
  assert.equal(Object.keys(shaders).sort(), table.map(({ name }) => name).sort());
});

for (const { name, bindings, params, floats } of table) {
  test(`${name}: bindings and parameters agree with the table`, () => {
    const wgsl = shaders[name];
    const declared = [
      ...wgsl.matchAll(
        /@group\(0\) @binding\((\d+)\) var<storage, (\w+)> (\w+): array<(?:atomic<)?(\w+)>?>;/g,
      ),
    ].map(([, binding, access, variable, type]) => ({
      binding: Number(binding),
      access,
      name: plain(variable),
      type,
    }));
    const renamed = declared.map((d) => ({ ...d, name: calledY[name]?.includes(d.name) ? 'y' : d.name }));
    // Hidden layers are words there, which hold floats or pairs of halves.
    const words = wgsl.includes('fn hidden_row(') ? /^(?:\d\.)?(saved|dz)$/ : /^$/;
    const expected = bindings.map((binding, i) => ({
      binding: i,
      access: binding.access === 'read' ? 'read' : 'read_write',
      name: binding.name.replace(/^\d\./, ''),
      type: words.test(binding.name)
        ? 'u32'
        : calledY[name] && /y$/.test(binding.name)
          ? 'f32'
          : binding.type,
    }));
    assert.equal(renamed, expected);
    const uniform = `@group(0) @binding(${bindings.length}) var<uniform> params: Params;`;
    assert.is(wgsl.includes(uniform), params.length > 0);
    const fields = [...(/struct Params \{([^}]*)\}/.exec(wgsl)?.[1] ?? '').matchAll(/(\w+): (\w+),/g)];
    assert.equal(
      fields.map(([, field, type]) => [field, type]),
      params.map((field) => [field, floats.includes(field) ? 'f32' : 'u32']),
    );
    assert.is(wgsl.match(/^fn main\(/gm)?.length, 1);
    assert.not.match(wgsl, '@include');
  });
}

test('shaders repeat the sizes of the table', () => {
  for (const name of ['mlp_forward', 'mlp_backward_inputs']) {
    assert.match(shaders[name], `const ROWS = ${MLP_ROWS}u;`);
    assert.match(shaders[name], `const WIDTH = ${MLP_WIDTH}u;`);
  }
  for (const name of ['mlp_layer_forward', 'mlp_layer_backward', 'mlp_layer_backward_weights']) {
    assert.match(shaders[name], `const ROWS = ${LAYER_TILE}u;\nconst COLUMNS = ${LAYER_TILE}u;`);
    assert.match(shaders[name], `@workgroup_size(${LAYER_GROUP})`);
  }
  for (const name of ['mlp_layers_forward', 'mlp_layers_backward']) {
    assert.match(shaders[name], `const ROWS = ${LAYER_TILE}u;`);
    assert.match(shaders[name], `@workgroup_size(${PASS_GROUP})`);
    assert.match(shaders[name], `+ ${PASS_GROUP}u * ROWS - 1u) / (${PASS_GROUP}u * ROWS)`);
  }
  assert.match(shaders.mlp_layer_backward_weights, `made: array<f32, ${LAYER_TILE ** 2}>;`);
  for (const name of ['loss_reverse_kl', 'loss_score', 'loss_snis', 'loss_soft_bellman', 'temperature_step'])
    assert.match(shaders[name], `const THREADS = ${SUM_THREADS.most}u;`);
  assert.match(shaders.adam, `const ITEMS = ${ADAM_ITEMS}u;`);
  assert.match(shaders.replay_sample, `const COLUMNS = ${REPLAY_COLUMNS}u;`);
  for (const { name, grid } of kernels) {
    const size = grid(Object.fromEntries(['layers', 'count', 'rows', 'batch'].map((field) => [field, 1])));
    if ('items' in size) assert.match(shaders[name], `@workgroup_size(${WORKGROUP})`);
  }
});

test('a specialised kernel keeps the chosen case only', () => {
  const params = { activation: 2, layers: 2, nets: 1, storeSaved: 0, d0: 3, d1: 48, d2: 1 };
  const step = {
    kind: 'kernel',
    kernel: 'mlp_forward',
    params,
    label: '',
    buffers: [],
    shapes: '',
  } as const;
  const wgsl = specialise(step);
  assert.match(wgsl, 'fn activate(z: f32) -> f32 {\n  { return safe_tanh(z); }\n}');
  assert.match(wgsl, 'const WIDTH = 48u;');
  assert.not.match(wgsl, 'switch');
  assert.not.match(wgsl, 'params.storeSaved');
});

test('marked loops over constants are written out, and no others', () => {
  const loops = `for (var r = 0u; r < R; r++) { // @unroll
  for (var c = 0u; c < C; c++) { // @unroll
    sums[r * 3u + c] += right[c];
  }
}
for (var i = 0u; i < R; i++) {
  rest(i);
}
`;
  const written = unroll(loops, { R: 2, C: 3 });
  assert.equal(
    [...written.matchAll(/sums\[(.*)\] \+= right\[(.*)\];/g)].map(([, to, column]) => [to, column]),
    [0, 1].flatMap((r) => [0, 1, 2].map((c) => [`${r}u * 3u + ${c}u`, `${c}u`])),
  );
  assert.match(written, 'for (var i = 0u; i < R; i++) {\n  rest(i);');
  assert.is(written.match(/for/g)?.length, 1);
});

test('a layer kernel has tiles that fit its layer, and asks nothing of an edge that no tile passes', () => {
  const layer = (rows: number, outputs: number, subgroups = false) =>
    specialise(
      {
        kind: 'kernel',
        kernel: 'mlp_layer_forward',
        params: { nets: 2, rows, outputs, activation: 1, hasX1: 0, storeZ: 0 },
        label: '',
        buffers: [],
        shapes: '',
      },
      subgroups,
    );
  assert.match(layer(64, 2), 'const ROWS = 8u;\nconst COLUMNS = 1u;');
  assert.match(layer(64, 9), 'const ROWS = 8u;\nconst COLUMNS = 1u;');
  assert.match(layer(17, 18), 'const ROWS = 6u;\nconst COLUMNS = 6u;');
  assert.match(layer(64, 2), 'const FIT = true;');
  assert.match(layer(17, 9), 'const FIT = false;');
  assert.match(layer(64, 9), 'const FIT = true;');
  assert.not.match(layer(64, 2), /for \(var [rc] /);
  assert.not.match(layer(64, 2), /if \(FIT/);
  assert.match(layer(17, 9), /for \(var r = 0u; r < ROWS; r\+\+\)/);
  assert.match(layer(17, 9), /if \(FIT \|\| \(/);
  // Quads: each of four invocations loads half of its rows and columns.
  const loads = (wgsl: string, array: string) => wgsl.split(`left = ${array}[`).length - 1;
  assert.is(loads(layer(64, 64), 'x0'), 8);
  assert.is(loads(layer(64, 64, true), 'x0'), 4);
  assert.match(layer(64, 64, true), 'enable subgroups;');
  assert.match(layer(17, 9, true), 'const ROWS = 6u;\nconst COLUMNS = 6u;');
  assert.match(layer(64, 64, true), 'const FIT = true;');
  // Too narrow for them.
  assert.is(layer(64, 2, true), layer(64, 2));
});

test('the mathematics a text needs comes with what that needs', () => {
  const text = mathFor('log_sigmoid(x)');
  for (const name of ['log_sigmoid', 'softplus', 'log1p', 'safe_log', 'log_core', 'safe_exp', 'infinity']) {
    assert.match(text, new RegExp(`^fn ${name}\\(`, 'm'));
  }
  assert.not.match(text, 'fn erf');
  assert.is(mathFor('sqrt(x)'), '');
});

test('literals are valid WGSL', () => {
  assert.is(literal(3), '3.0f');
  assert.is(literal(0.1), '0.10000000149011612f');
  assert.is(literal(1e-30), '1.0000000031710769e-30f');
  assert.is(literal(1e300), 'infinity()');
  assert.is(literal(Number.NaN), 'nan()');
});

test('dispatches past the limit wrap: items into y, workgroups into z', () => {
  assert.equal(dispatchSize({ items: 65 }, 100), [2, 1, 1]);
  assert.equal(dispatchSize({ items: 64 * 250 }, 100), [84, 3, 1]);
  assert.equal(dispatchSize({ workgroups: 7 }, 100), [7, 1, 1]);
  assert.equal(dispatchSize({ workgroups: 250 }, 100), [84, 1, 3]);
});

test('software adapters are known by name', () => {
  const info = (text: string): GPUAdapterInfo =>
    ({
      vendor: '',
      architecture: '',
      device: '',
      description: text,
      isFallbackAdapter: false,
    }) as GPUAdapterInfo;
  for (const name of [
    'SwiftShader Device (Subzero)',
    'llvmpipe (LLVM 15)',
    'Microsoft Basic Render Driver',
  ]) {
    assert.ok(isSoftwareAdapter(info(name)), name);
  }
  for (const name of ['NVIDIA GeForce RTX 4090', 'Apple M3', 'AMD Radeon Graphics']) {
    assert.not(isSoftwareAdapter(info(name)), name);
  }
  assert.ok(isSoftwareAdapter({ ...info('Some GPU'), isFallbackAdapter: true }));
});

const broadcast = (from: number[], to: number[]): View =>
  applyView(contiguousView(from), { kind: 'broadcast', shape: to }) as View;

test('snapshot: an elementwise kernel with a broadcast row', () => {
  const fused: FusedKernel = {
    shape: [4, 2, 8],
    reducedAxes: 0,
    inputs: [contiguousView([4, 2, 8]), broadcast([8], [4, 2, 8])],
    element: [
      { kind: 'load', input: 0 },
      { kind: 'load', input: 1 },
      { kind: 'operation', op: 'add', arguments: [0, 1] },
      { kind: 'operation', op: 'relu', arguments: [2] },
      { kind: 'operation', op: 'greater', arguments: [2, 1] },
    ],
    reductions: [],
    result: [],
    outputs: [3, 4],
  };
  const { wgsl, grid } = generateFused(fused);
  assert.equal(grid, { items: 64 });
  assert.fixture(
    wgsl,
    `fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn relu(x: f32) -> f32 {
  return select(select(0.0, x, x > 0.0), x, is_nan(x));
}

fn truth(holds: bool, a: f32, b: f32) -> f32 {
  return select(0.0, 1.0, holds && !is_nan(a) && !is_nan(b));
}

@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read_write> y0: array<f32>;
@group(0) @binding(3) var<storage, read_write> y1: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= 64u) {
    return;
  }
  let i0 = item / 8u;
  let i1 = item % 8u;
  let e0 = x0[i0 * 8u + i1];
  let e1 = x1[i1];
  let e2 = e0 + e1;
  let e3 = relu(e2);
  let e4 = truth(e2 > e1, e2, e1);
  y0[item] = e3;
  y1[item] = e4;
}
`,
  );
});

test('snapshot: a padded load and a short sum', () => {
  const view = applyView(contiguousView([3]), { kind: 'pad', begin: [2], size: [9], step: [3] }) as View;
  const fused: FusedKernel = {
    shape: [9],
    reducedAxes: 1,
    inputs: [view],
    element: [{ kind: 'load', input: 0 }],
    reductions: [{ kind: 'sum', value: 0 }],
    result: [
      { kind: 'reduced', index: 0 },
      { kind: 'literal', value: 0.5 },
      { kind: 'operation', op: 'mul', arguments: [0, 1] },
    ],
    outputs: [2],
  };
  const body = generateFused(fused).wgsl.split(') {\n').slice(1).join(') {\n');
  assert.fixture(
    body,
    `  let item = (group.y * groups.x + group.x) * 64u + local;
  if (item >= 1u) {
    return;
  }
  var state0 = 0.0;
  for (var r = 0u; r < 9u; r += 1u) {
    let i0 = r;
    let e0 = select(0.0, x0[(i0 - 2u) / 3u], (i0 - 2u) < 9u && (i0 - 2u) % 3u == 0u);
    state0 = state0 + e0;
  }
  let reduced0 = state0;
  let f0 = reduced0;
  let f1 = 0.5f;
  let f2 = f0 * f1;
  y0[item] = f2;
}
`,
  );
});

test('a long reduction gets a workgroup for each output', () => {
  const fused: FusedKernel = {
    shape: [3, 1000],
    reducedAxes: 1,
    inputs: [contiguousView([3, 1000])],
    element: [{ kind: 'load', input: 0 }],
    reductions: [{ kind: 'logSumExp', value: 0 }],
    result: [{ kind: 'reduced', index: 0 }],
    outputs: [0],
  };
  const { wgsl, grid } = generateFused(fused);
  assert.equal(grid, { workgroups: 3 });
  assert.match(wgsl, 'var<workgroup> parts0: array<vec2f, 64>;');
  assert.match(wgsl, 'workgroupBarrier();');
});

test.run();
