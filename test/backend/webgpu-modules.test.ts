// What a step becomes on its way to the device: declarations from the layouts, texts of kernels, and generated code, which is
// what it should be to the letter. Without a device; test/device/modules compiles them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateKernel, literal } from '../../src/backend/webgpu/generated.ts';
import { folded, moduleOf } from '../../src/backend/webgpu/modules.ts';
import { isSoftwareAdapter, targetOf } from '../../src/backend/webgpu/profile.ts';
import { kernelText, mathText } from '../../src/backend/webgpu/texts.ts';
import {
  ADAM_ITEMS,
  type KernelSpec,
  kernelSpec,
  MATMUL_TILE,
  MLP_ROWS,
  MLP_WIDTH,
  MOST_JOINED_BINDINGS,
  REPLAY_COLUMNS,
  WEIGHT_TILE,
  WORKGROUP,
} from '../../src/kernels/index.ts';
import { applyView, contiguousView, type View } from '../../src/math/view.ts';
import type { GeneratedKernel, GeneratedStep } from '../../src/program/program.ts';
import { allKernels, flagsOf, someParams, type Variant, variantOf, variantsOf } from '../helpers/modules.ts';

/** Names that WGSL reserves carry an underscore. */
const plain = (name: string): string => name.replace(/_$/, '');

/** What a module's text declares, read back from it. */
function declarationsOf(wgsl: string) {
  const bindings = [
    ...wgsl.matchAll(
      /@group\(0\) @binding\((\d+)\) var<(storage, read|storage, read_write|uniform)> (\w+): ([\w<>]+);/g,
    ),
  ].map(([, at, space, name, type]) => ({ at: Number(at), space, name: plain(name), type }));
  const absent = [...wgsl.matchAll(/var<private> (\w+): array<[\w<>]+, 1>;/g)].map(([, name]) => plain(name));
  const fields = [...(/struct Params \{([^}]*)\}/.exec(wgsl)?.[1] ?? '').matchAll(/(\w+): (\w+),/g)];
  const constants = [...wgsl.matchAll(/^const ([A-Z_0-9]+) = (\d+)u;$/gm)];
  return {
    bindings,
    absent,
    fields: fields.map(([, name, type]): [string, string] => [name, type]),
    constants: Object.fromEntries(constants.map(([, name, value]) => [name, Number(value)])),
  };
}

const capitals = (name: string): string => name.replace(/([A-Z])/g, '_$1').toUpperCase();
const types = { f32: 'array<f32>', u32: 'array<u32>', hidden: 'array<u32>', atomic: 'array<atomic<u32>>' };

/** What the layout of a kernel says its module must declare; assertions on one module. */
function agrees({ what, spec, params, present, module }: Variant): void {
  const found = declarationsOf(module.wgsl);
  const declared = spec.bindings.filter(({ name }) => present.includes(name));
  const fields = spec.params.filter((name) => spec.types[name] !== 'choice');
  assert.equal(
    found.bindings,
    [
      ...declared.map(({ name, access, type }, at) => ({
        ...{ at, space: access === 'read' ? 'storage, read' : 'storage, read_write' },
        ...{ name, type: types[type] },
      })),
      ...(fields.length > 0
        ? [{ at: declared.length, space: 'uniform', name: 'params', type: 'Params' }]
        : []),
    ],
    what,
  );
  assert.equal(
    module.bound,
    declared.map(({ name, access }) => ({
      buffer: 10 + spec.bindings.findIndex((binding) => binding.name === name),
      type: access === 'read' ? 'read-only-storage' : 'storage',
    })),
    what,
  );
  // Others are named, so that the text can speak of them, and bound to nothing.
  for (const { name } of spec.bindings) assert.is(found.absent.includes(name), !present.includes(name), what);
  assert.equal(
    found.fields,
    fields.map((name) => [name, spec.types[name]]),
    what,
  );
  const bytes = new DataView(module.values ?? new ArrayBuffer(0));
  assert.is(bytes.byteLength, 4 * fields.length);
  assert.ok(bytes.byteLength <= 256, 'more than lies between the parameters of two steps');
  assert.equal(
    found.fields.map(([, type], i) =>
      type === 'f32' ? bytes.getFloat32(4 * i, true) : bytes.getUint32(4 * i, true),
    ),
    fields.map((name) => params[name]),
    what,
  );
  for (const name of spec.params.filter((each) => spec.types[each] === 'choice'))
    assert.is(found.constants[capitals(name)], params[name], `${what}: ${name}`);
  for (const [name, value] of Object.entries(spec.constants?.(params) ?? {}))
    assert.is(found.constants[name], value, `${what}: ${name}`);
}

for (const spec of allKernels) {
  test(`${spec.name}: every module declares what the layout says, in order`, () => {
    for (const variant of variantsOf(spec)) agrees(variant);
    const { wgsl } = variantOf(spec, someParams(spec)).module;
    assert.is(wgsl.match(/^fn main\(/gm)?.length, 1);
    // The declarations stand in the layout alone.
    assert.not.match(kernelText(spec.name), /@group|var<storage|var<uniform>|struct Params/);
  });
}

/** Invocations of a workgroup, from the text and the constants above it. */
function invocationsOf({ module }: Variant): number {
  const { constants } = declarationsOf(module.wgsl);
  const [, size = ''] = /@workgroup_size\(([^)]*)\)/.exec(module.wgsl) ?? [];
  return size.split(',').reduce((total, part) => total * (constants[part.trim()] ?? Number(part)), 1);
}

test('a kernel of so many items has workgroups of as many invocations as its grid counts on', () => {
  for (const spec of allKernels) {
    const params = { ...someParams(spec), samples: 3, batch: 5 };
    const invocations = invocationsOf(variantOf(spec, params));
    if ('items' in spec.grid(params)) assert.is(invocations, WORKGROUP, spec.name);
    else assert.ok(invocations > 0 && invocations <= 256, spec.name);
  }
});

test('tiles of the texts are those of the layouts', () => {
  const constants = (name: string, params = {}) => {
    const spec = allKernels.find((each) => each.name === name) as KernelSpec;
    return declarationsOf(variantOf(spec, { ...someParams(spec), ...params }).module.wgsl).constants;
  };
  for (const name of ['mlp_forward', 'mlp_backward_inputs', 'mlp_forward_gaussian_sample'])
    assert.is(constants(name).ROWS, MLP_ROWS);
  assert.is(constants('mlp_forward', { d0: 3, d1: 48, d2: 1 }).WIDTH, 48, 'no wider than the network');
  assert.is(constants('mlp_backward_weights_adam').TILE, WEIGHT_TILE);
  assert.is(constants('adam').ITEMS, ADAM_ITEMS);
  assert.is(constants('replay_sample').COLUMNS, REPLAY_COLUMNS);
  const { TILE_ROWS, TILE_COLUMNS } = constants('matmul');
  assert.equal([TILE_ROWS, TILE_COLUMNS], [MATMUL_TILE.rows, MATMUL_TILE.columns]);
  assert.is(
    64 * invocationsOf(variantOf(kernelSpec('matmul'), someParams(kernelSpec('matmul')))),
    TILE_ROWS * TILE_COLUMNS,
    'each invocation makes 8 by 8',
  );
  // Two tiles of activations fit in the least workgroup memory that a device has.
  assert.ok(2 * 2 * 16 * MLP_WIDTH <= 16_384);
  // Cotangents in float16 are multiplied by the rows that a mean divides them by.
  assert.is(constants('mlp_backward_inputs', { half: 1, rows: 65 }).SCALE, 128);
  assert.is(constants('mlp_backward_inputs', { half: 0, rows: 65 }).SCALE, 1);
});

test('few items are summed by few invocations, many by 256', () => {
  const threads = (count: number) =>
    invocationsOf(
      variantOf(kernelSpec('temperature_step'), {
        ...someParams(kernelSpec('temperature_step')),
        samples: count,
      }),
    );
  assert.equal([1, 64, 65, 256, 1024, 1025, 1e6].map(threads), [16, 16, 32, 64, 256, 256, 256]);
});

test('a choice is part of the text, a number is not: equal texts are one pipeline', () => {
  for (const spec of allKernels) {
    const params = someParams(spec);
    const { wgsl } = variantOf(spec, params).module;
    for (const flag of flagsOf(spec))
      assert.is.not(variantOf(spec, { ...params, [flag]: 1 }).module.wgsl, wgsl, `${spec.name} ${flag}`);
    const free = spec.params.filter(
      (name) => spec.types[name] !== 'choice' && !/^(rows|samples|batch|d\d+)$/.test(name),
    );
    const other = { ...params, ...Object.fromEntries(free.map((name) => [name, 7])) };
    assert.is(variantOf(spec, other).module.wgsl, wgsl, spec.name);
  }
});

test('a buffer that a generated kernel views several times is bound once; outputs follow', () => {
  const view = contiguousView([4]);
  const step: GeneratedStep = {
    ...{ kind: 'generated', label: 'two views', buffers: [5, 3, 5, 9, 8], shapes: '' },
    generated: {
      ...{
        shape: [4],
        reducedAxes: 0,
        inputs: [view, view, view],
        reductions: [],
        result: [],
        outputs: [0, 1],
      },
      element: [0, 1, 2].map((input) => ({ kind: 'load', input }) as const),
    },
  };
  const { bound, wgsl, values } = moduleOf(step, { mostWorkgroups: 100, longReduction: 256 });
  assert.equal(
    bound.map(({ buffer, type }) => [buffer, type]),
    [
      [5, 'read-only-storage'],
      [3, 'read-only-storage'],
      [9, 'storage'],
      [8, 'storage'],
    ],
  );
  assert.equal(
    declarationsOf(wgsl).bindings.map(({ name }) => name),
    ['x0', 'x1', 'y0', 'y1'],
  );
  assert.match(wgsl, 'let e2 = x0[i0];');
  assert.is(values, undefined);
});

test('literals are valid WGSL', () => {
  assert.is(literal(3), '3.0f');
  assert.is(literal(0.1), '0.10000000149011612f');
  assert.is(literal(1e-30), '1.0000000031710769e-30f');
  assert.is(literal(1e300), 'infinity()');
  assert.is(literal(Number.NaN), 'nan()');
  assert.is(literal(-0), 'negative_zero()');
  assert.is(literal(0), '0.0f');
});

test('dispatches past the limit wrap: items into y, workgroups into z', () => {
  assert.equal(folded({ items: 65 }, 100), [2, 1, 1]);
  assert.equal(folded({ items: 64 * 250 }, 100), [84, 3, 1]);
  assert.equal(folded({ workgroups: 7 }, 100), [7, 1, 1]);
  assert.equal(folded({ workgroups: 250 }, 100), [84, 1, 3]);
  assert.equal(folded({ workgroups: 65_535 }, 65_535), [65_535, 1, 1]);
  assert.equal(folded({ workgroups: 65_536 }, 65_535), [32_768, 1, 2]);
  assert.equal(folded({ items: 64 * 65_535 + 1 }, 65_535), [32_768, 2, 1]);
  for (const count of [0, 1, 99, 100, 101, 199, 200, 201, 9_999, 10_000]) {
    const [x, y, z] = folded({ workgroups: count }, 100);
    assert.ok(
      x <= 100 && y === 1 && z <= 100 && x * z >= count && (x - 1) * z < Math.max(1, count),
      String(count),
    );
  }
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
  // What they are known for: how programs are recorded.
  const target = (text: string, most: number, f16 = false) =>
    targetOf(info(text), { maxStorageBuffersPerShaderStage: most } as GPUSupportedLimits, { f16 });
  assert.is(target('llvmpipe', 16).mlp, 'tiled');
  assert.is(target('llvmpipe', 16, true).mlp, 'fused');
  assert.is(target('Apple M3', 16).mlp, 'fused');
  assert.equal(
    [8, 10, 64].map((most) => target('Apple M3', most).joinedBindings),
    [8, MOST_JOINED_BINDINGS, MOST_JOINED_BINDINGS],
  );
});

const broadcast = (from: number[], to: number[]): View =>
  applyView(contiguousView(from), { kind: 'broadcast', shape: to }) as View;

test('snapshot: an elementwise kernel with a broadcast row', () => {
  const generated: GeneratedKernel = {
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
  const { wgsl, grid } = generateKernel(generated);
  assert.equal(grid, { items: 64 });
  assert.fixture(
    wgsl,
    `@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> x1: array<f32>;
@group(0) @binding(2) var<storage, read_write> y0: array<f32>;
@group(0) @binding(3) var<storage, read_write> y1: array<f32>;
${mathText}
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
  const generated: GeneratedKernel = {
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
  const body = generateKernel(generated).wgsl.split('local: u32,\n) {\n')[1];
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
  const generated: GeneratedKernel = {
    shape: [3, 1000],
    reducedAxes: 1,
    inputs: [contiguousView([3, 1000])],
    element: [{ kind: 'load', input: 0 }],
    reductions: [{ kind: 'logSumExp', value: 0 }],
    result: [{ kind: 'reduced', index: 0 }],
    outputs: [0],
  };
  const { wgsl, grid } = generateKernel(generated);
  assert.equal(grid, { workgroups: 3 });
  assert.match(wgsl, 'var<workgroup> parts0: array<vec2f, 64>;');
  assert.match(wgsl, 'workgroupBarrier();');
});

test.run();
