// Barriers between the accesses to workgroup memory, by the text of the kernels: a software driver runs the invocations of
// a workgroup so that most of them are never missed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateKernel } from '../../src/backend/webgpu/generated.ts';
import { kernelText } from '../../src/backend/webgpu/texts.ts';
import { contiguousView } from '../../src/math/view.ts';
import { missingBarriers } from '../helpers/barriers.ts';
import { allKernels } from '../helpers/modules.ts';

const BARRIER = 'workgroupBarrier();';

/** Each text without one of its barriers, by that barrier's number. */
const withoutOne = (text: string): string[] =>
  [...text.matchAll(/workgroupBarrier\(\);/g)].map(
    ({ index }) => text.slice(0, index) + text.slice(index + BARRIER.length),
  );

const texts = allKernels.map(({ name }) => [name, kernelText(name)] as const);

/** Kernels that sum once: the barrier with which a sum begins is for those that sum again. */
const sumsOnce = (text: string): boolean => text.split(/[^_]sum_workgroup\(/).length === 3;

for (const [name, text] of texts) {
  if (!text.includes('var<workgroup>')) {
    test(`${name}: no workgroup memory, no barriers`, () => assert.not.match(text, 'workgroupBarrier'));
    continue;
  }
  test(`${name}: a barrier between all that one invocation writes and others read`, () => {
    assert.equal(missingBarriers(text), []);
  });
  test(`${name}: each of its barriers is needed`, () => {
    const found = withoutOne(text).map((less) => missingBarriers(less).length > 0);
    assert.ok(found.length > 0);
    if (sumsOnce(text)) found.shift();
    assert.equal(
      found,
      found.map(() => true),
    );
  });
}

test('a generated reduction joins its halves behind a barrier each', () => {
  const { wgsl } = generateKernel({
    shape: [3, 1000],
    reducedAxes: 1,
    inputs: [contiguousView([3, 1000])],
    element: [{ kind: 'load', input: 0 }],
    reductions: [
      { kind: 'sum', value: 0 },
      { kind: 'max', value: 0 },
    ],
    result: [
      { kind: 'reduced', index: 0 },
      { kind: 'reduced', index: 1 },
    ],
    outputs: [0, 1],
  });
  // What the last pass leaves in the first element is read by the invocation that wrote it.
  assert.match(
    wgsl,
    `
  parts0[local] = state0;
  parts1[local] = state1;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      parts0[local] = parts0[local] + parts0[local + half];
      parts1[local] = safe_max(parts1[local], parts1[local + half]);
    }
  }
  if (local != 0u) {
    return;
  }
  state0 = parts0[0];
  state1 = parts1[0];
`,
  );
});

// ---------------------------------------------------------------- the checker itself

const kernel = (body: string, more = ''): string => `
const WIDTH = 8u;
var<workgroup> tile: array<f32, 16>;
var<private> at_: u32;
${more}
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) thread: u32) {
${body}
}
`;

/** Kernels in which nothing is wrong until one of their barriers goes. */
const sound: Readonly<Record<string, string>> = {
  'a write, then a read': kernel(`
  tile[thread] = 1.0;
  workgroupBarrier();
  y[thread] = tile[7u - thread];`),
  'a read, then a write': kernel(`
  tile[thread] = 1.0;
  workgroupBarrier();
  let x = tile[7u - thread];
  workgroupBarrier();
  tile[thread] = x;`),
  'around the back edge of a loop': kernel(`
  for (var i = 0u; i < n; i++) {
    workgroupBarrier();
    tile[thread] = f32(i);
    workgroupBarrier();
    sum += tile[7u - thread];
  }`),
  'two halves in turn': kernel(`
  tile[thread] = 1.0;
  var source = 0u;
  for (var layer = 0u; layer < layers; layer++) {
    let destination = 2u * WIDTH - source;
    workgroupBarrier();
    for (var c = thread; c < 8u; c += 8u) {
      tile[destination + c] = tile[source + (c + 1u) % 8u];
    }
    source = destination;
  }
  workgroupBarrier();
  y[thread] = tile[source];`),
  'a write in one function, the read in another': kernel(
    `
  fill(thread);
  at_ = 0u;
  workgroupBarrier();
  y[thread] = taken(thread) * 2.0;`,
    `
fn fill(i: u32) {
  // not tile[i] twice
  tile[i] = 1.0;
}
fn taken(i: u32) -> f32 {
  return tile[at_ + 7u - i];
}`,
  ),
  'a function that is called again': kernel(
    `
  let a = total(thread, 1.0);
  let b = total(thread, 2.0);`,
    `
fn total(i: u32, value: f32) -> f32 {
  workgroupBarrier();
  tile[i] = value;
  workgroupBarrier();
  var sum = 0.0;
  if (i == 0u) {
    for (var j = 0u; j < 8u; j++) {
      sum += tile[j];
    }
  }
  return sum;
}`,
  ),
  'a way past the read that goes on': kernel(`
  for (var i = 0u; i < n; i++) {
    workgroupBarrier();
    tile[thread] = f32(i);
    if (i == 3u) {
      continue;
    }
    workgroupBarrier();
    sum += tile[7u - thread];
  }`),
  'a choice of which one case reads': kernel(`
  switch kind {
    case 1u: { tile[thread] = 1.0; }
    default: { tile[thread] += 2.0; }
  }
  workgroupBarrier();
  switch kind {
    case 0u: {}
    default: { y[thread] = tile[kind]; }
  }`),
};
for (const [name, text] of Object.entries(sound)) {
  test(`the checker: ${name}`, () => {
    assert.equal(missingBarriers(text), []);
    for (const less of withoutOne(text)) assert.is.not(missingBarriers(less).length, 0, less);
  });
}

test('the checker: what an invocation wrote for itself needs no barrier, a barrier on one way is not enough', () => {
  assert.equal(missingBarriers(kernel('tile[thread] = 1.0;\n  tile[thread] = tile[thread] * 2.0;')), []);
  const branch = kernel(`
  tile[thread] = 1.0;
  if (n > 1u) {
    workgroupBarrier();
  } else if (n > 0u) {
    workgroupBarrier();
  }
  y[thread] = tile[0];`);
  assert.equal(missingBarriers(branch), ['main reads tile[0] with no barrier after a write']);
  const everywhere = branch.replace(
    '  y[',
    '  if (n == 0u) {\n    return;\n  }\n  workgroupBarrier();\n  y[',
  );
  assert.equal(missingBarriers(everywhere), []);
});

test('the checker says what it cannot follow', () => {
  assert.throws(() => missingBarriers(kernel('while (true) { tile[0] = 1.0; }')), /'while' is not followed/);
});

test.run();
