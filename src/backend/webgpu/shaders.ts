import adam from '../../../shaders/adam.wgsl';
import assign from '../../../shaders/assign.wgsl';
import gather from '../../../shaders/gather.wgsl';
import gatheredNodes from '../../../shaders/gathered_nodes.wgsl';
import gaussianLogProb from '../../../shaders/gaussian_log_prob.wgsl';
import gaussianLogProbBackward from '../../../shaders/gaussian_log_prob_backward.wgsl';
import gaussianSample from '../../../shaders/gaussian_sample.wgsl';
import gaussianSampleBackward from '../../../shaders/gaussian_sample_backward.wgsl';
import gaussianSampleBackwardMlpBackwardInputs from '../../../shaders/gaussian_sample_backward_mlp_backward_inputs.wgsl';
import activation from '../../../shaders/include/activation.wgsl';
import adamInclude from '../../../shaders/include/adam.wgsl';
import drawnNoise from '../../../shaders/include/drawn_noise.wgsl';
import drawsInclude from '../../../shaders/include/draws.wgsl';
import gaussian from '../../../shaders/include/gaussian.wgsl';
import gaussianBackwardInclude from '../../../shaders/include/gaussian_backward.wgsl';
import gaussianSampleInclude from '../../../shaders/include/gaussian_sample.wgsl';
import hidden from '../../../shaders/include/hidden.wgsl';
import layerBackwardInclude from '../../../shaders/include/layer_backward.wgsl';
import layerForwardInclude from '../../../shaders/include/layer_forward.wgsl';
import longSum from '../../../shaders/include/long_sum.wgsl';
import made from '../../../shaders/include/made.wgsl';
import math from '../../../shaders/include/math.wgsl';
import mlpBackwardInclude from '../../../shaders/include/mlp_backward.wgsl';
import mlpForwardInclude from '../../../shaders/include/mlp_forward.wgsl';
import mlpWeightsInclude from '../../../shaders/include/mlp_weights.wgsl';
import neighbours from '../../../shaders/include/neighbours.wgsl';
import neighboursColumns from '../../../shaders/include/neighbours_columns.wgsl';
import neighboursQuads from '../../../shaders/include/neighbours_quads.wgsl';
import passInclude from '../../../shaders/include/pass.wgsl';
import philoxBlock from '../../../shaders/include/philox.wgsl';
import sum from '../../../shaders/include/sum.wgsl';
import sumSubgroups from '../../../shaders/include/sum_subgroups.wgsl';
import tile from '../../../shaders/include/tile.wgsl';
import writeDz from '../../../shaders/include/write_dz.wgsl';
import lossReverseKl from '../../../shaders/loss_reverse_kl.wgsl';
import lossReverseKlMlpBackwardInputs from '../../../shaders/loss_reverse_kl_mlp_backward_inputs.wgsl';
import lossScore from '../../../shaders/loss_score.wgsl';
import lossSnis from '../../../shaders/loss_snis.wgsl';
import lossSoftBellman from '../../../shaders/loss_soft_bellman.wgsl';
import lossSoftBellmanMlpBackwardInputs from '../../../shaders/loss_soft_bellman_mlp_backward_inputs.wgsl';
import matmul from '../../../shaders/matmul.wgsl';
import mlpBackwardInputs from '../../../shaders/mlp_backward_inputs.wgsl';
import mlpBackwardWeights from '../../../shaders/mlp_backward_weights.wgsl';
import mlpBackwardWeightsAdam from '../../../shaders/mlp_backward_weights_adam.wgsl';
import mlpForward from '../../../shaders/mlp_forward.wgsl';
import mlpForwardGaussianSample from '../../../shaders/mlp_forward_gaussian_sample.wgsl';
import mlpLayerBackward from '../../../shaders/mlp_layer_backward.wgsl';
import mlpLayerBackwardGaussianSampleBackward from '../../../shaders/mlp_layer_backward_gaussian_sample_backward.wgsl';
import mlpLayerBackwardWeights from '../../../shaders/mlp_layer_backward_weights.wgsl';
import mlpLayerForward from '../../../shaders/mlp_layer_forward.wgsl';
import mlpLayersBackward from '../../../shaders/mlp_layers_backward.wgsl';
import mlpLayersBackwardWeights from '../../../shaders/mlp_layers_backward_weights.wgsl';
import mlpLayersBackwardWeightsAdam from '../../../shaders/mlp_layers_backward_weights_adam.wgsl';
import mlpLayersForward from '../../../shaders/mlp_layers_forward.wgsl';
import philox from '../../../shaders/philox.wgsl';
import philoxGaussianSample from '../../../shaders/philox_gaussian_sample.wgsl';
import replaySample from '../../../shaders/replay_sample.wgsl';
import scatterAdd from '../../../shaders/scatter_add.wgsl';
import temperatureStep from '../../../shaders/temperature_step.wgsl';
import tick from '../../../shaders/tick.wgsl';
import { BackendError } from '../../errors.ts';
import { activations, layerTiles, type Params, SUM_THREADS, type Tiles } from '../../program/kernels.ts';
import type { JoinedStep, KernelStep } from '../../program/program.ts';

const includes: Readonly<Record<string, string>> = {
  activation,
  gaussian,
  hidden,
  layer_backward: layerBackwardInclude,
  layer_forward: layerForwardInclude,
  long_sum: longSum,
  made,
  math,
  neighbours,
  pass: passInclude,
  philox: philoxBlock,
  sum,
  tile,
  mlp_forward: mlpForwardInclude,
  mlp_backward: mlpBackwardInclude,
  mlp_weights: mlpWeightsInclude,
  adam: adamInclude,
  write_dz: writeDz,
  draws: drawsInclude,
  drawn_noise: drawnNoise,
  gaussian_sample: gaussianSampleInclude,
  gaussian_backward: gaussianBackwardInclude,
};

/** Puts included text in place of `// @include name` lines, each file once. */
export function resolveIncludes(source: string, seen: Set<string> = new Set()): string {
  return source.replace(/^\/\/ @include (\w+)\n/gm, (_line, name: string) => {
    const text = includes[name];
    if (text === undefined) throw new BackendError(`A shader includes '${name}', which does not exist.`);
    if (seen.has(name)) return '';
    seen.add(name);
    return resolveIncludes(text, seen);
  });
}

const sources: Readonly<Record<string, string>> = {
  adam,
  assign,
  loss_reverse_kl_mlp_backward_inputs: lossReverseKlMlpBackwardInputs,
  loss_soft_bellman_mlp_backward_inputs: lossSoftBellmanMlpBackwardInputs,
  gaussian_sample_backward_mlp_backward_inputs: gaussianSampleBackwardMlpBackwardInputs,
  mlp_forward_gaussian_sample: mlpForwardGaussianSample,
  philox_gaussian_sample: philoxGaussianSample,
  mlp_backward_weights_adam: mlpBackwardWeightsAdam,
  temperature_step: temperatureStep,

  gather,
  gathered_nodes: gatheredNodes,
  gaussian_log_prob: gaussianLogProb,
  gaussian_log_prob_backward: gaussianLogProbBackward,
  gaussian_sample: gaussianSample,
  gaussian_sample_backward: gaussianSampleBackward,
  loss_reverse_kl: lossReverseKl,
  loss_score: lossScore,
  loss_snis: lossSnis,
  loss_soft_bellman: lossSoftBellman,
  matmul,
  mlp_backward_inputs: mlpBackwardInputs,
  mlp_backward_weights: mlpBackwardWeights,
  mlp_forward: mlpForward,
  mlp_layer_backward: mlpLayerBackward,
  mlp_layer_backward_gaussian_sample_backward: mlpLayerBackwardGaussianSampleBackward,
  mlp_layer_backward_weights: mlpLayerBackwardWeights,
  mlp_layer_forward: mlpLayerForward,
  mlp_layers_backward: mlpLayersBackward,
  mlp_layers_backward_weights: mlpLayersBackwardWeights,
  mlp_layers_backward_weights_adam: mlpLayersBackwardWeightsAdam,
  mlp_layers_forward: mlpLayersForward,
  philox,
  replay_sample: replaySample,
  scatter_add: scatterAdd,
  tick,
};

/** Every kernel's WGSL with its includes, by the kernel's name. */
export const shaders: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(sources).map(([name, source]) => [name, resolveIncludes(source)]),
);

/** Rows and columns that a layer kernel's tiles divide. */
const layerEdges: Readonly<Record<string, readonly [rows: string, columns: string]>> = {
  mlp_layer_forward: ['rows', 'outputs'],
  mlp_layer_backward: ['rows', 'columns'],
  mlp_layer_backward_gaussian_sample_backward: ['rows', 'columns'],
  mlp_layer_backward_weights: ['inputs', 'outputs'],
};

/** Quads leave a kernel as a whole, of which a compiler that checks uniformity knows nothing. */
export const quadDirectives = 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n';

/** Parameters that choose what a kernel does, rather than say how much of it. */
const layerChoices = /\bparams\.((?:has|store)[A-Z]\w*|activation|squash)\b/g;
const choices = /\bparams\.((?:has|store)[A-Z]\w*|activation|baseline|decoupled|kind|layers|nets|squash)\b/g;

/**
 * The kernel of a step with the parameters that choose its code written in as literals, and of each `switch`
 * over one of them only the case that was chosen: software adapters otherwise compute every case, and every
 * adapter compiles it. The tiles of the network kernels become as wide as their widest layer, so that narrow
 * networks leave workgroup memory for others; those of a layer as fit it, with their loops unrolled, so that they stay
 * in registers.
 *
 * @param subgroups whether sums over a workgroup and layers go by subgroups, which the device must have
 */
export function specialise(step: KernelStep | JoinedStep, subgroups = false): string {
  const { params } = step;
  const edges = layerEdges[step.kernel];
  if (edges) {
    const [rows, columns] = edges.map((name) => params[name]);
    // What ends a tile is written out only where it is little, and not what a joined kernel has there.
    return specialiseLayer(step.kernel, params, layerTiles(rows, columns, subgroups), step.kind === 'kernel');
  }
  const widest = Math.max(
    ...Array.from({ length: (params.layers ?? 0) + 1 }, (_, i) => params[`d${i}`] ?? 1),
  );
  const items = (params.samples ?? 1) * (params.batch ?? 1);
  const { most, least, items: each } = SUM_THREADS;
  const threads = Math.min(most, Math.max(least, 2 ** Math.ceil(Math.log2(items / each))));
  const whole = shaders[step.kernel];
  const text =
    subgroups && whole.includes(sum) ? `enable subgroups;\n${whole.replace(sum, sumSubgroups)}` : whole;
  const source = (params.half ? text.replace('const HALF = false', 'const HALF = true') : text)
    .replace(
      'const SCALE = 1.0',
      `const SCALE = ${2 ** Math.ceil(Math.log2(params.half ? params.rows : 1))}.0`,
    )
    .replace(/\bconst WIDTH = \d+u/, `const WIDTH = ${widest}u`)
    .replace(`const THREADS = ${most}u`, `const THREADS = ${threads}u`);
  return chosen(source, choices, params);
}

/**
 * The kernel of one layer with these tiles, its loops over them written out, and with the parameters that choose its code as
 * literals.
 *
 * @param plain whether what ends a tile is little, but for the activation: compiling takes time in proportion
 */
export function specialiseLayer(kernel: string, params: Params, tiles: Tiles, plain: boolean): string {
  const { rows: ROWS, columns: COLUMNS, rowSharers: ROW_SHARERS, columnSharers: COLUMN_SHARERS } = tiles;
  const LOADED_COLUMNS = COLUMNS / COLUMN_SHARERS;
  const sharing = ROW_SHARERS > 1 ? neighboursQuads : neighboursColumns;
  const whole = shaders[kernel];
  const source = (COLUMN_SHARERS > 1 ? quadDirectives + whole.replace(neighbours, sharing) : whole)
    .replace(/\bconst ROWS = \d+u/, `const ROWS = ${ROWS}u`)
    .replace(/\bconst COLUMNS = \d+u/, `const COLUMNS = ${COLUMNS}u`)
    .replace(/\bconst FIT = false/, `const FIT = ${tiles.fit}`)
    // Compilers that take a branch whose condition is known for one take time for it.
    .replace(/if \(FIT \|\| .*\) \{$/gm, (condition) => (tiles.fit ? '{' : condition));
  const short = tiles.fit && plain && ['identity', 'relu'].includes(activations[params.activation]);
  const text = short ? source.replaceAll('@unroll short', '@unroll') : source;
  return unroll(chosen(text, layerChoices, params), {
    ROWS,
    COLUMNS,
    ROW_SHARERS,
    LOADED_ROWS: ROWS / ROW_SHARERS,
    LOADED_COLUMNS,
    TILE: ROWS * COLUMNS,
    PAIRED_COLUMNS: Math.min(2 * LOADED_COLUMNS, COLUMNS),
  });
}

/** The text with the parameters that `names` finds as literals, and of each `switch` over one the case chosen. */
function chosen(source: string, names: RegExp, params: Params): string {
  return source
    .replace(names, (_text, name: string) => `${params[name] ?? 0}u`)
    .replace(
      /^( *)switch (\d+u) \{\n([\s\S]*?)^\1\}\n/gm,
      (_text, indent: string, chosen: string, body: string) => {
        const cases = [...body.matchAll(/^( *)(?:case (\d+u)|default): (\{.*\}|\{\n[\s\S]*?^\1\})$/gm)];
        const block = cases.find(([, , label]) => label === chosen) ?? cases.find(([, , label]) => !label);
        return `${indent}${block?.[3] ?? ''}\n`;
      },
    );
}

/**
 * Writes each loop marked `// @unroll`, from 0 or a constant to a constant of those given, as its body again and again with
 * the number of the pass as a literal. Software adapters keep an array in registers only if nothing else indexes it.
 */
export function unroll(source: string, constants: Readonly<Record<string, number>>): string {
  const loop = /^( *)for \(var (\w+) = (\w+); \2 < (\w+); \2\+\+\) \{ \/\/ @unroll\n([\s\S]*?)^\1\}\n/gm;
  return source.replace(
    loop,
    (_text, indent: string, variable: string, from: string, to: string, body: string) => {
      const inner = unroll(body, constants);
      const first = constants[from] ?? 0;
      const passes = Array.from(
        { length: constants[to] - first },
        (_, i) =>
          `${indent}{\n${inner.replace(new RegExp(`\\b${variable}\\b`, 'g'), `${first + i}u`)}${indent}}\n`,
      );
      return passes.join('');
    },
  );
}

/** The declarations of `shaders/include/math.wgsl` that a text uses, directly or through each other. */
export function mathFor(body: string): string {
  const wanted: string[] = [];
  const search = (text: string): void => {
    for (const { name, text: declaration } of declarations) {
      if (wanted.includes(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      wanted.push(name);
      search(declaration);
    }
  };
  search(body);
  return declarations
    .filter(({ name }) => wanted.includes(name))
    .map(({ text }) => `${text}\n`)
    .join('');
}

/** Top-level declarations of the mathematics, without comments. */
const declarations = [...math.matchAll(/^(?:fn (\w+)[\s\S]*?^\}|var<private> (\w+).*;)\n/gm)].map(
  ([text, fn, variable]) => ({ name: fn ?? variable, text: text.replace(/^ *\/\/.*\n/gm, '') }),
);
