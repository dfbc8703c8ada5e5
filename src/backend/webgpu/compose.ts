import { layersOf, layersSpec } from '../../program/join-layers.ts';
import { passNamed, passSpec } from '../../program/join-passes.ts';
import { gradientTiles, passTiles } from '../../program/kernels.ts';
import type { JoinedStep, KernelStep } from '../../program/program.ts';
import { quadDirectives, shaders, specialiseLayer } from './shaders.ts';

/** A top-level declaration that is no binding: its keyword, its name and all of its lines. */
const declaration = /^(?:@compute.*\n)?(fn|struct|const|var<private>) (\w+)(?:.*;\n|[\s\S]*?^\}\n)/gm;

/** The functions of layer `i` from its own kernel, in names of its own, but for what the whole kernel has already. */
function ownFunctions(text: string, i: number, shell: string): string {
  const common = new Set(['Params', ...[...shell.matchAll(declaration)].map(([, , name]) => name)]);
  const own = [...text.matchAll(declaration)].filter(
    ([, , name]) => !common.has(name) && !/_begin$/.test(name),
  );
  const names = own.map(([, , name]) => name);
  return own
    .map(([lines]) => lines)
    .join('')
    .replace(new RegExp(`(?<!\\.)\\b(?:${names.join('|')})\\b`, 'g'), `$&_${i}`);
}

/** Where the bindings of the layers begin, in a buffer of their own. */
const beginnings = (bindings: readonly string[]): string =>
  bindings.map((line) => line.replace(/^.*> (\w+): [\s\S]*/, 'const $1_begin = 0u;\n')).join('');

/** What the kernel as a whole needs before all else. */
const directivesFor = (texts: readonly string[]): string =>
  texts.some((text) => text.startsWith(quadDirectives)) ? quadDirectives : '';

/** The text with the parameters of layer `i` by their names in a kernel that takes `known`, and the others as literals. */
const ownParameters = (text: string, layer: KernelStep, i: number, known: readonly string[]): string =>
  text.replace(/\bparams\.(\w+)/g, (field, name: string) => {
    if (known.includes(name)) return field;
    return known.includes(`${name}_${i}`) ? `${field}_${i}` : `${layer.params[name]}u`;
  });

/** Declarations of the parameters that go by a layer's number. */
const ownFields = (known: readonly string[]): string =>
  known
    .filter((name) => /_\d+$/.test(name))
    .map((name) => `  ${name}: u32,\n`)
    .join('');

/**
 * The WGSL of a kernel that takes in all layers of a network: for each the functions of its own kernel, in names of its
 * own, called by the workgroups that are its share. Sizes stay parameters, so that networks of equal tiles have their code
 * in common.
 *
 * @param subgroups whether the layers go by subgroups
 */
export function composeLayers(step: JoinedStep, subgroups: boolean): string {
  const layers = layersOf(step);
  const { params } = layersSpec(step.kernel, step.parts);
  const texts = layers.map(({ kernel, params }) =>
    specialiseLayer(kernel, params, gradientTiles(params.inputs, params.outputs, subgroups), false),
  );
  const shell = shaders[step.kernel];
  const fixed = [...shell.matchAll(/var<storage/g)].length;
  const bindings = layers.flatMap((_, i) =>
    ['x', 'dy'].map(
      (name, j) => `@group(0) @binding(${fixed + 2 * i + j}) var<storage, read> ${name}_${i}: array<f32>;\n`,
    ),
  );
  const functions = layers.map((layer, i) =>
    ownParameters(ownFunctions(texts[i], i, shell), layer, i, params).replace(
      /\b(x|dy)(?=\[|_begin\b)/g,
      `$1_${i}`,
    ),
  );
  const ends = layers.map(
    (_, i) => `  let end_${i} = ${i === 0 ? '' : `end_${i - 1} + `}(layer_items_${i}() + 7u) / 8u * 8u;\n`,
  );
  const calls = layers.map((_, i) => {
    const [otherwise, begin] = i === 0 ? ['', ''] : [' else ', ` - end_${i - 1}`];
    return `${otherwise}if (item < end_${i}) {\n    tile = layer_${i}(item${begin});\n  }`;
  });
  return (
    directivesFor(texts) +
    shell
      .replace('  // layers: parameters\n', ownFields(params))
      .replace('// layers: bindings\n', bindings.join(''))
      .replace('// layers: beginnings\n', beginnings(bindings))
      .replace(/@binding\(\d+\) var<uniform>/, `@binding(${fixed + 2 * layers.length}) var<uniform>`)
      .replace('// layers: functions\n', functions.join(''))
      .replace('  // layers: calls\n', `${ends.join('')}  ${calls.join('')}\n`)
  );
}

/**
 * The WGSL of a kernel that takes rows through several layers: for each the functions of its own kernel, in names of its own,
 * reading what the layer before it wrote. Sizes stay parameters, so that networks of equal tiles have their code in common.
 *
 * @param subgroups whether invocations share their loads of weights by subgroups
 */
export function composePass(step: JoinedStep, subgroups: boolean): string {
  const { from, to, code, across, inner } = passNamed(step.kernel);
  const { bindings, params } = passSpec(step.kernel, step.parts);
  const tiles = step.parts.map(({ params }) =>
    passTiles(params.rows, params[across], inner(params), subgroups),
  );
  const texts = step.parts.map(({ kernel, params }, i) =>
    // Whether the inputs are two segments shows in their widths.
    specialiseLayer(
      kernel,
      i === 0 ? { ...params, hasX1: Math.max(1, params.hasX1) } : params,
      tiles[i],
      true,
    ),
  );
  const shell = shaders[step.kernel].replace(/\bconst ROWS = \d+u/, `const ROWS = ${tiles[0].rows}u`);
  const declared = bindings.slice(1).map(({ name, access }, i) => {
    const [layer, binding] = name.split('.');
    const mode = access === 'read' ? 'read' : 'read_write';
    return `@group(0) @binding(${i + 1}) var<storage, ${mode}> ${binding}_${layer}: array<f32>;\n`;
  });
  const functions = texts.map((text, i) =>
    ownParameters(ownFunctions(text, i, shell), step.parts[i], i, params)
      .replace(new RegExp(`\\b${from}(?=\\[|_begin\\b)`, 'g'), i === 0 ? `${from}_0` : `${to}_${i - 1}`)
      .replace(/\b(x1|y|z|saved|dx)(?=\[|_begin\b)/g, (name) =>
        // What is not bound is not reached, either.
        bindings.some((binding) => binding.name === `${i}.${name}`) ? `${name}_${i}` : `${to}_${i}`,
      ),
  );
  const calls = step.parts.map(
    (_, i) => `    for (var column = 0u; column < params.${across}_${i}; column += COLUMNS_${i}) {
      ${code}_${i}(Tile_${i}(net, row, column, 0u, local % COLUMN_SHARERS_${i}));
    }
`,
  );
  return (
    directivesFor(texts) +
    shell
      .replace('  // layers: parameters\n', ownFields(params))
      .replace('// layers: bindings\n', declared.join(''))
      .replace('// layers: beginnings\n', beginnings(declared))
      .replace(/@binding\(\d+\) var<uniform>/, `@binding(${bindings.length}) var<uniform>`)
      .replace('// layers: functions\n', functions.join(''))
      .replace('    // layers: calls\n', calls.join(''))
  );
}
