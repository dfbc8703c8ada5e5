import { layersOf, layerWorkgroups } from '../../program/join-layers.ts';
import type { JoinedStep } from '../../program/program.ts';
import { quadDirectives, specialise } from './shaders.ts';

/** A top-level declaration that is no binding: its keyword, its name and all of its lines. */
const declaration = /^(?:@compute.*\n)?(fn|struct|const|var<private>) (\w+)(?:.*;\n|[\s\S]*?^\}\n)/gm;

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
  const common = new Set(['Params', ...[...shell.matchAll(declaration)].map(([, , name]) => name)]);
  const fixed = [...shell.matchAll(/var<storage/g)].length;
  const bindings = layers.flatMap((_, i) =>
    ['x', 'dy'].map(
      (name, j) => `@group(0) @binding(${fixed + 2 * i + j}) var<storage, read> ${name}_${i}: array<f32>;\n`,
    ),
  );
  const functions = layers.map(({ params }, i) => {
    const own = [...texts[i].matchAll(declaration)].filter(([, , name]) => !common.has(name));
    const names = own.map(([, , name]) => name);
    return own
      .map(([text]) => text)
      .join('')
      .replace(/\bparams\.(\w+)/g, (_text, name: string) => `${params[name]}u`)
      .replace(/\b(x|dy)(?=\[)/g, `$1_${i}`)
      .replace(new RegExp(`(?<!\\.)\\b(?:${names.join('|')})\\b`, 'g'), `$&_${i}`);
  });
  let end = 0;
  const calls = layers.map((layer, i) => {
    const begin = end;
    end += layerWorkgroups(layer, subgroups);
    const otherwise = i === 0 ? '' : ' else ';
    return `${otherwise}if (number < ${end}u) {\n    tile = layer_${i}((number - ${begin}u) * 8u + local);\n  }`;
  });
  const directives = texts.some((text) => text.startsWith(quadDirectives)) ? quadDirectives : '';
  return (
    directives +
    shell
      .replace('// layers: bindings\n', bindings.join(''))
      .replace(/@binding\(\d+\) var<uniform>/, `@binding(${fixed + 2 * layers.length}) var<uniform>`)
      .replace('// layers: functions\n', functions.join(''))
      .replace('  // layers: calls\n', `  ${calls.join('')}\n`)
  );
}
