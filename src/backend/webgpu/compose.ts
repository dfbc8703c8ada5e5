import { layersOf, layerWorkgroups } from '../../program/join-layers.ts';
import { passNamed, passSpec } from '../../program/join-passes.ts';
import { passTiles } from '../../program/kernels.ts';
import type { JoinedStep } from '../../program/program.ts';
import { quadDirectives, shaders, specialise, specialiseLayer } from './shaders.ts';

/** A top-level declaration that is no binding: its keyword, its name and all of its lines. */
const declaration = /^(?:@compute.*\n)?(fn|struct|const|var<private>) (\w+)(?:.*;\n|[\s\S]*?^\}\n)/gm;

/** The functions of layer `i` from its own kernel, in names of its own, but for what the whole kernel has already. */
function ownFunctions(text: string, i: number, shell: string): string {
  const common = new Set(['Params', ...[...shell.matchAll(declaration)].map(([, , name]) => name)]);
  const own = [...text.matchAll(declaration)].filter(([, , name]) => !common.has(name));
  const names = own.map(([, , name]) => name);
  return own
    .map(([lines]) => lines)
    .join('')
    .replace(new RegExp(`(?<!\\.)\\b(?:${names.join('|')})\\b`, 'g'), `$&_${i}`);
}

/** What the kernel as a whole needs before all else. */
const directivesFor = (texts: readonly string[]): string =>
  texts.some((text) => text.startsWith(quadDirectives)) ? quadDirectives : '';

/**
 * The WGSL of a kernel that takes in all layers of a network: for each the functions of its own kernel, in names of its
 * own and with its parameters as literals, called by the workgroups that are its share.
 *
 * @param subgroups whether the layers go by subgroups
 */
export function composeLayers(step: JoinedStep, subgroups: boolean): string {
  const layers = layersOf(step);
  const texts = layers.map((layer) => specialise(layer, subgroups));
  const shell = specialise(step, subgroups);
  const fixed = [...shell.matchAll(/var<storage/g)].length;
  const bindings = layers.flatMap((_, i) =>
    ['x', 'dy'].map(
      (name, j) => `@group(0) @binding(${fixed + 2 * i + j}) var<storage, read> ${name}_${i}: array<f32>;\n`,
    ),
  );
  const functions = layers.map(({ params }, i) =>
    ownFunctions(texts[i], i, shell)
      .replace(/\bparams\.(\w+)/g, (_text, name: string) => `${params[name]}u`)
      .replace(/\b(x|dy)(?=\[)/g, `$1_${i}`),
  );
  let end = 0;
  const calls = layers.map((layer, i) => {
    const begin = end;
    end += layerWorkgroups(layer, subgroups);
    const otherwise = i === 0 ? '' : ' else ';
    return `${otherwise}if (number < ${end}u) {\n    tile = layer_${i}((number - ${begin}u) * 8u + local);\n  }`;
  });
  return (
    directivesFor(texts) +
    shell
      .replace('// layers: bindings\n', bindings.join(''))
      .replace(/@binding\(\d+\) var<uniform>/, `@binding(${fixed + 2 * layers.length}) var<uniform>`)
      .replace('// layers: functions\n', functions.join(''))
      .replace('  // layers: calls\n', `  ${calls.join('')}\n`)
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
    specialiseLayer(kernel, i === 0 ? { ...params, hasX1: 1 } : params, tiles[i], true),
  );
  const shell = shaders[step.kernel].replace(/\bconst ROWS = \d+u/, `const ROWS = ${tiles[0].rows}u`);
  const declared = bindings.slice(1).map(({ name, access }, i) => {
    const [layer, binding] = name.split('.');
    const mode = access === 'read' ? 'read' : 'read_write';
    return `@group(0) @binding(${i + 1}) var<storage, ${mode}> ${binding}_${layer}: array<f32>;\n`;
  });
  const fields = params.filter((name) => /_\d+$/.test(name));
  const functions = texts.map((text, i) =>
    ownFunctions(text, i, shell)
      .replace(/\bparams\.(\w+)/g, (field, name: string) => {
        if (params.includes(name)) return field;
        return params.includes(`${name}_${i}`) ? `${field}_${i}` : `${step.parts[i].params[name]}u`;
      })
      .replace(new RegExp(`\\b${from}(?=\\[)`, 'g'), i === 0 ? `${from}_0` : `${to}_${i - 1}`)
      .replace(/\b(x1|y|z|saved|dx)(?=\[)/g, (name) =>
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
      .replace('  // layers: parameters\n', fields.map((name) => `  ${name}: u32,\n`).join(''))
      .replace('// layers: bindings\n', declared.join(''))
      .replace(/@binding\(\d+\) var<uniform>/, `@binding(${bindings.length}) var<uniform>`)
      .replace('// layers: functions\n', functions.join(''))
      .replace('    // layers: calls\n', calls.join(''))
  );
}
